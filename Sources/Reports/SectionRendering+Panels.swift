// From rows to waterfalls and heat maps: a waterfall for each row, a heat map for each series.
// Invariant: nothing is added up, so figures of two currencies never meet in one picture; what is not drawn is said,
// with the CSV that has it all.

internal import Definitions
internal import Markup
internal import Money

extension SectionRendering {
  /// How many pictures a section has at most.
  static let mostPanels = 6
  /// How many rows stand beside them.
  static let rowsBesidePanels = 400

  func panels(
    _ drawn: (panels: [ChartPanel], note: String?), _ section: ReportSection, _ dataset: Dataset
  ) -> ContentBlock {
    var block = ContentBlock(title: section.title, body: .panels(drawn.panels, note: drawn.note), dataset: dataset)
    block.dataset?.rows = Array(dataset.rows.prefix(Self.rowsBesidePanels))
    return block
  }

  // MARK: Waterfalls

  /// - Parameter ys: the columns of the opening, the steps and the closing.
  func waterfalls(
    x: Int, ys: [Int], section: ReportSection, index: Int, dataset: Dataset
  ) -> (panels: [ChartPanel], note: String?) {
    guard let first = ys.first, let last = ys.last, ys.count > 1 else { return ([], nil) }
    func currencies(_ row: [Figure]) -> Set<String> { Set(ys.compactMap { dataset.currency(of: $0, in: row) }) }
    let alike = dataset.rows.filter { currencies($0).count < 2 }
    let rows = alike.prefix(Self.mostPanels)
    var notes: [String] = []
    if alike.count < dataset.rows.count {
      let mixed = dataset.rows.reduce(into: Set<String>()) {
        if currencies($1).count > 1 { $0.formUnion(currencies($1)) }
      }
      notes.append(
        "Not drawn: \(dataset.rows.count - alike.count) of \(dataset.rows.count), whose steps would add amounts in "
          + "\(mixed.sorted().joined(separator: ", ")).")
    }
    notes += [
      note(rows.count, of: dataset.totalRows - dataset.rows.count + alike.count, dataset),
      ChartPoints.undrawnNote(
        rows.reduce(0) { sum, row in sum + ys.count { row[$0].isUncountable } }, csv: dataset.csvPath),
    ].compactMap(\.self)
    let panels = rows.enumerated().map { place, row in
      let currency = currencies(row).first
      func figure(_ column: Int) -> Waterfall.Row {
        Waterfall.Row(label: dataset.columns[column].label, value: row[column].number)
      }
      let name = dataset.text(row, x)
      return ChartPanel(
        name: name,
        drawing: .waterfall(
          Waterfall(
            identifier: "\(report.name)-\(index + 1)-\(place + 1)", title: title(section, name),
            opening: figure(first), steps: ys.dropFirst().dropLast().map(figure), closing: figure(last),
            format: dataset.columns[first].format.figureFormat(currency: currency), unit: currency ?? "")))
    }
    return (panels, notes.isEmpty ? nil : notes.joined(separator: " "))
  }

  // MARK: Heat maps

  func heatMaps(
    x: Int, y: Int, value: Int, by: Int?, section: ReportSection, index: Int, dataset: Dataset
  ) -> (panels: [ChartPanel], note: String?) {
    let division = SeriesNames(dataset: dataset, figures: [value], by: by)
    var names: [String] = []
    var groups: [String: [[Figure]]] = [:]
    for row in dataset.rows where row[x] != .missing && row[y] != .missing {
      let name = division.name(of: value, in: row)
      if groups[name] == nil { names.append(name) }
      groups[name, default: []].append(row)
    }
    var (repeated, undrawn) = (0, 0)
    let panels = names.prefix(Self.mostPanels).enumerated().map { place, name in
      let rows = groups[name] ?? []
      let grid = FigureGrid(rows: rows, x: x, y: y, value: value)
      repeated += grid.repeated
      undrawn += rows.count { $0[value].isUncountable }
      let currencies = Set(rows.compactMap { dataset.currency(of: value, in: $0) })
      let unit = currencies.count == 1 ? currencies.first ?? "" : ""
      let format = dataset.columns[value].format.figureFormat(currency: unit.isEmpty ? nil : unit)
      let columns = grid.columns.map { dataset.columns[x].format.name($0) }
      let sides = grid.sides.map { dataset.columns[y].format.name($0) }
      return ChartPanel(
        name: name,
        drawing: .heatMap(
          HeatMap(
            identifier: "\(report.name)-\(index + 1)-\(place + 1)", title: title(section, name),
            finding: grid.finding(
              columns: columns, sides: sides, titles: (dataset.columns[x].label, dataset.columns[y].label),
              format: format, unit: unit),
            columnTitle: dataset.columns[x].label, rowTitle: dataset.columns[y].label, columns: columns, rows: sides,
            cells: grid.cells, format: format, unit: unit)))
    }
    var notes = [note(panels.count, of: names.count, dataset)].compactMap { $0 }
    if repeated > 0 {
      notes.append("Several rows for one cell, \(repeated) in all, are not drawn: the last of each is.")
    }
    notes += [Self.cutNote(dataset), ChartPoints.undrawnNote(undrawn, csv: dataset.csvPath)].compactMap { $0 }
    return (panels, notes.isEmpty ? nil : notes.joined(separator: " "))
  }

