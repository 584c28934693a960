// Records of transactions as parameters: what a program would hold before it inserts row by row or in batches. Money
// and times stay text, which the server reads exactly.

internal import Definitions
internal import Postgres

/// Records of a file, with the SQL that inserts them.
struct TransactionRows: Sendable {
  let table: String
  let columns: [ColumnDefinition]
  /// A field in the form of its column; an empty one is null.
  var rows: [[PostgresValue]] = []

  init(_ shop: ScratchShop) {
    table = shop.table
    columns = shop.columns
  }

  private init(_ other: TransactionRows, rows: [[PostgresValue]]) {
    table = other.table
    columns = other.columns
    self.rows = rows
  }

  /// Reads all records of a file, in pieces.
  static func forEachPiece(
    of path: String, _ shop: ScratchShop, layout: BenchLayout, rows count: Int,
    _ body: (TransactionRows) async throws -> Void
  ) async throws {
    let reader = try LineReader(path)
    _ = try reader.next { _ in }
    let empty = TransactionRows(shop)
    let places = try empty.columns.map { try layout.place($0) }
    var piece = empty
    while try reader.next({ line in
      let fields = BenchLine.fields(line)
      piece.rows.append(zip(empty.columns, places).map { Self.value(fields[$1], $0.type) })
    }) {
      if piece.rows.count == count {
        try await body(piece)
        piece = empty
      }
    }
    if !piece.rows.isEmpty { try await body(piece) }
  }

  private static func value(_ field: String, _ type: ColumnType) -> PostgresValue {
    if field.isEmpty { return .null }
    if type == .bigint, let number = Int64(field) { return .int8(number) }
    return .text(field)
  }

  /// The rows in pieces of `count`.
  func pieces(of count: Int) -> [TransactionRows] {
    stride(from: 0, to: rows.count, by: count).map { start in
      TransactionRows(self, rows: Array(rows[start..<min(start + count, rows.count)]))
    }
  }

  /// The rows in at most `count` shares of about the same size.
  func shares(_ count: Int) -> [TransactionRows] {
    pieces(of: max(1, (rows.count + count - 1) / count))
  }

  private var names: String { columns.map { quoteIdentifier($0.name) }.joined(separator: ", ") }

  /// One `insert … values` for as many rows as there are.
  func multiRowInsert() -> (sql: String, parameters: [PostgresValue]) {
    let tuples = rows.indices.map { row in
      "(" + columns.indices.map { "$\(row * columns.count + $0 + 1)" }.joined(separator: ",") + ")"
    }
    return ("insert into \(table) (\(names)) values \(tuples.joined(separator: ","))", rows.flatMap(\.self))
  }
}
