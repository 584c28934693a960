// Records of transactions as parameters: what a program would hold before it inserts row by row, in batches or as
// arrays. Money and times stay text, which the server reads exactly.

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

  /// One `insert … select from unnest`, with an array for each column.
  func arrayInsert() -> (sql: String, parameters: [PostgresValue]) {
    var arrays: [String] = []
    var selected: [String] = []
    var parameters: [PostgresValue] = []
    for (place, column) in columns.enumerated() {
      let name = quoteIdentifier(column.name)
      if column.type == .bigint {
        arrays.append("$\(place + 1)::bigint[]")
        parameters.append(.int8Array(rows.map { if case .int8(let number) = $0[place] { number } else { nil } }))
      } else {
        arrays.append("$\(place + 1)::text[]")
        parameters.append(.textArray(rows.map { if case .text(let text) = $0[place] { text } else { nil } }))
      }
      selected.append("\(name)::\(column.type.sql)")
    }
    let sql = """
      insert into \(table) (\(names)) select \(selected.joined(separator: ", "))
      from unnest(\(arrays.joined(separator: ", "))) as r(\(names))
      """
    return (sql, parameters)
  }
}

/// Chunked parallel inserts with array parameters, each chunk a transaction of its own.
struct ArrayInserts {
  let shop: ScratchShop

  /// Rows in one statement.
  static let chunkRows = 2_500
  /// Connections at the same time.
  static let connections = 4

  /// Loads a file; no more chunks are read than are being inserted.
  func load(_ file: BenchFile) async throws {
    let pool = shop.session.pool
    try await withThrowingTaskGroup(of: Void.self) { group in
      var running = 0
      try await TransactionRows.forEachPiece(of: file.path, shop, layout: file.layout, rows: Self.chunkRows) { piece in
        if running == Self.connections {
          try await group.next()
          running -= 1
        }
        running += 1
        group.addTask {
          let (sql, parameters) = piece.arrayInsert()
          _ = try await pool.withConnection(label: "bench") { try await $0.execute(sql, parameters) }
        }
      }
      try await group.waitForAll()
    }
  }
}
