// One entry of `columns:` of a feed.
// Invariant: a check that does not fit the column's type is an error here, never a surprise while loading.
// Whether a referenced column exists is checked by FeedResolver, which knows the other feeds.

internal import Finding
internal import Money

/// A column and what is not certain about it.
struct ColumnDraft {
  var column: ColumnDefinition
  var isDoubtful: Bool
  var referencePosition: SourcePosition?
  var controlPosition: SourcePosition?
}

/// Reads one column.
struct ColumnReader {
  let findings: Findings

  private static let keys = [
    "type", "from", "constant", "optional", "index", "references", "min", "max", "one_of", "matches", "control",
    "format", "accept", "trim", "nulls",
  ]

  func read(_ entry: DefinitionNode.Entry) -> ColumnDraft {
    let before = findings.all.count
    if let problem = NameKind.feedColumn.problem(with: entry.key) {
      findings.error("bad_name", at: entry.position, "\"\(entry.key)\" cannot be a column's name: \(problem)")
    }
    var draft = ColumnDraft(
      column: ColumnDefinition(name: entry.key, type: .text, position: entry.position), isDoubtful: false)
    if let reader = MappingReader(
      withoutTornType(entry.value), subject: "the column \"\(entry.key)\"", keys: Self.keys, required: ["type"],
      at: entry.position,
      findings: findings)
    {
      if let type = type(reader) {
        draft.column.type = type
        readChecks(reader, into: &draft.column)
      }
      readSource(reader, into: &draft.column)
      draft.column.isOptional = reader.boolean("optional") ?? false
      draft.column.isIndexed = reader.boolean("index") ?? false
      draft.column.reference = reference(reader)
      draft.referencePosition = draft.column.reference.map { _ in reader.position(of: "references") }
      draft.column.control = control(reader)
      draft.controlPosition = draft.column.control.map { _ in reader.position(of: "control") }
    }
    draft.isDoubtful = findings.all.count > before
    return draft
  }

  /// Inside `{ }` an unquoted `decimal(14,2)` is torn at its comma; the error speaks of the type alone.
  private func withoutTornType(_ node: DefinitionNode) -> DefinitionNode {
    guard case .mapping(let entries) = node.content,
      entries.contains(where: { entry in
        guard entry.key == "type", case .scalar(let scalar) = entry.value.content else { return false }
        return scalar.text.hasPrefix("decimal(") && !scalar.text.hasSuffix(")")
      })
    else { return node }
    return DefinitionNode(
      position: node.position, content: .mapping(entries.filter { !($0.key.hasSuffix(")") && $0.value.isNull) }))
  }

  // MARK: Type

  private static let typeWords = [
    "text", "integer", "bigint", "decimal(14,2)", "boolean", "date", "timestamp", "timestamptz", "uuid", "json",
  ]
  private static let otherWords = [
    "string": "text", "varchar": "text", "char": "text", "int": "integer", "long": "bigint", "int8": "bigint",
    "int4": "integer", "bool": "boolean", "datetime": "timestamptz", "time": "timestamptz", "jsonb": "json",
    "numeric": "decimal(14,2)", "number": "decimal(14,2)", "decimal": "decimal(14,2)", "money": "decimal(14,2)",
    "float": "decimal(14,2)", "double": "decimal(14,2)", "real": "decimal(14,2)",
  ]

