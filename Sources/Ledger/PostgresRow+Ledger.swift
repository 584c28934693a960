// Ledger values from and to the columns that hold them.

internal import Money
internal import Postgres

extension PostgresRow {
  func runID(_ column: Int) throws(PostgresError) -> RunID {
    let text: String = try decode(column)
    guard let run = RunID(text) else {
      throw PostgresError(.decoding, "\"\(text)\" is not the name of a run")
    }
    return run
  }

  func optionalRunID(_ column: Int) throws(PostgresError) -> RunID? {
    let text: String? = try decode(column)
    return text.flatMap { RunID($0) }
  }

  func moment(_ column: Int) throws(PostgresError) -> Moment {
    guard let moment = try optionalMoment(column) else {
      throw PostgresError(.decoding, "column \(column) holds no point in time")
    }
    return moment
  }

  func optionalMoment(_ column: Int) throws(PostgresError) -> Moment? {
    switch try value(at: column) {
    case .timestamptz(let microseconds): Moment(microsecondsSince1970: microseconds)
    default: nil
    }
  }

  func date(_ column: Int) throws(PostgresError) -> CivilDate {
    guard case .date(let days) = try value(at: column) else {
      throw PostgresError(.decoding, "column \(column) holds no date")
    }
    return CivilDate(daysSince1970: Int(days))
  }

  /// Seven columns: read, inserted, updated, unchanged, deleted, duplicate, rejected.
  func rowCounts(from column: Int) throws(PostgresError) -> RowCounts {
    RowCounts(
      read: try decode(column), inserted: try decode(column + 1), updated: try decode(column + 2),
      unchanged: try decode(column + 3), deleted: try decode(column + 4), duplicate: try decode(column + 5),
      rejected: try decode(column + 6))
  }
}

extension RowCounts {
  /// In the order of the columns: read, inserted, updated, unchanged, deleted, duplicate, rejected.
  var parameters: [PostgresValue] {
    [read, inserted, updated, unchanged, deleted, duplicate, rejected].map { .int8(Int64($0)) }
  }
}

extension [ControlSumEntry] {
  /// Four arrays: columns, currencies, outcomes, amounts as text.
  var parameters: [PostgresValue] {
    [
      .textArray(map(\.column)), .textArray(map(\.currency)), .textArray(map(\.outcome.rawValue)),
      .textArray(map(\.amount.description)),
    ]
  }
}

extension PostgresValue {
  static func optional(_ text: String?) -> PostgresValue { text.map { .text($0) } ?? .null }
  static func optional(_ number: Int?) -> PostgresValue { number.map { .int8(Int64($0)) } ?? .null }
  static func optional(_ bytes: [UInt8]?) -> PostgresValue { bytes.map { .bytes($0) } ?? .null }
  static func optional(_ run: RunID?) -> PostgresValue { run.map { .uuid($0.bytes) } ?? .null }
  static func moment(_ moment: Moment) -> PostgresValue {
    .timestamptz(microsecondsSince1970: moment.microsecondsSince1970)
  }
  static func date(_ date: CivilDate) -> PostgresValue {
    .date(daysSince1970: Int32(clamping: date.daysSince1970))
  }
}
