// What can be wrong with one field. A byte-sized value, because the hot loop returns it for every field;
// the sentence for a person is made only when a record is refused.

internal import Definitions
internal import Finding
internal import Ledger

/// The verdict on one field; `none` is the good case.
enum FieldFault: UInt8, Error, Sendable {
  case none
  case missing
  case wrongType
  /// More digits than the integer type or 38 hold.
  case overflow
  case tooManyDigits
  case tooManyFractionDigits
  case belowMinimum
  case aboveMaximum
  case notOneOf
  case patternMismatch

  /// The stable word for the ledger.
  var code: RejectCode {
    switch self {
    case .none, .wrongType: .wrongType
    case .missing: .missingValue
    case .overflow, .tooManyDigits, .tooManyFractionDigits, .belowMinimum, .aboveMaximum: .outOfRange
    case .notOneOf: .notOneOf
    case .patternMismatch: .patternMismatch
    }
  }
}

extension FieldFault: Comparable {
  static func < (a: FieldFault, b: FieldFault) -> Bool { a.rawValue < b.rawValue }

  /// Why a value was refused, in one sentence with the value and what was declared.
  ///
  /// - Parameter notation: that of the feed's numbers, so that only what it does not yet say is suggested.
  func reason(
    _ column: ColumnDefinition, _ bytes: UnsafeRawBufferPointer,
    _ notation: NumberNotation = NumberNotation(decimalMark: 0x2E, groupingMark: nil)
  ) -> String {
    let value = shown(bytes)
    switch self {
    case .none: return ""
    case .missing: return "a value is required"
    case .wrongType:
      if let format = column.format {
        return "\(value) is not a \(column.type) written as \(format)" + Self.hint(column, bytes, notation)
      }
      return "\(value) is not \(Self.article(column.type)) \(column.type)" + Self.hint(column, bytes, notation)
    case .overflow, .tooManyDigits:
      return "\(value) has more digits than \(Self.article(column.type)) \(column.type) holds"
    case .tooManyFractionDigits:
      return column.type.isWhole
        ? "\(value) is not a whole number" : "\(value) has more digits behind the point than a \(column.type) holds"
    case .belowMinimum: return "\(value) is below the minimum of \(column.minimum.map(\.description) ?? "")"
    case .aboveMaximum: return "\(value) is above the maximum of \(column.maximum.map(\.description) ?? "")"
    case .notOneOf: return "\(value) is not one of \(column.oneOf.prefix(12).joined(separator: ", "))"
    case .patternMismatch: return "\(value) does not match \(column.pattern ?? "")"
    }
  }

  private static func article(_ type: ColumnType) -> String { type == .integer ? "an" : "a" }

  /// The word of the definition that would make sense of a value, where its form tells.
  private static func hint(
    _ column: ColumnDefinition, _ bytes: UnsafeRawBufferPointer, _ notation: NumberNotation
  ) -> String {
    if bytes.isEmpty {
      return "; \"\" in \(column.nullTokens == nil ? "format.nulls" : "its nulls"): reads it as no value"
    }
    func isBlank(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 }
    if !column.isTrimmed, isBlank(bytes.first) || isBlank(bytes.last) {
      return "; trim: true takes off the blanks around it"
    }
    guard column.type.isNumeric else { return column.format == nil ? timeHint(column.type, Array(bytes)) : "" }
    guard bytes.count >= 2 else { return "" }
    func isNumber(_ part: some Collection<UInt8>) -> Bool {
      part.contains { $0 &- 0x30 <= 9 } && part.allSatisfy { $0 &- 0x30 <= 9 || $0 == 0x2C || $0 == 0x2E }
    }
    if bytes.first == UInt8(ascii: "("), bytes.last == UInt8(ascii: ")"), isNumber(bytes.dropFirst().dropLast()) {
      return "; format.negatives: [parentheses] would read it as a negative"
    }
    if bytes.last == UInt8(ascii: "-"), isNumber(bytes.dropLast()) {
      return "; format.negatives: [trailing_minus] would read it as a negative"
    }
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    if column.type.isWhole, !column.acceptsIntegralDecimal, parts.count == 2, isNumber(parts[0]),
      !parts[1].isEmpty, parts[1].allSatisfy({ $0 == UInt8(ascii: "0") })
    {
      return "; accept: [integral_decimal] would take its zero fraction"
    }
    return markHint(column.type.isWhole, Array(bytes), notation)
  }

