// A loader as plain as it can be: whole files in memory, strings, dictionaries. It knows the feeds' rules from the
// feeds' description, not from the generator, and recomputes what expected.json says.
// Invariant: it shares no code with the generator but Money.

import Foundation
import Money
import Testing

/// One record of a file, or why it is none.
struct ReferenceRecord {
  let line: Int
  let fields: [[UInt8]]
  let defect: String?
}

/// Splits a file into records. An opened quote without an end spoils its own line only.
func referenceRecords(_ bytes: [UInt8]) -> [ReferenceRecord] {
  var records: [ReferenceRecord] = []
  var position = 0
  var line = 1
  while position < bytes.count {
    let start = position
    var fields: [[UInt8]] = []
    var defect: String?
    var field: [UInt8] = []
    var isComplete = false
    while !isComplete, defect == nil {
      if position < bytes.count, bytes[position] == 0x22 {
        position += 1
        while true {
          guard position < bytes.count else {
            defect = "unterminated_quote"
            break
          }
          if bytes[position] != 0x22 {
            field.append(bytes[position])
            position += 1
          } else if position + 1 < bytes.count, bytes[position + 1] == 0x22 {
            field.append(0x22)
            position += 2
          } else {
            position += 1
            break
          }
        }
      }
      while position < bytes.count, bytes[position] != 0x2C, bytes[position] != 0x0A {
        if bytes[position] == 0x22 || (position > start && bytes[position - 1] == 0x22 && defect == nil) {
          defect = defect ?? "stray_quote"
        }
        field.append(bytes[position])
        position += 1
      }
      fields.append(field)
      field = []
      isComplete = position >= bytes.count || bytes[position] == 0x0A
      position += 1
    }
    if defect != nil {
      position = (bytes[start...].firstIndex(of: 0x0A) ?? bytes.count - 1) + 1
    } else if fields.contains(where: { $0.contains(0) }) {
      defect = "nul_byte"
    } else if fields.contains(where: { String(validating: $0, as: UTF8.self) == nil }) {
      defect = "not_utf8"
    }
    records.append(ReferenceRecord(line: line, fields: fields, defect: defect))
    line += bytes[start..<min(position, bytes.count)].count { $0 == 0x0A }
  }
  return records
}

/// What a column accepts: the value in a comparable form, or a reject code.
struct ReferenceColumn {
  enum Verdict: Equatable {
    case value(String)
    case reject(String)
  }

  let name: String
  var isOptional = false
  var references: String?
  let read: @Sendable (String) -> Verdict

  static func integer(
    _ name: String, bits: Int = 64, minimum: Int = .min, references: String? = nil, optional: Bool = false
  )
    -> ReferenceColumn
  {
    ReferenceColumn(name: name, isOptional: optional, references: references) { text in
      guard let number = ExactDecimal(text), number.scale == 0 else { return .reject("wrong_type") }
      guard let value = Int(text), value >= minimum, bits == 64 || Int32(exactly: value) != nil
      else { return .reject("out_of_range") }
      return .value(String(value))
    }
  }

  static func text(_ name: String, oneOf words: [String] = [], length: Int? = nil, optional: Bool = false)
    -> ReferenceColumn
  {
    ReferenceColumn(name: name, isOptional: optional) { text in
      if !words.isEmpty, !words.contains(text) { return .reject("not_one_of") }
      if let length, text.utf8.count != length || !text.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) {
        return .reject("pattern_mismatch")
      }
      return .value(text)
    }
  }

  static func amount(_ name: String, precision: Int) -> ReferenceColumn {
    ReferenceColumn(name: name) { text in
      guard let number = ExactDecimal(text) else { return .reject("wrong_type") }
      guard !number.isNegative, let cents = number.coefficient(atScale: 2),
        ExactDecimal(coefficient: cents, scale: 0).map({ $0.description.count <= precision }) ?? false
      else { return .reject("out_of_range") }
      return .value(String(cents))
    }
  }

  static func date(_ name: String) -> ReferenceColumn {
    ReferenceColumn(name: name) { text in CivilDate(text) == nil ? .reject("wrong_type") : .value(text) }
  }

  static func boolean(_ name: String) -> ReferenceColumn {
    ReferenceColumn(name: name) { ["true", "false"].contains($0) ? .value($0) : .reject("wrong_type") }
  }

  static func instant(_ name: String) -> ReferenceColumn {
    ReferenceColumn(name: name) { text in
      secondsSince1970(text).map { .value(String($0)) } ?? .reject("wrong_type")
    }
  }
}

