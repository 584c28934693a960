// Every figure of report.json against the cell in which openpyxl finds it.
// Invariant: the expected cell is computed here from the JSON alone, with the rules written down in README.md: 15 digits,
// text as text, dates as dates. Nothing of the room that writes workbooks takes part.

import Foundation
import Markup
import Money
import TestSupport
import Testing

/// Compares all sections with rows of `report.json` with the tables of the workbook.
///
/// - Returns: how many values were compared.
func compareFigures(
  _ json: [String: Any], _ book: SpreadsheetReader, sourceLocation: SourceLocation = #_sourceLocation
) throws -> Int {
  let reports = try #require(json["reports"] as? [[String: Any]])
  var compared = 0
  for report in reports {
    let sections = try #require(report["sections"] as? [[String: Any]]).filter { $0["columns"] != nil }
    let title = try #require(report["title"] as? String)
    guard !sections.isEmpty else { continue }
    let sheet = try #require(book.sheet(title), "\(title)", sourceLocation: sourceLocation)
    #expect(sheet.tables.count == sections.count, "\(title)", sourceLocation: sourceLocation)
    for (section, table) in zip(sections, sheet.tables) {
      let columns = try #require(section["columns"] as? [[String: String]])
      let rows = try #require(section["rows"] as? [[String: Any]])
      #expect(table.columns.count == columns.count, "\(table.name)", sourceLocation: sourceLocation)
      for (index, row) in rows.enumerated() {
        for (column, cell) in zip(columns, sheet.row(index, of: table)) {
          let name = try #require(column["name"])
          let problem = difference(row[name] ?? NSNull(), column["format"] ?? "", cell)
          #expect(problem == nil, "\(title), \(table.name), row \(index), \(name)", sourceLocation: sourceLocation)
          compared += 1
        }
      }
    }
  }
  return compared
}

/// How a cell differs from what the JSON says; nil when it does not.
private func difference(_ json: Any, _ format: String, _ cell: SpreadsheetReader.Cell?) -> String? {
  if json is NSNull || json as? String == "" { return cell == nil ? nil : "\(String(describing: cell)), not blank" }
  guard let cell else { return "blank, not \(json)" }
  let text = (json as? String) ?? (json as? Int).map(String.init) ?? "\(json)"
  let isNumeric = ["money", "percent", "decimal", "integer"].contains(format)
  if isNumeric, let number = ExactDecimal(text) {
    if cell.type == "text" { return digits(number, format) > 15 && cell.value == text ? nil : "text \(cell.value)" }
    guard cell.type == "number", let found = ExactDecimal(cell.value) else { return "\(cell)" }
    return found == atFifteenDigits(number) ? nil : "\(found), not \(number)"
  }
  if let found = instant(text), cell.type == "date" { return cell.value == found ? nil : "\(cell.value), not \(text)" }
  let shown = legible(text)
  let isCut = shown.utf16.count > 32_767 && cell.value.hasSuffix("…") && shown.hasPrefix(cell.value.dropLast())
  return cell.type == "text" && (cell.value == shown || isCut) ? nil : "\(cell), not \(shown.prefix(80))"
}

/// Digits as an amount of two decimals has them.
private func digits(_ number: ExactDecimal, _ format: String) -> Int {
  let scale = max(number.normalized.scale, format == "money" ? 2 : 0)
  return number.coefficient(atScale: scale).map { String($0.magnitude).count } ?? 39
}

private func atFifteenDigits(_ number: ExactDecimal) -> ExactDecimal? {
  let number = number.normalized
  let excess = String(number.coefficient.magnitude).count - 15
  if excess <= 0 { return number }
  return number.rounded(scale: number.scale - excess, rounding: .halfAwayFromZero)
}

/// `2026-11-20T00:00:00.000` for a day or a point in time.
private func instant(_ text: String) -> String? {
  if let date = CivilDate(text) { return "\(date)T00:00:00.000" }
  let isMoment = text.utf8.count == 24 && text.hasSuffix("Z")
  guard isMoment || text.utf8.count == 23, CivilDate(String(text.prefix(10))) != nil else { return nil }
  return isMoment ? String(text.dropLast()) : text
}
