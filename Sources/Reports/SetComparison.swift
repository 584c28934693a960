// Which figures of the reports differ between two published sets: by report, section, row and column.
// Invariant: what is compared are the files of the sets, all rows of each section, so that the answer holds without a
// database and whatever has become of the data since. Figures are compared as exact decimals, everything else as text.
// Which files were loaded between the two is asked of the ledger elsewhere: SetComparison+Batches.

internal import CSV
internal import Definitions
internal import FoundationEssentials
public import Ledger
internal import Money

/// What changed from one set to another.
public struct SetComparison: Sendable {
  /// One figure or one row.
  public struct Change: Sendable, Hashable {
    /// What happened to it.
    public enum Kind: String, Sendable, Hashable {
      /// The figure is another one.
      case changed
      /// The row is only in the second set.
      case added
      /// The row is only in the first set.
      case removed
    }

    /// The report.
    public var report: String
    /// The section's heading.
    public var section: String
    /// What names the row: its columns and their values.
    public var row: [String]
    /// What happened.
    public var kind: Kind
    /// The column of the figure; empty for a whole row.
    public var column: String
    /// What it was, in the plain form of the CSV; for a removed row all its values.
    public var before: String
    /// What it is; for an added row all its values.
    public var after: String
    /// The difference of two numbers; nil where one of both is none.
    public var delta: String?
  }

  /// The first set.
  public let before: PublishedSet
  /// The second set.
  public let after: PublishedSet
  /// All changes, in the order of the pages.
  public let changes: [Change]
  /// What could not be compared, in words: sections that are only in one of both, and those without a file.
  public let unmatched: [String]

  /// Compares two sets.
  ///
  /// - Throws: `ReportError.cannotCompare` when a file of a set cannot be read.
  /// - Complexity: reads the CSV of every section of both sets.
  public init(from before: PublishedSet, to after: PublishedSet) throws(ReportError) {
    self.before = before
    self.after = after
    let (old, new) = (try SetDocument(before), try SetDocument(after))
    var changes: [Change] = []
    var unmatched = Set(old.withoutFile).union(new.withoutFile).sorted()
    for section in new.sections {
      guard let former = old.sections.first(where: { $0.place == section.place }) else {
        unmatched.append("\(section.place.report): \(section.title) is only in \(after.asOf)")
        continue
      }
      // Files of the same bytes hold the same figures.
      if before.manifest.file(at: former.csv)?.sha256 == after.manifest.file(at: section.csv)?.sha256 { continue }
      changes += Self.changes(
        in: section, from: try SectionRows(former, of: before), to: try SectionRows(section, of: after))
    }
    for section in old.sections where !new.sections.contains(where: { $0.place == section.place }) {
      unmatched.append("\(section.place.report): \(section.title) is only in \(before.asOf)")
    }
    self.changes = changes
    self.unmatched = unmatched
  }

  private static let figureFormats = Set(
    [CellFormat.money(currencyColumn: nil), .integer, .percent, .plain].map(\.name))

  private static func changes(in known: SetDocument.Section, from old: SectionRows, to new: SectionRows) -> [Change] {
    var section = known
    if section.columns.isEmpty { section.columns = new.columns.map { SetDocument.Column(name: $0, format: "") } }
    let key = SectionRows.key(of: section, old, new)
    // Digits that name something are no figures: "007" is not "7".
    let figures = Set(section.columns.filter { Self.figureFormats.contains($0.format) }.map(\.name))
    let (former, order) = (old.keyed(by: key), new.keyed(by: key))
    var changes: [Change] = []
    func change(
      _ row: [String], _ kind: Change.Kind, _ column: String = "", _ before: String = "", _ after: String = ""
    ) {
      var difference: ExactDecimal?
      if figures.contains(column), let x = ExactDecimal(before), let y = ExactDecimal(after) {
        difference = y.subtracting(x)
      }
      // The same amount with another number of zeros behind it has not changed.
      if kind == .changed, let difference, difference.isZero { return }
      changes.append(
        Change(
          report: section.place.report, section: section.title, row: row, kind: kind, column: column, before: before,
          after: after, delta: kind == .changed ? difference.map { $0.description } : nil))
    }
    func named(_ row: [String: String]) -> [String] { key.map { "\($0) \(row[$0] ?? "")" } }
    func values(_ row: [String: String], _ columns: [String]) -> String {
      columns.filter { !key.contains($0) }.map { "\($0) \(row[$0] ?? "")" }.joined(separator: ", ")
    }
    for (name, row) in order.rows {
      guard let was = former.byKey[name] else {
        change(named(row), .added, "", "", values(row, new.columns))
        continue
      }
      for column in new.columns where !key.contains(column) && old.columns.contains(column) {
        let (x, y) = (was[column] ?? "", row[column] ?? "")
        if x != y { change(named(row), .changed, column, x, y) }
      }
    }
    for (name, row) in former.rows where order.byKey[name] == nil {
      change(named(row), .removed, "", values(row, old.columns), "")
    }
    return changes
  }

  /// The comparison as `--json` prints it, without what the ledger says.
  public var members: [JSONValue.Member] {
    [
      .init("from", .string(before.asOf.description)), .init("to", .string(after.asOf.description)),
      .init("from_run", .string(before.runID)), .init("to_run", .string(after.runID)),
      .init(
        "changes",
        .array(
          changes.map { change in
            [
              "report": .string(change.report), "section": .string(change.section),
              "row": .array(change.row.map { .string($0) }), "change": .string(change.kind.rawValue),
              "column": .string(change.column), "before": .string(change.before), "after": .string(change.after),
              "delta": .optional(change.delta),
            ]
          })),
      .init("unmatched", .array(unmatched.map { .string($0) })),
    ]
  }
}