/// Reads `yyyy-MM-ddTHH:mm:ss` followed by `Z` or `±HH:mm`.
func secondsSince1970(_ text: String) -> Int? {
  let parts = text.split(separator: "T")
  guard parts.count == 2, let date = CivilDate(parts[0]), parts[1].count >= 9 else { return nil }
  let clock = parts[1].prefix(8).split(separator: ":").compactMap { Int($0) }
  guard clock.count == 3, clock[0] < 24, clock[1] < 60, clock[2] < 60 else { return nil }
  let zone = parts[1].dropFirst(8)
  var offset = 0
  if zone != "Z" {
    let numbers = zone.dropFirst().split(separator: ":").compactMap { Int($0) }
    guard numbers.count == 2, zone.hasPrefix("+") || zone.hasPrefix("-") else { return nil }
    offset = (numbers[0] * 60 + numbers[1]) * (zone.hasPrefix("-") ? -60 : 60)
  }
  return date.daysSince1970 * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2] - offset
}

/// Tables filled from files, and the books of each file.
struct ReferenceLoad {
  static let feeds: [(name: String, columns: [ReferenceColumn])] = [
    (
      "customers",
      [
        .integer("customer_id"), .text("name"), .text("email", optional: true), .text("country", length: 2),
        .text("segment", oneOf: ["consumer", "business", "wholesale"]), .date("signed_up_on"),
      ]
    ),
    (
      "products",
      [
        .integer("product_id"), .text("sku"), .text("name"), .text("category"), .amount("unit_price", precision: 12),
        .text("currency", length: 3), .boolean("is_active"),
      ]
    ),
    (
      "orders",
      [
        .integer("order_id"), .integer("customer_id", references: "customers"),
        .integer("product_id", references: "products"), .integer("quantity", bits: 32, minimum: 1),
        .amount("unit_price", precision: 12), .text("currency", length: 3),
        .text("status", oneOf: ["placed", "shipped", "delivered", "returned", "cancelled"]), .instant("ordered_at"),
      ]
    ),
    (
      "transactions",
      [
        .integer("transaction_id"), .integer("order_id", references: "orders", optional: true),
        .integer("customer_id", references: "customers"),
        .text("type", oneOf: ["payment", "refund", "fee", "chargeback"]), .amount("amount", precision: 14),
        .text("currency", length: 3), .text("method", oneOf: ["card", "bank_transfer", "wallet", "cash"]),
        .instant("occurred_at"),
      ]
    ),
  ]

  private(set) var tables: [String: [String: [String]]] = [:]

  /// Loads one file the way the product promises to, and returns its books in the form of expected.json.
  mutating func load(_ bytes: [UInt8], feed: String, name: String) -> ExpectedFile {
    var file = ExpectedFile(feed: feed, file: name)
    guard let columns = Self.feeds.first(where: { $0.name == feed })?.columns else { return file }
    let records = referenceRecords(bytes)
    #expect(records.first?.fields.map { String(decoding: $0, as: UTF8.self) } == columns.map(\.name))
    var good: [(values: [String], money: (String, ExactDecimal)?)] = []
    for record in records.dropFirst() {
      let money = feed == "transactions" && record.defect == nil ? Self.money(record.fields) : nil
      switch judge(record, columns) {
      case .success(let values): good.append((values, money))
      case .failure(let reject):
        file.rejects.append(reject)
        file.book("rejected", money)
      }
    }
    var last: [String: Int] = [:]
    for (index, row) in good.enumerated() { last[row.values[0]] = index }
    for (index, row) in good.enumerated() {
      let key = row.values[0]
      if last[key] != index {
        file.book("duplicate", row.money)
      } else if let old = tables[feed]?[key] {
        file.book(old == row.values ? "unchanged" : "updated", row.money)
      } else {
        file.book("inserted", row.money)
      }
    }
    for row in good { tables[feed, default: [:]][row.values[0]] = row.values }
    return file
  }

  private func judge(_ record: ReferenceRecord, _ columns: [ReferenceColumn]) -> Result<[String], ExpectedReject> {
    func reject(_ code: String, _ column: String? = nil) -> Result<[String], ExpectedReject> {
      .failure(ExpectedReject(line: record.line, column: column, code: code))
    }
    if let defect = record.defect { return reject(defect) }
    if record.fields.count != columns.count { return reject("field_count") }
    var values: [String] = []
    for (column, bytes) in zip(columns, record.fields) {
      let text = String(decoding: bytes, as: UTF8.self)
      if text.isEmpty {
        if !column.isOptional { return reject("missing_value", column.name) }
        values.append("")
        continue
      }
      switch column.read(text) {
      case .value(let value): values.append(value)
      case .reject(let code): return reject(code, column.name)
      }
    }
    for (column, value) in zip(columns, values) where !value.isEmpty {
      if let table = column.references, tables[table]?[value] == nil { return reject("orphan_reference", column.name) }
    }
    return .success(values)
  }

  private static func money(_ fields: [[UInt8]]) -> (String, ExactDecimal)? {
    guard fields.count == 8 else { return nil }
    let currency = String(decoding: fields[5], as: UTF8.self)
    guard CurrencyCode(currency) != nil, let amount = ExactDecimal(String(decoding: fields[4], as: UTF8.self))
    else { return nil }
    return (currency, amount)
  }
}
