// What an independent reader, python3-openpyxl of Debian, finds in a workbook.
// Invariant: a machine without it fails the test with what to install; nothing is skipped.

internal import FoundationEssentials

/// A workbook as openpyxl reads it.
public struct SpreadsheetReader: Decodable, Sendable {
  /// A cell with a value.
  public struct Cell: Decodable, Sendable, Hashable {
    /// `text`, `number`, `date`, `formula`, `error` or `bool`.
    public var type: String
    /// The text, the digits, or an ISO date with its time.
    public var value: String
    /// The code of its number format.
    public var format: String
    /// The colour behind it.
    public var color: String?
    /// Whether it leads elsewhere.
    public var link: Bool?
  }

  /// A native table.
  public struct Table: Decodable, Sendable, Hashable {
    /// Its name in formulas.
    public var name: String
    /// `A5:K30`, the heads included.
    public var ref: String
    /// The heads.
    public var columns: [String]
  }

  /// A sheet.
  public struct Sheet: Decodable, Sendable {
    /// Its name.
    public var name: String
    /// Cells with a value, by their names.
    public var cells: [String: Cell]
    /// Its tables.
    public var tables: [Table]
    /// The first cell that is not frozen.
    public var frozen: String?
    /// The rows that stand on every printed page.
    public var repeated: String?
    /// `landscape` or `portrait`.
    public var orientation: String?
    /// Left, middle and right of the head of a printed page.
    public var header: [String?]
    /// Left, middle and right of its foot.
    public var footer: [String?]
    /// Widths of columns by their letters.
    public var widths: [String: Double]
    /// How many charts it shows.
    public var charts: Int
    /// The last row.
    public var rows: Int

    /// The values of a row of a table, by column; nil for cells without one.
    public func row(_ row: Int, of table: Table) -> [Cell?] {
      let (first, top) = SpreadsheetReader.corner(table.ref)
      return table.columns.indices.map { cells[SpreadsheetReader.name(first + $0, top + 1 + row)] }
    }
  }

  /// A chart.
  public struct Chart: Decodable, Sendable, Hashable {
    /// `lineChart`, `barChart`.
    public var kind: [String]
    /// `standard`, `clustered`, `stacked`.
    public var grouping: [String?]
    /// The ranges that it is drawn from.
    public var formulas: [String]
    /// The values that it keeps of those.
    public var points: [String?]
  }

  /// The sheets in order.
  public var sheets: [Sheet]
  /// Defined names with what they mean.
  public var names: [String: String]
  /// The title in its properties.
  public var title: String?
  /// The author in its properties.
  public var author: String?
  /// The subject in its properties.
  public var subject: String?
  /// The comments in its properties.
  public var comments: String?
  /// When it says that it was made.
  public var created: String
  /// When it says that it was changed.
  public var modified: String
  /// What is said of its charts to those who cannot see them.
  public var words: [String?]
  /// Its charts.
  public var charts: [Chart]
  /// The times of the archive's parts.
  public var dates: [[Int]]
  /// Whether any part speaks of links.
  public var links: Bool
  /// Whether any cell holds a formula.
  public var formulas: Bool

  /// The sheet of that name.
  public func sheet(_ name: String) -> Sheet? { sheets.first { $0.name == name } }

  /// Reads the workbook at `path`.
  public static func read(_ path: String) async throws -> SpreadsheetReader {
    let script =
      URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
      + "/Fixtures/read_workbook.py"
    let outcome = try await ProgramRun.run(
      "/usr/bin/python3", [script, path], environment: ["PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"],
      timeout: .seconds(300))
    guard outcome.status == 0 else {
      let isMissing = outcome.stderr.contains("No module named 'openpyxl'") || outcome.status == 127
      throw TestSupportError(
        isMissing
          ? "these tests need an independent reader: sudo apt-get install -y python3-openpyxl"
          : "openpyxl cannot read \(path): \(outcome.stderr)")
    }
    return try JSONDecoder().decode(SpreadsheetReader.self, from: Data(outcome.stdout.utf8))
  }

  /// The column, from 0, and the row, from 1, of a range's first cell.
  public static func corner(_ range: String) -> (column: Int, row: Int) {
    let cell = range.prefix { $0 != ":" }
    let column = cell.utf8.prefix { $0 >= 0x41 }.reduce(0) { $0 * 26 + Int($1 - 0x40) } - 1
    return (column, Int(cell.drop { $0.isLetter }) ?? 0)
  }

  /// The name of the cell in a column, from 0, and a row, from 1.
  static func name(_ column: Int, _ row: Int) -> String {
    var letters = ""
    var rest = column + 1
    while rest > 0 {
      letters = String(UnicodeScalar(UInt8(0x41 + (rest - 1) % 26))) + letters
      rest = (rest - 1) / 26
    }
    return letters + String(row)
  }
}