  private func title(_ section: ReportSection, _ name: String) -> String {
    name.isEmpty ? section.title : "\(section.title): \(isolated(shortened(name, to: 60)))"
  }

  private func note(_ drawn: Int, of all: Int, _ dataset: Dataset) -> String? {
    drawn < all ? "The first \(drawn) of \(all) are drawn; all in \(dataset.csvPath)." : nil
  }
}

/// Rows turned into a grid: names along the top and the side, dates and numbers in their order, others as they come.
///
/// Rows may have as many names as there are rows, both ways; so much is kept as there are rows, and as many cells are made
/// as are drawn.
struct FigureGrid: Sendable {
  private struct Place: Hashable, Comparable {
    var side: Int
    var column: Int

    static func < (left: Place, right: Place) -> Bool { (left.side, left.column) < (right.side, right.column) }
  }

  var columns: [Figure]
  var sides: [Figure]
  /// The figures by their place; what is missing has none.
  private var figures: [Place: ExactDecimal] = [:]
  /// How many cells had more than one row.
  var repeated = 0

  init(rows: [[Figure]], x: Int, y: Int, value: Int) {
    columns = Self.ordered(rows.map { $0[x] })
    sides = Self.ordered(rows.map { $0[y] })
    let across = Dictionary(uniqueKeysWithValues: columns.enumerated().map { ($0.element, $0.offset) })
    let down = Dictionary(uniqueKeysWithValues: sides.enumerated().map { ($0.element, $0.offset) })
    var filled: Set<Place> = []
    for row in rows {
      guard let column = across[row[x]], let side = down[row[y]] else { continue }
      let place = Place(side: side, column: column)
      if !filled.insert(place).inserted { repeated += 1 }
      figures[place] = row[value].number
    }
  }

  /// The figures of the rows and columns that a map draws.
  var cells: [[ExactDecimal?]] {
    (0..<min(sides.count, HeatMap.maximumRows)).map { side in
      (0..<min(columns.count, HeatMap.maximumColumns)).map { figures[Place(side: side, column: $0)] }
    }
  }

  private static func ordered(_ figures: [Figure]) -> [Figure] {
    var seen: Set<Figure> = []
    let distinct = figures.filter { seen.insert($0).inserted }
    let numbers = distinct.compactMap(\.number)
    if numbers.count == distinct.count { return numbers.sorted().map { .number($0) } }
    let dates = distinct.compactMap { figure -> CivilDate? in
      if case .date(let date) = figure { date } else { nil }
    }
    return dates.count == distinct.count ? dates.sorted().map { .date($0) } : distinct
  }

  /// The highest and the lowest figure and where they stand.
  func finding(
    columns: [String], sides: [String], titles: (x: String, y: String), format: FigureFormat, unit: String
  ) -> String {
    // Of equal ones the first.
    guard let high = figures.min(by: { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }),
      let low = figures.min(by: { $0.value == $1.value ? $0.key < $1.key : $0.value < $1.value })
    else { return "No data." }
    func said(_ cell: (key: Place, value: ExactDecimal)) -> String {
      "\(format.spelled(cell.value))\(unit.isEmpty ? "" : " \(unit)") (\(titles.y) \(name(sides[cell.key.side])), "
        + "\(titles.x) \(name(columns[cell.key.column])))"
    }
    let count = "\(FigureFormat.integer.text(ExactDecimal(figures.count))) figures"
    if figures.count == 1 { return "One figure: \(said(high))." }
    if high.value == low.value {
      return "\(count), all \(format.spelled(high.value))\(unit.isEmpty ? "" : " \(unit)")."
    }
    return "\(count): highest \(said(high)), lowest \(said(low))."
  }

  private func name(_ text: String) -> String { isolated(shortened(text, to: 60)) }
}