/// What `report.json` of a set says about its sections.
private struct SetDocument {
  struct Place: Hashable {
    var report: String
    var title: String
    /// Its number among the sections of that title.
    var number: Int
  }

  struct Column: Decodable {
    var name: String
    var format: String
    /// The column of an amount's currency.
    var currency: String?
  }

  struct Section {
    var place: Place
    var csv: String
    /// None where no file says what they are.
    var columns: [Column]

    var title: String { place.title }
  }

  var sections: [Section] = []
  /// What the set shows and has no file of that could be compared.
  var withoutFile: [String] = []

  private struct Document: Decodable {
    struct Report: Decodable {
      var name: String
      var sections: [Section]
    }

    struct Section: Decodable {
      var title: String
      var csv: String?
      var columns: [Column]?
    }

    var reports: [Report]
  }

  init(_ set: PublishedSet) throws(ReportError) {
    guard let bytes = set.folder.read("report.json", of: set.asOf),
      let document = try? JSONDecoder().decode(Document.self, from: Data(bytes))
    else { throw .cannotCompare(path: "\(set.directory)/report.json", reason: "it cannot be read") }
    for report in document.reports where !ReportDefinition.builtInPages.contains(report.name) {
      var numbers: [String: Int] = [:]
      for section in report.sections {
        guard let columns = section.columns else { continue }
        guard let csv = section.csv else {
          withoutFile.append("\(report.name): \(section.title) has no CSV among its outputs and is not compared")
          continue
        }
        numbers[section.title, default: 0] += 1
        sections.append(
          Section(
            place: Place(report: report.name, title: section.title, number: numbers[section.title] ?? 1), csv: csv,
            columns: columns))
      }
    }
    let told = Set(document.reports.map(\.name))
    for report in set.manifest.reports where !told.contains(report.name) {
      // Its files hold all rows, though nothing says what their columns are.
      let files = report.files.filter { $0.hasSuffix(".csv") }
      if files.isEmpty {
        withoutFile.append("\(report.name) has neither JSON nor CSV among its outputs and is not compared")
      }
      sections += files.map { csv in
        Section(place: Place(report: report.name, title: csv, number: 1), csv: csv, columns: [])
      }
    }
  }
}

/// The rows of one section as its CSV has them.
private struct SectionRows {
  var columns: [String] = []
  var rows: [[String]] = []

  init(_ section: SetDocument.Section, of set: PublishedSet) throws(ReportError) {
    let path = "\(set.directory)/\(section.csv)"
    do {
      var reader = ChunkReader(
        source: try FileByteSource(path: path), dialect: .standard, encoding: .utf8, expectedFieldCount: nil)
      var parser = RecordParser(dialect: .standard)
      var records: [[String]] = []
      while let chunk = try reader.next() {
        parser.parse(chunk) { record in
          records.append((0..<record.fieldCount).map { String(decoding: record[$0].bytes, as: UTF8.self) })
        }
      }
      columns = records.first ?? []
      rows = Array(records.dropFirst())
    } catch {
      throw .cannotCompare(path: path, reason: "\(error)")
    }
  }

  /// The columns that tell the rows of both sides apart: the currencies of all amounts, so that no amount is compared with
  /// one in another currency, and beside them as few as do, names of things first, then time.
  ///
  /// A column that is no key is a figure, also when it is text: a customer whose last payment moves is still that customer.
  static func key(of section: SetDocument.Section, _ old: SectionRows, _ new: SectionRows) -> [String] {
    func rank(_ column: SetDocument.Column) -> Int {
      if column.name.hasSuffix("_id") || column.format == "identifier" { return 0 }
      if column.name == FigureTie.currency { return 1 }
      return column.format == "date" ? 2 : 3
    }
    let isName = { (column: SetDocument.Column) in rank(column) < 3 || column.format == "text" }
    let names = section.columns.filter(isName).enumerated()
      .sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }.map(\.element.name)
    // Where names do not tell rows apart a figure has to, such as "the best 10%": the leftmost first.
    let figures = section.columns.map(\.name).filter { !names.contains($0) }
    let amounts = section.columns.filter {
      $0.format == CellFormat.money(currencyColumn: nil).name || $0.format.isEmpty
    }
    // Where no file says which column it is it has this name.
    var key = Set(amounts.map { $0.currency ?? FigureTie.currency }).sorted()
    for name in names + figures where !key.contains(name) {
      if !(old.isUnique(by: key) && new.isUnique(by: key)) { key.append(name) }
    }
    // In the order of the table.
    return section.columns.map(\.name).filter(key.contains)
  }

  private func isUnique(by key: [String]) -> Bool {
    let places = key.compactMap { columns.firstIndex(of: $0) }
    var seen: Set<[String]> = []
    return rows.allSatisfy { row in seen.insert(places.map { $0 < row.count ? row[$0] : "" }).inserted }
  }

  /// The rows under their keys; the second of two equal keys stands under its number.
  func keyed(by key: [String]) -> (rows: [(String, [String: String])], byKey: [String: [String: String]]) {
    var list: [(String, [String: String])] = []
    var byKey: [String: [String: String]] = [:]
    var counts: [String: Int] = [:]
    for row in rows {
      let values = Dictionary(zip(columns, row), uniquingKeysWith: { first, _ in first })
      let base = key.map { values[$0] ?? "" }.joined(separator: "\u{0}")
      // All keys have as many parts; with a number behind it one has more, and so is none of the others.
      let number = counts[base, default: 0] + 1
      counts[base] = number
      let name = number == 1 ? base : "\(base)\u{0}\(number)"
      byKey[name] = values
      list.append((name, values))
    }
    return (list, byKey)
  }
}
