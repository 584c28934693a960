// A result and its rows. The rows share the server's reply and decode a field when it is asked for.
// Invariant: the reply lives as long as any of its rows. Decoding by type is in BinaryDecoding, conversion to Swift
// types in PostgresDecodable.

internal import CLibPQ

/// The rows of one statement, in the server's order.
public final class PostgresRows: Sendable, RandomAccessCollection {
  private let result: ResultHandle
  private let columns: ColumnLayout

  init(result: ResultHandle) {
    self.result = result
    columns = ColumnLayout(result)
  }

  /// The names of the columns, in order.
  public var columnNames: [String] { columns.names }
  /// What the columns hold by their types, in order; also where every value is null.
  public var columnKinds: [PostgresColumnKind] { columns.types.map(PostgresColumnKind.init(type:)) }
  /// Zero.
  public var startIndex: Int { 0 }
  /// How many rows there are.
  public var endIndex: Int { result.rowCount }
  /// The row at a position.
  public subscript(position: Int) -> PostgresRow {
    precondition(position >= 0 && position < endIndex, "row \(position) of \(endIndex)")
    return PostgresRow(result: result, columns: columns, index: position)
  }
}

/// What a column holds by the type that the server gives it.
public enum PostgresColumnKind: UInt8, Sendable, Hashable {
  /// Text, and whatever is neither of the others.
  case other
  /// Numbers, whole or not.
  case number
  /// Days.
  case date

  init(type: UInt32) {
    switch type {
    case TypeOID.int2, TypeOID.int4, TypeOID.int8, TypeOID.numeric, TypeOID.float4, TypeOID.float8: self = .number
    case TypeOID.date: self = .date
    default: self = .other
    }
  }
}

/// Names and types of a result's columns, made once.
final class ColumnLayout: Sendable {
  let names: [String]
  let types: [UInt32]
  private let positions: [String: Int]

  init(_ result: ResultHandle) {
    let count = PQnfields(result.raw)
    names = (0..<count).map { string(PQfname(result.raw, $0)) ?? "" }
    types = (0..<count).map { PQftype(result.raw, $0) }
    positions = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Where a column is; the first of several with the same name.
  func position(of name: String) -> Int? { positions[name] }
}

/// One row.
public struct PostgresRow: Sendable {
  let result: ResultHandle
  let columns: ColumnLayout
  let index: Int

  /// The names of the columns, in order.
  public var columnNames: [String] { columns.names }
  /// How many columns there are.
  public var count: Int { columns.names.count }

  /// The value in a column (0-based), converted.
  ///
  /// - Throws: `decoding`, naming the column and both types, never the value. Null decodes only as an Optional.
  public func decode<T: PostgresDecodable>(
    _ column: Int, as type: T.Type = T.self
  ) throws(PostgresError) -> T {
    let value = try value(at: column)
    if let decoded = T.decode(value) { return decoded }
    if value == .null {
      throw PostgresError(.decoding, "column \"\(name(column))\" is null; decode it as \(T.self)?")
    }
    throw PostgresError(
      .decoding, "column \"\(name(column))\" is \(value.typeName), which is not read as \(T.self)")
  }

  /// The value in a column, converted.
  public func decode<T: PostgresDecodable>(
    _ column: String, as type: T.Type = T.self
  ) throws(PostgresError) -> T {
    try decode(try position(of: column), as: type)
  }

  /// The value in a column (0-based).
  public func value(at column: Int) throws(PostgresError) -> PostgresValue {
    guard column >= 0, column < count else {
      throw PostgresError(.decoding, "column \(column) of a row with \(count)")
    }
    let row = Int32(index)
    let field = Int32(column)
    if PQgetisnull(result.raw, row, field) == 1 { return .null }
    let bytes = UnsafeRawBufferPointer(
      start: PQgetvalue(result.raw, row, field), count: Int(PQgetlength(result.raw, row, field)))
    let type = PQfformat(result.raw, field) == 0 ? TypeOID.text : columns.types[column]
    guard let value = BinaryDecoding.value(bytes, type: type) else {
      var error = PostgresError(
        .decoding, "column \"\(name(column))\" has type \(type), which is not known here; cast it to text")
      error.column = columns.names[column]
      error.unreadType = type
      throw error
    }
    return value
  }

  /// The value in a column.
  public func value(_ column: String) throws(PostgresError) -> PostgresValue {
    try value(at: try position(of: column))
  }

  private func position(of column: String) throws(PostgresError) -> Int {
    guard let position = columns.position(of: column) else {
      throw PostgresError(
        .decoding, "there is no column \"\(column)\"; there are \(columns.names.joined(separator: ", "))")
    }
    return position
  }

  private func name(_ column: Int) -> String { columns.names[column] }
}