  /// The marks under which the bytes would be a number.
  private static func markHint(_ isWhole: Bool, _ bytes: [UInt8], _ notation: NumberNotation) -> String {
    func isNumber(_ decimalMark: UInt8, _ groupingMark: UInt8?) -> Bool {
      guard bytes.count <= 64 else { return false }
      let other = NumberNotation(decimalMark: decimalMark, groupingMark: groupingMark)
      let text = [UInt8](unsafeUninitializedCapacity: bytes.count + 1) { scratch, count in
        count = bytes.withUnsafeBufferPointer { buffer in
          guard let from = buffer.baseAddress, let to = scratch.baseAddress else { return 0 }
          return max(0, other.rewrite(from, buffer.count, into: to))
        }
      }
      let digits = text.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
      let parts = digits.split(separator: decimalMark, omittingEmptySubsequences: false)
      return parts.count <= (isWhole ? 1 : 2)
        && parts.allSatisfy { part in !part.isEmpty && part.allSatisfy { $0 &- 0x30 <= 9 } }
    }
    func shown(_ mark: UInt8) -> String { "\"\(Unicode.Scalar(mark))\"" }
    let marks = [UInt8](",. '".utf8)
    for mark in marks where mark != notation.decimalMark && mark != notation.groupingMark {
      if isNumber(notation.decimalMark, mark) { return "; format.grouping_mark: \(shown(mark)) would read it" }
    }
    for decimal in marks.prefix(2) where decimal != notation.decimalMark {
      if isNumber(decimal, nil) { return "; format.decimal_mark: \(shown(decimal)) would read it" }
      for mark in marks where mark != decimal && isNumber(decimal, mark) {
        return "; format.decimal_mark: \(shown(decimal)) with grouping_mark: \(shown(mark)) would read it"
      }
    }
    return ""
  }

  /// The format under which ISO 8601 with more than the type holds would be read.
  private static func timeHint(_ type: ColumnType, _ bytes: [UInt8]) -> String {
    func isTime(_ part: ArraySlice<UInt8>) -> Bool {
      var time = CivilTime()
      return part.withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { parseISO($0, buffer.count, into: &time) } ?? false
      }
    }
    guard bytes.count >= 19, isTime(bytes[..<19]) else { return "" }
    let between = bytes[10] == UInt8(ascii: "T") ? "T" : " "
    switch type {
    case .date where bytes[11...].elementsEqual("00:00:00".utf8):
      return "; format: \"yyyy-MM-dd'\(between)00:00:00'\" would read it"
    case .timestamp, .timestamptz:
      let digits = bytes.dropFirst(20).prefix { $0 &- 0x30 <= 9 }.count
      guard digits > 6, digits <= 9, bytes[19] == UInt8(ascii: "."), isTime(bytes[..<19] + bytes[(20 + digits)...])
      else {
        return ""
      }
      let offset = bytes.count > 20 + digits ? "XXX" : ""
      let format = "yyyy-MM-dd\(between == "T" ? "'T'" : " ")HH:mm:ss.\(String(repeating: "S", count: digits))\(offset)"
      return "; format: \"\(format)\" would read it without the digits behind the sixth"
    default: return ""
    }
  }

  /// The value in quotes, shortened where it is long.
  private func shown(_ bytes: UnsafeRawBufferPointer) -> String {
    let text = visible(String(decoding: bytes.prefix(80), as: UTF8.self))
    return bytes.count > 80 ? "\"\(text)…\"" : "\"\(text)\""
  }
}

extension ColumnType {
  fileprivate var isWhole: Bool { self == .integer || self == .bigint }
}
