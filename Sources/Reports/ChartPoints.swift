// The rows of a chart turned into series over one axis, and what they show in words.
// Invariant: a series holds amounts of one currency, written with the decimals of that currency; a figure that cannot be
// drawn is counted, never taken for a missing one. There may be as many series and places as rows: a value for each place
// is made of the series that are drawn alone.
// Drawing them is elsewhere: the room Markup.

internal import Markup
internal import Money

/// The series of a chart.
struct ChartPoints {
  var axis: ChartAxis
  /// Those with the largest totals where there are more than can be drawn. Nothing is added up into an "other", because
  /// series may be currencies.
  var series: [ChartSeries]
  /// How many series the rows have.
  let seriesCount: Int
  /// The one currency of all figures where no series says it, or empty.
  var unit = ""
  /// Whether there are amounts of more than one currency.
  let isOfSeveralCurrencies: Bool
  /// How figures are written where a series does not say otherwise.
  var format: FigureFormat
  /// How many figures have a place that another row has too; only the last is drawn.
  var repeated = 0
  /// How many figures no place on an axis can be found for: infinite ones, and those of very many digits.
  var undrawn = 0

  init(dataset: Dataset, x: Int, ys: [Int], by: Int?, keeping limit: Int = Chart.maximumSeries) {
    var positions: [Figure: Int] = [:]
    var order: [Figure] = []
    for row in dataset.rows where positions[row[x]] == nil && row[x] != .missing {
      positions[row[x]] = order.count
      order.append(row[x])
    }
    let dates = order.compactMap(\.day)
    if dates.count == order.count, !order.isEmpty {
      let sorted = order.indices.sorted { dates[$0] < dates[$1] }
      for (place, index) in sorted.enumerated() { positions[order[index]] = place }
      let ascending = sorted.map { dates[$0] }
      axis = ascending.count > 1 && ascending.allSatisfy { $0.day == 1 } ? .months(ascending) : .days(ascending)
    } else {
      axis = .categories(order.map { dataset.columns[x].format.name($0) })
    }
    let names = SeriesNames(dataset: dataset, figures: ys, by: by)
    var found: [String] = []
    var values: [String: [Int: ExactDecimal]] = [:]
    var currencies: [String: String] = [:]
    for row in dataset.rows {
      guard let place = positions[row[x]] else { continue }
      for y in ys {
        let name = names.name(of: y, in: row)
        if values[name] == nil {
          found.append(name)
          values[name] = [:]
          currencies[name] = dataset.currency(of: y, in: row)
        }
        if values[name]?[place] != nil { repeated += 1 }
        if case .numeral = row[y] { undrawn += 1 }
        values[name]?[place] = row[y].number
      }
    }
    // By name, so that a currency has the same colour in every chart of a page.
    if by != nil || names.tellsCurrency { found.sort() }
    let kind = dataset.columns[ys.first ?? x].format
    let common = kind.figureFormat(currency: names.only)
    format = common
    unit = names.isNamedByCurrency ? "" : names.only ?? ""
    isOfSeveralCurrencies = Set(currencies.values).count > 1
    seriesCount = found.count
    if found.count > limit {
      found = largest(limit, of: found) { name in
        (values[name] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
      }
    }
    series = found.map { name in
      let own = kind.figureFormat(currency: currencies[name] ?? names.only)
      let points = values[name] ?? [:]
      return ChartSeries(name: name, values: order.indices.map { points[$0] }, format: own == common ? nil : own)
    }
  }

  /// That there are more series than are drawn; nil when there are not.
  func largestNote(csv: String) -> String? {
    series.count < seriesCount
      ? "The \(series.count) largest of \(seriesCount) series are drawn; all in \(csv)." : nil
  }

  /// That figures are left out of a picture because no place can be found for them; nil when none is.
  static func undrawnNote(_ count: Int, csv: String) -> String? {
    count == 0
      ? nil
      : "\(FigureFormat.integer.spelled(ExactDecimal(count))) \(count == 1 ? "figure is" : "figures are") left out: "
        + "infinite, no number, or of more than 38 digits; all in \(csv)."
  }
}

/// What the rows of a picture belong to, so that no series and no map holds amounts of two currencies.
struct SeriesNames {
  /// Whether names say the currency beside what the definition divides by.
  let tellsCurrency: Bool
  /// Whether the definition divides by the currency itself.
  let isNamedByCurrency: Bool
  /// The currency of all figures, when there is one.
  let only: String?
  private let dataset: Dataset
  private let by: Int?
  private let areSeveral: Bool