  private func type(_ reader: MappingReader) -> ColumnType? {
    guard let scalar = reader.scalar("type") else { return nil }
    let place = reader.position(of: "type")
    let text = String(scalar.text.filter { $0 != " " })
    switch text {
    case "text": return .text
    case "integer": return .integer
    case "bigint": return .bigint
    case "boolean": return .boolean
    case "date": return .date
    case "timestamp": return .timestamp
    case "timestamptz": return .timestamptz
    case "uuid": return .uuid
    case "json": return .json
    default: break
    }
    if text.hasPrefix("decimal("), !text.hasSuffix(")") {
      findings.error(
        "bad_type", at: place, "\"\(scalar.shown)\" is not a type: inside { } the comma ends the value",
        fix: "put it in quotes: type: \"decimal(14,2)\"")
      return nil
    }
    if text.hasPrefix("decimal("), text.hasSuffix(")") {
      let numbers = text.dropFirst(8).dropLast().split(separator: ",", omittingEmptySubsequences: false)
      if numbers.count == 2, let precision = Int(numbers[0]), let scale = Int(numbers[1]),
        (1...ExactDecimal.maximumDigits).contains(precision), (0...precision).contains(scale)
      {
        return .decimal(precision: precision, scale: scale)
      }
      findings.error(
        "bad_type", at: place, "\"\(scalar.shown)\" is not a type",
        fix:
          "write decimal(digits,behind): 1 to \(ExactDecimal.maximumDigits) digits, of which 0 to all behind the point")
      return nil
    }
    let fix: String? =
      if scalar.usesEnvironment {
        "use one of: \(Self.typeWords.joined(separator: ", "))"
      } else if let other = Self.otherWords[text.lowercased()] {
        "write \(other.contains(",") ? "\"\(other)\"" : other)"
      } else {
        suggestion(for: text, among: Self.typeWords)
      }
    findings.error("bad_type", at: place, "\"\(scalar.shown)\" is not a type", fix: fix)
    return nil
  }

  // MARK: Source

  private func readSource(_ reader: MappingReader, into column: inout ColumnDefinition) {
    if let source = reader.text("from") { column.sourceName = source }
    column.isTrimmed = reader.boolean("trim") ?? false
    column.nullTokens = reader.nullTokens("nulls")
    guard let scalar = reader.scalar("constant") else { return }
    for key in ["from", "trim", "nulls"] where reader.has(key) {
      findings.error(
        "unused_key", at: reader.keyPosition(of: key),
        key == "from"
          ? "a constant column reads nothing \"from\" the file"
          : "\"\(key)\" is for what is read from the file, and this column is a constant",
        fix: "remove \(key) or constant")
    }
    column.constant = scalar.text
    if let problem = column.type.problem(with: scalar.text)
      ?? (column.oneOf.isEmpty || column.oneOf.contains(scalar.text) ? nil : "is not in one_of")
    {
      findings.error("bad_constant", at: reader.position(of: "constant"), "the constant \"\(scalar.shown)\" \(problem)")
    }
  }

  private func reference(_ reader: MappingReader) -> ColumnReference? {
    guard let scalar = reader.scalar("references") else { return nil }
    let parts = scalar.text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, NameKind.relation.problem(with: parts[0]) == nil,
      NameKind.column.problem(with: parts[1]) == nil
    else {
      findings.error(
        "bad_reference", at: reader.position(of: "references"), "\"\(scalar.shown)\" is not a feed and its column",
        fix: "write feed.column, such as customers.customer_id")
      return nil
    }
    return ColumnReference(feed: parts[0], column: parts[1])
  }

  private func control(_ reader: MappingReader) -> ControlSum? {
    guard let scalar = reader.scalar("control") else { return nil }
    let text = scalar.text
    guard text.hasPrefix("sum_by("), text.hasSuffix(")"),
      NameKind.column.problem(with: String(text.dropFirst(7).dropLast())) == nil
    else {
      findings.error(
        "bad_control", at: reader.position(of: "control"), "\"\(scalar.shown)\" is not a control sum",
        fix: "write sum_by(column), such as sum_by(currency)")
      return nil
    }
    return ControlSum(groupedBy: String(text.dropFirst(7).dropLast()))
  }

  // MARK: Checks

  private func readChecks(_ reader: MappingReader, into column: inout ColumnDefinition) {
    let type = column.type
    column.minimum = bound(reader, "min", type)
    column.maximum = bound(reader, "max", type)
    if let low = column.minimum, let high = column.maximum, low > high {
      findings.error("out_of_range", at: reader.position(of: "min"), "\"min\" (\(low)) is above \"max\" (\(high))")
    }
    if allows("one_of", reader, type == .text || type.isNumeric, "text and numbers", type) {
      column.oneOf = words(reader, type)
    }
    if allows("matches", reader, type == .text, "text", type), let scalar = reader.scalar("matches") {
      if let problem = PatternCheck.problem(with: scalar.text) {
        findings.error(
          "bad_pattern", at: reader.position(of: "matches"),
          "\"\(scalar.shown)\" is not a POSIX extended regular expression: \(problem)")
      } else {
        column.pattern = scalar.text
      }
    }
    if allows("format", reader, type.isTemporal, "date, timestamp and timestamptz", type),
      let scalar = reader.scalar("format")
    {
      do throws(FormatProblem) {
        column.format = try DateTimeFormat.parse(scalar.text, for: type)
      } catch {
        findings.error(
          "bad_format", at: reader.position(of: "format"),
          "\"\(scalar.shown)\" cannot be the format of a \(type): \(error.message)")
      }
    }
    if allows("accept", reader, type == .integer || type == .bigint, "integer and bigint", type) {
      for node in reader.elements("accept") {
        guard let scalar = node.scalar(as: "accept", findings) else { continue }
        if scalar.text == "integral_decimal" {
          column.acceptsIntegralDecimal = true
        } else {
          findings.error(
            "unknown_word", at: node.position, "\"\(scalar.shown)\" is not a value of \"accept\"",
            fix: scalar.usesEnvironment ? nil : suggestion(for: scalar.text, among: ["integral_decimal"]))
        }
      }
    }
  }

  private func allows(
    _ key: String, _ reader: MappingReader, _ isAllowed: Bool, _ types: String, _ type: ColumnType
  ) -> Bool {
    if reader.has(key), !isAllowed {
      findings.error("unfit_check", at: reader.keyPosition(of: key), "\"\(key)\" is for \(types), not for \(type)")
    }
    return isAllowed
  }

  private func bound(_ reader: MappingReader, _ key: String, _ type: ColumnType) -> ColumnBound? {
    guard allows(key, reader, type.isNumeric || type.isTemporal, "numbers and dates", type),
      let scalar = reader.scalar(key)
    else { return nil }
    if type.isTemporal {
      if let day = CivilDate(scalar.text) { return .day(day) }
    } else if let number = ExactDecimal(scalar.text) {
      return .number(number)
    }
    findings.error(
      "wrong_type", at: reader.position(of: key), "\"\(key)\" of \(type) cannot be \"\(scalar.shown)\"",
      fix: type.isTemporal ? "write a day as yyyy-MM-dd" : "write a plain number")
    return nil
  }

  private func words(_ reader: MappingReader, _ type: ColumnType) -> [String] {
    guard reader.has("one_of") else { return [] }
    let nodes = reader.elements("one_of")
    var words: [String] = []
    for node in nodes {
      guard let scalar = node.scalar(as: "one_of", findings) else { continue }
      if let problem = type.problem(with: scalar.text) {
        findings.error("wrong_type", at: node.position, "\"\(scalar.shown)\" in \"one_of\" \(problem)")
      } else if words.contains(scalar.text) {
        findings.error("duplicate_name", at: node.position, "\"\(scalar.shown)\" is in \"one_of\" twice")
      } else {
        words.append(scalar.text)
      }
    }
    if nodes.isEmpty, case .sequence = reader.node("one_of")?.content {
      findings.error("missing_value", at: reader.position(of: "one_of"), "\"one_of\" is empty: no value would pass")
    }
    return words
  }
}

