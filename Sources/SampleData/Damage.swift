// The ways in which a row can be bad, one table per feed.
// Invariant: a damaged row breaks exactly one rule of its feed's definition, so its reject has one column and one
// code. Record-level damage names no column. An unterminated quote is planted only where no quote follows it in
// the file: its own line is the reject, every later line is good.

/// One way to spoil a record.
struct Damage: Sendable {
  /// What is done to the record's fields.
  enum Edit: Sendable {
    /// The field of `column` becomes these bytes.
    case replace([UInt8])
    /// The last field is missing.
    case dropLast
    /// One field too many.
    case appendField
  }

  /// The reject code, as the ledger spells it.
  let code: StaticString
  /// Index of the column that the reject names; nil for damage to the record as a whole.
  let column: Int?
  /// Index of the column that is changed.
  let target: Int
  let edit: Edit
  /// Whether the amount can still be read, and then whether it is another one, in hundredths.
  let amount: ReadableAmount

  enum ReadableAmount: Sendable {
    case unchanged, unreadable
    case replaced(cents: Int)
  }

  /// Whether this must be planted behind the last quote of the file.
  var leavesQuoteOpen: Bool { code.isEqual(to: "unterminated_quote") }

  /// Damage to one value.
  static func value(
    _ code: StaticString, _ column: Int, _ text: StaticString, amount: ReadableAmount = .unchanged
  ) -> Damage {
    Damage(code: code, column: column, target: column, edit: .replace(text.bytes), amount: amount)
  }

  /// Damage to the record as a whole, done in the field of one column.
  static func record(_ code: StaticString, in column: Int, _ bytes: [UInt8]) -> Damage {
    Damage(code: code, column: nil, target: column, edit: .replace(bytes), amount: .unreadable)
  }

  /// What can befall any record that has a text in `column`.
  static func records(text column: Int) -> [Damage] {
    [
      .record("stray_quote", in: column, Array("7\" wide".utf8)),
      .record("not_utf8", in: column, [0x43, 0x61, 0x66, 0xE9]),
      .record("unterminated_quote", in: column, Array("\"left open".utf8)),
      Damage(code: "field_count", column: nil, target: 0, edit: .dropLast, amount: .unreadable),
      .record("nul_byte", in: column, [0x61, 0x00, 0x62]),
      Damage(code: "field_count", column: nil, target: 0, edit: .appendField, amount: .unreadable),
      .record("stray_quote", in: column, Array("\"closed\" too early".utf8)),
    ]
  }
}

extension CustomerRow {
  static let damages: [Damage] =
    [
      .value("wrong_type", 5, "31/12/2024"),
      .value("missing_value", 1, ""),
      .value("pattern_mismatch", 3, "usa"),
      .value("not_one_of", 4, "vip"),
      .value("out_of_range", 0, "9223372036854775808"),
    ] + Damage.records(text: 1) + [
      .value("missing_value", 5, ""),
      .value("wrong_type", 0, "12a"),
    ]
}

extension ProductRow {
  static let damages: [Damage] =
    [
      .value("wrong_type", 4, "\"1,203.50\""),
      .value("missing_value", 2, ""),
      .value("out_of_range", 4, "-1.00"),
      .value("pattern_mismatch", 5, "usd"),
    ] + Damage.records(text: 2) + [
      .value("wrong_type", 6, "maybe"),
      .value("out_of_range", 4, "12345678901.00"),
      .value("missing_value", 4, ""),
    ]
}

extension OrderRow {
  static let damages: [Damage] =
    [
      .value("orphan_reference", 1, "7999999999"),
      .value("wrong_type", 3, "two"),
      .value("missing_value", 7, ""),
      .value("out_of_range", 3, "0"),
      .value("not_one_of", 6, "teleported"),
      .value("pattern_mismatch", 5, "EURO"),
      .value("orphan_reference", 2, "7999999998"),
    ] + Damage.records(text: 6) + [
      .value("out_of_range", 4, "-0.01"),
      .value("wrong_type", 7, "yesterday"),
      .value("out_of_range", 3, "3000000000"),
      .value("missing_value", 1, ""),
      .value("out_of_range", 4, "19.999"),
    ]
}

extension TransactionRow {
  static let damages: [Damage] =
    [
      .value("orphan_reference", 1, "7999999997"),
      .value("wrong_type", 4, "\"1,203.50\"", amount: .unreadable),
      .value("missing_value", 4, "", amount: .unreadable),
      .value("out_of_range", 4, "-5.00", amount: .replaced(cents: -500)),
      .value("not_one_of", 3, "payout"),
      .value("pattern_mismatch", 5, "EURO", amount: .unreadable),
      .value("orphan_reference", 2, "7999999996"),
    ] + Damage.records(text: 6) + [
      .value("wrong_type", 7, "2024-13-45T99:00:00Z"),
      .value("out_of_range", 0, "92233720368547758070"),
      .value("wrong_type", 2, "12.5"),
      .value("missing_value", 7, ""),
    ]
}

extension StaticString {
  var bytes: [UInt8] { Array(UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)) }

  func isEqual(to other: StaticString) -> Bool {
    utf8CodeUnitCount == other.utf8CodeUnitCount && bytes == other.bytes
  }
}