  init(dataset: Dataset, figures: [Int], by: Int?) {
    self.dataset = dataset
    self.by = by
    areSeveral = by == nil && figures.count > 1
    let currencies = Set(dataset.rows.flatMap { row in figures.map { dataset.currency(of: $0, in: row) ?? "" } })
    only = currencies.count == 1 ? currencies.first.flatMap { $0.isEmpty ? nil : $0 } : nil
    isNamedByCurrency = by != nil && figures.allSatisfy { dataset.columns[$0].format.currencyColumn == by }
    tellsCurrency = currencies.count > 1 && !isNamedByCurrency
  }

  func name(of figure: Int, in row: [Figure]) -> String {
    var parts: [String] = []
    if let by { parts.append(dataset.text(row, by)) } else if areSeveral { parts.append(dataset.columns[figure].label) }
    if tellsCurrency { parts.append(dataset.currency(of: figure, in: row) ?? "no currency") }
    return parts.joined(separator: ", ")
  }
}

/// The `count` of some series that amount to most, whatever the signs, in the order in which they stand; of equal ones the
/// first.
private func largest<Series>(
  _ count: Int, of series: [Series], values: (Series) -> [ExactDecimal]
) -> [Series] {
  let sizes = series.map { values($0).reduce(ExactDecimal.zero) { $0.adding($1.magnitude) ?? $0 } }
  let kept = Set(series.indices.sorted { (sizes[$1], $0) < (sizes[$0], $1) }.prefix(count))
  return series.indices.filter(kept.contains).map { series[$0] }
}

/// What a chart shows, in a sentence or two for each series.
struct ChartFinding {
  let axis: ChartAxis
  let series: [ChartSeries]
  let format: FigureFormat
  let unit: String
  /// Whether the figures of all series may be weighed against each other.
  var areOfOneUnit = true

  /// How many series are told where there are more.
  private static let mostTold = 3

  var text: String {
    let sentences = told.compactMap(sentence)
    if sentences.isEmpty { return "No data." }
    let rest = series.count - told.count
    return (sentences + (rest > 0 ? ["\(rest) smaller series."] : [])).joined(separator: " ")
  }

  /// The series that are told: of one unit the largest, in the order of the picture. Amounts of several currencies cannot
  /// be weighed against each other, so that all of them are.
  private var told: [ChartSeries] {
    guard areOfOneUnit, series.count > Self.mostTold else { return series }
    return largest(Self.mostTold, of: series) { $0.values.compactMap(\.self) }
  }

  private func label(_ index: Int) -> String { isolated(shortened(axis.label(index), to: 60)) }

  private func sentence(_ series: ChartSeries) -> String? {
    func figure(_ value: ExactDecimal) -> String {
      (series.format ?? format).spelled(value) + (unit.isEmpty ? "" : " \(unit)")
    }
    let present = series.values.indices.compactMap { index in series.values[index].map { (index, $0) } }
    guard let last = present.last, let high = present.max(by: { $0.1 < $1.1 }),
      let low = present.min(by: { $0.1 < $1.1 })
    else { return nil }
    let name = series.name.isEmpty ? "" : "\(isolated(shortened(series.name, to: 60))): "
    if present.count == 1 { return "\(name)\(figure(last.1)), \(label(last.0))." }
    if low.1 == high.1 { return "\(name)\(figure(last.1)) throughout." }
    if case .categories = axis {
      return "\(name.isEmpty ? "Highest" : name + "highest") \(label(high.0)) with \(figure(high.1)), "
        + "lowest \(label(low.0)) with \(figure(low.1))."
    }
    let on = if case .days = axis { "on" } else { "in" }
    return "\(name)\(figure(last.1)) \(on) \(axis.label(last.0)); highest \(figure(high.1)) (\(axis.label(high.0))), "
      + "lowest \(figure(low.1)) (\(axis.label(low.0)))."
  }
}
