// What a section draws, and how its columns are written: the words of `type:` and of `columns:`.
// Invariant: a chart has exactly the columns that its type can draw; whether the source has them is checked by
// ReportResolver where Daybook knows it, else by PostgreSQL.

internal import Finding

extension ReportReader {
  func readChart(_ reader: MappingReader, into draft: inout SectionDraft) {
    let y = reader.identifiers("y", .column)
    let type = reader.word("type", ChartDefinition.ChartType.self)
    let chart = ChartDefinition(
      type: type ?? .line, x: reader.identifier("x", .column) ?? "", y: y.map(\.name),
      series: reader.identifier("series", .column), value: reader.identifier("value", .column))
    check(chart, type, reader, places: y.map(\.position))
    draft.section.kind = .chart(chart)
    if reader.has("x") { draft.columnUses.append((chart.x, reader.position(of: "x"))) }
    draft.columnUses += y.map { ($0.name, $0.position) }
    if let series = chart.series { draft.columnUses.append((series, reader.position(of: "series"))) }
    if let value = chart.value { draft.columnUses.append((value, reader.position(of: "value"))) }
  }

  /// Bars that stand upon each other add up, and amounts of two currencies have no sum.
  func checkStacking(_ reader: MappingReader, _ section: ReportSection) {
    guard case .chart(let chart) = section.kind, chart.type == .stackedBar, let series = chart.series,
      let amount = section.columns.first(where: {
        chart.y.contains($0.column) && $0.kind == .money(currencyColumn: series)
      })
    else { return }
    findings.error(
      "mixed_currencies", at: reader.position(of: "series"),
      "stacked bars by \"\(series)\" would add up \"\(amount.column)\" in several currencies",
      fix: "write type: bar, which stands them side by side, or a section for each currency")
  }

  private func check(
    _ chart: ChartDefinition, _ type: ChartDefinition.ChartType?, _ reader: MappingReader, places: [SourcePosition]
  ) {
    if type != nil, type != .heatMap, reader.mentions("value") {
      findings.error(
        "too_many_keys", at: reader.keyPosition(of: "value"), "only a heat map has a \"value\"",
        fix: "write type: heat_map, or remove the key")
    }
    switch type {
    case nil, .line, .bar, .stackedBar:
      if chart.series != nil, chart.y.count > 1 {
        findings.error(
          "too_many_keys", at: reader.position(of: "series"),
          "a chart has several columns in \"y\", or one and a \"series\"")
      }
    case .waterfall:
      if reader.has("y"), chart.y.count < 3 {
        findings.error(
          "missing_value", at: reader.position(of: "y"),
          "a waterfall has an opening, its steps and a closing in \"y\": at least three columns",
          fix: "write y: [opening, new, lost, closing], the steps with their signs")
      }
      if reader.mentions("series") {
        findings.error(
          "too_many_keys", at: reader.keyPosition(of: "series"),
          "a waterfall has no \"series\": each row of its source is one",
          fix: "name the rows by x, such as x: currency")
      }
    case .heatMap:
      if chart.y.count > 1 {
        findings.error(
          "too_many_keys", at: places[1], "a heat map has one column in \"y\": the names of its rows")
      }
      if !reader.mentions("value") {
        findings.error(
          "missing_key", at: reader.position, "the heat map has no \"value\"",
          fix: "say which column stands in its cells: value: …")
      }
    }
  }
}

extension ColumnFormat.Kind {
  /// Reads `money(currency)`, `decimal(2)` or a word; nil for anything else.
  init?(definition text: String) {
    switch text {
    case "integer": self = .integer
    case "percent": self = .percent
    case "date": self = .date
    case "text": self = .text
    case "sparkline": self = .sparkline
    default:
      guard text.hasSuffix(")"), let open = text.firstIndex(of: "(") else { return nil }
      let argument = String(text[text.index(after: open)...].dropLast())
      switch text[..<open] {
      case "money" where NameKind.column.problem(with: argument) == nil: self = .money(currencyColumn: argument)
      case "decimal":
        guard let places = Int(argument), (0...12).contains(places) else { return nil }
        self = .decimal(places)
      default: return nil
      }
    }
  }

  /// What to write in place of a word that is no format.
  static func fix(for scalar: DefinitionNode.Scalar) -> String? {
    switch scalar.text {
    case "money": "name the column of the currency: money(currency)"
    case "decimal": "say how many digits stand behind the point: decimal(2)"
    default:
      scalar.usesEnvironment
        ? nil
        : suggestion(
          for: scalar.text,
          among: ["money(currency)", "integer", "percent", "date", "text", "decimal(2)", "sparkline"])
    }
  }
}