extension ColumnBound {
  fileprivate static func > (a: ColumnBound, b: ColumnBound) -> Bool {
    switch (a, b) {
    case (.number(let x), .number(let y)): y < x
    case (.day(let x), .day(let y)): y < x
    default: false
    }
  }
}

extension ColumnType {
  /// Why `text` in a definition is no value of this type, or nil when it is (or only PostgreSQL can tell).
  func problem(with text: String) -> String? {
    let isValue: Bool =
      switch self {
      case .text, .json, .timestamp, .timestamptz: true
      case .integer: Int32(text) != nil
      case .bigint: Int64(text) != nil
      case .decimal(let precision, let scale):
        ExactDecimal(text).flatMap { $0.coefficient(atScale: scale) }
          .map { ExactDecimal(coefficient: $0, scale: 0).map { $0.magnitude.description.count <= precision } ?? false }
          ?? false
      case .boolean: text == "true" || text == "false"
      case .date: CivilDate(text) != nil
      case .uuid:
        text.utf8.count == 36
          && text.utf8.enumerated().allSatisfy { index, byte in
            [8, 13, 18, 23].contains(index) ? byte == UInt8(ascii: "-") : Character(Unicode.Scalar(byte)).isHexDigit
          }
      }
    return isValue ? nil : "is not a value of \(self)"
  }
}
