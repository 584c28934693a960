// A workbook as text, for its golden file: what an independent reader finds in it. Its bytes also depend on the libraries
// that write and compress it.

import TestSupport

extension SpreadsheetReader {
  /// The properties and, for each of some sheets, how it is laid out and all its cells, a line each.
  func lines(ofSheets names: [String]) -> String {
    var lines = ["title \(title ?? "") · subject \(subject ?? "") · comments \(comments ?? "")"]
    lines.append("sheets \(sheets.map(\.name).joined(separator: " | "))")
    lines += self.names.sorted { $0.key < $1.key }.map { "name \($0.key) \($0.value)" }
    for sheet in sheets where names.contains(sheet.name) {
      func shown(_ words: [String?]) -> String { words.map { $0 ?? "" }.joined(separator: " | ") }
      lines.append("")
      lines.append(
        "\(sheet.name): frozen \(sheet.frozen ?? ""), repeated \(sheet.repeated ?? ""), \(sheet.orientation ?? "")")
      lines.append("head \(shown(sheet.header)) · foot \(shown(sheet.footer))")
      let widths = sheet.widths.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      lines.append("widths \(widths.joined(separator: ", "))")
      lines += sheet.tables.map { "table \($0.name) \($0.ref): \($0.columns.joined(separator: " | "))" }
      let cells = sheet.cells.map { (Self.corner($0.key), $0.key, $0.value) }
      lines += cells.sorted { ($0.0.row, $0.0.column) < ($1.0.row, $1.0.column) }.map { _, name, cell in
        "\(name) \(cell.type) \(cell.format) \(cell.color ?? "") \(cell.value)"
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
