// How figures changed, in words: the comparatives of tiles, and the sentences about what moved a figure most.
// Invariant: a sentence says only what its row holds, exactly; against a base of zero or less a ratio is "n/m", and no
// two rows are ever added, for they may be of two currencies.
// Which movements there are, and their order, is the SQL of the report.

internal import Definitions
internal import Markup
internal import Money

/// A figure against an earlier one.
struct FigureChange: Sendable, Hashable {
  /// In proportion.
  let ratio: ChangeRatio
  /// The difference; nil when one of both is missing.
  let difference: ExactDecimal?
  /// The difference with its sign; empty when there is none, or nothing changed.
  let delta: String
  /// `favourable`, `adverse`, or empty.
  let judgement: String

  init(
    from base: ExactDecimal?, to value: ExactDecimal?, format: CellFormat, currency: String?,
    better: ColumnFormat.Better?
  ) {
    ratio = ChangeRatio(from: base, to: value)
    let difference = base.flatMap { base in value.flatMap { $0.subtracting(base) } }
    self.difference = difference
    guard let difference, !difference.isZero else {
      delta = ""
      judgement = ""
      return
    }
    let signed = format.figureFormat(currency: currency).signed(difference)
    // A share that goes from 20% to 25% is up by five points, and by a quarter.
    delta = format == .percent ? signed.replacing("%", with: " points") : signed
    judgement = better.map { ($0 == .up) != difference.isNegative ? "favourable" : "adverse" } ?? ""
  }
}

extension Dataset {
  /// The columns that a figure is compared with: those named like its own with `_prior…`, `_previous…` or `_last…`
  /// behind. Their labels say what they are.
  func comparisons(of column: Int) -> [Int] {
    columns.indices.filter { Self.isComparison(columns[$0].name, of: columns[column].name) }
  }

  static func isComparison(_ name: String, of base: String) -> Bool {
    ["_prior", "_previous", "_last"].contains { name.hasPrefix(base + $0) }
  }

  /// A figure of a row against all that it is compared with.
  func compared(_ index: Int, in row: [Figure]) -> [Tile.Comparison] {
    let (column, currency) = (columns[index], currency(of: index, in: row))
    return comparisons(of: index).map { other in
      let change = FigureChange(
        from: row[other].number, to: row[index].number, format: column.format, currency: currency,
        better: column.better)
      // Of two currencies one is said, and nothing is reckoned.
      let foreign = self.currency(of: other, in: row).flatMap { $0 == currency ? nil : $0 }
      let format = column.format.figureFormat(currency: foreign ?? currency)
      let base = row[other].number.map(format.spelled) ?? row[other].plainText
      if foreign != nil || row[index].isUncountable || row[other].isUncountable {
        return Tile.Comparison(
          label: columns[other].label, base: base + (foreign.map { " \($0)" } ?? ""), change: .notMeaningful)
      }
      return Tile.Comparison(
        label: columns[other].label, base: base, change: change.ratio, delta: change.delta, judgement: change.judgement)
    }
  }
}

/// The sentences of a `moves:` section.
struct MoveSentences {
  let definition: MovesDefinition
  let dataset: Dataset
  /// Where the figure stands, and the one it is compared with.
  let now: Int
  let before: Int

  /// How many sentences there are when the definition says nothing; the CSV has all rows.
  static let shown = 6
  /// Longer names are cut in a sentence.
  static let longestName = 80

  /// One sentence for each row, and how many movements there are when not all are told.
  var paragraphs: [String] {
    if dataset.rows.isEmpty { return ["Nothing moved: there are no figures to compare."] }
    var sentences = dataset.rows.map(sentence)
    if let (shown, total) = dataset.truncation {
      sentences.append(
        "\(shown) of \(total) movements" + (dataset.isWritten ? "; all in \(dataset.csvPath)" : "."))
    }
    return sentences
  }

  private func sentence(_ row: [Figure]) -> String {
    let column = dataset.columns[now]
    let currency = dataset.currency(of: now, in: row)
    let format = column.format.figureFormat(currency: currency)
    let unit = currency.map { " \($0)" } ?? ""
    let head = "\(subject(row)): \(Self.lowered(column.label))"
    let foreign = dataset.currency(of: before, in: row).flatMap { $0 == currency ? nil : $0 }
    if foreign != nil || row[now].isUncountable || row[before].isUncountable {
      func said(_ figure: Figure, in currency: String?) -> String {
        let format = column.format.figureFormat(currency: currency)
        let unit = currency.map { " \($0)" } ?? ""
        return figure == .missing ? "no figure" : "\(figure.number.map(format.spelled) ?? figure.plainText)\(unit)"
      }
      return "\(head) is \(said(row[now], in: currency)), against \(said(row[before], in: foreign ?? currency)) in "
        + "\(definition.against); the two cannot be compared exactly."
    }
    guard let value = row[now].number else { return "\(head) has no figure." }
    guard let base = row[before].number else {
      return "\(head) is \(format.spelled(value))\(unit); there is no figure for \(definition.against)."
    }
    let change = FigureChange(
      from: base, to: value, format: column.format, currency: currency, better: column.better)
    guard let difference = change.difference, !difference.isZero else {
      return "\(head) did not move: \(format.spelled(value))\(unit), as in \(definition.against)."
    }
    let size = format.exactlySpelled(difference.isNegative ? -difference : difference)
    let proportion =
      switch change.ratio {
      case .ratio, .slight: change.ratio.text
      case .notMeaningful, .missing: "n/m"
      }
    let verdict = change.judgement.isEmpty ? "" : ": \(change.judgement)"
    return "\(head) \(difference.isNegative ? "fell" : "rose") by \(size)\(unit) (\(proportion)) to "
      + "\(format.spelled(value)), from \(format.spelled(base)) in \(definition.against)\(verdict)."
  }

  /// The words of the row: `Product Oak lamp 7`, `Currency USD`.
  private func subject(_ row: [Figure]) -> String {
    let currency: Int? = if case .money(let place) = dataset.columns[now].format { place } else { nil }
    let texts = dataset.columns.indices.compactMap { index -> String? in
      guard case .text(let text) = row[index], index != currency, !text.isEmpty else { return nil }
      // Each an island, so that the figures behind a name from right to left stay where they are.
      return isolated(shortened(text, to: Self.longestName))
    }
    if !texts.isEmpty { return texts.joined(separator: " ") }
    return currency.map { row[$0].plainText } ?? "All"
  }

  /// A label within a sentence: only a first word that is no abbreviation loses its capital.
  private static func lowered(_ label: String) -> String {
    guard let second = label.dropFirst().first, second.isLowercase || second == " " else { return label }
    return label.prefix(1).lowercased() + label.dropFirst()
  }
}
