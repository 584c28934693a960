// Phase 4: the narrowest type that is safe for each column, with what the whole file has in common: tokens for "no
// value", the marks of numbers, the notations of negative ones.
// Safe means: nothing is lost that a person could miss. Leading zeros, long digit strings and codes stay text; amounts
// stay decimal with room to grow; what can be read in two ways stays text, and the comment says so.

internal import Definitions

/// What is proposed for one column.
struct ColumnGuess: Sendable {
  var name: String
  var source: String
  var type: ColumnType = .text
  var isOptional = false
  var acceptsIntegralDecimal = false
  var isTrimmed = false
  var format: String?
  /// The ways in which its dates can be read; several when day and month cannot be told apart.
  var readings: [TemporalReading] = []
  /// What was seen, in the words of the comment.
  var evidence: [String] = []
  /// Keys that could be added, each with its reason.
  var suggestions: [(key: String, reason: String)] = []
  var isCurrency = false
  /// Different values, and records with a value.
  var distinct = 0
  var present = 0
}

/// What is proposed for the file as a whole.
struct FileGuess: Sendable {
  var style = NumberStyle.plain
  var styleEvidence: String?
  var negatives: [NegativeNotation: Int] = [:]
  var nullTokens: [(token: String, evidence: String)] = []
}

struct TypesPhase {
  /// Unmistakable, and those that a typed column must need before they count.
  private static let strongTokens = ["NULL", "null", "\\N", "(null)", "<null>", "#N/A"]
  private static let weakTokens = ["NA", "N/A", "n/a", "-", "--", "None", "none", "NaN", "nan", "nil", "?", "Null"]

  private let table: SampledTable
  private var strong: Set<[UInt8]>
  private var weak: Set<[UInt8]>
  private(set) var file = FileGuess()
  private(set) var columns: [ColumnGuess]
  private var undecided: Set<Int> = []

  /// Tells types and formats of a table with the given column names.
  init(_ table: SampledTable, names: [String], delimiter: UInt8, quote: UInt8?) {
    self.table = table
    strong = Set(Self.strongTokens.map { Array($0.utf8) })
    weak = Set(Self.weakTokens.map { Array($0.utf8) })
    columns = zip(names, table.header).map {
      ColumnGuess(name: $0, source: String(decoding: $1.bytes, as: UTF8.self))
    }
    let real = table.columns.map { column in
      column.values.filter { !$0.trimmed.isEmpty && !isToken($0.trimmed) }.map(\.trimmed)
    }
    chooseStyle(real, delimiter: delimiter, quote: quote)
    for index in columns.indices { classify(index, real[index]) }
    settleTokens()
    for index in columns.indices { describe(index) }
  }

  private func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.count <= 6 && (strong.contains(Array(bytes)) || weak.contains(Array(bytes)))
  }

  // MARK: Marks of numbers

  private mutating func chooseStyle(_ real: [[ArraySlice<UInt8>]], delimiter: UInt8, quote: UInt8?) {
    let candidates = NumberStyle.all.filter {
      quote != nil || $0.decimalMark != delimiter && $0.groupingMark != delimiter
    }
    var best = (style: NumberStyle.plain, columns: -1, witness: [UInt8]())
    var ambiguous: Set<Int> = []
    for style in candidates {
      var fitting = 0
      var witness: ArraySlice<UInt8>?
      for (index, values) in real.enumerated() where !values.isEmpty {
        guard values.allSatisfy({ style.scan($0) != nil }) else { continue }
        fitting += 1
        if style != .plain, witness == nil { witness = style.witness(values) }
        if style != .plain, !values.allSatisfy({ NumberStyle.plain.scan($0) != nil }) { ambiguous.insert(index) }
      }
      if style != .plain, witness == nil { continue }
      if fitting > best.columns { best = (style, fitting, Array(witness ?? [])) }
    }
    file.style = best.style
    if best.style != .plain {
      file.styleEvidence = "such as \"\(String(decoding: best.witness, as: UTF8.self))\""
    }
    undecided = ambiguous.filter { index in !real[index].allSatisfy { best.style.scan($0) != nil } }
  }

  // MARK: One column

  private mutating func classify(_ index: Int, _ values: [ArraySlice<UInt8>]) {
    columns[index].distinct = table.columns[index].values.count
    guard !values.isEmpty else { return }
    if values.allSatisfy(UUIDText.isUUID), values.contains(where: { $0.contains { $0 > 0x39 } }) {
      columns[index].type = .uuid
    } else if Self.areBooleans(values, name: columns[index].name) {
      columns[index].type = .boolean
    } else if classifyTime(index, values) || classifyNumber(index, values) {
    } else if values.allSatisfy(Self.isJSON) {
      columns[index].type = .json
    }
  }

  private static func isJSON(_ value: ArraySlice<UInt8>) -> Bool {
    guard value.first == 0x7B || value.first == 0x5B else { return false }
    return value.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { JSONText.isValid($0, buffer.count) } ?? false
    }
  }

  /// Both words of a pair, or the words true and false themselves; 0 and 1 only under a name that asks a question.
  private static func areBooleans(_ values: [ArraySlice<UInt8>], name: String) -> Bool {
    guard values.count <= 8 else { return false }
    let words = Set(values.map { String(decoding: $0, as: UTF8.self).lowercased() })
    let pairs: [Set<String>] = [["true", "false"], ["t", "f"], ["yes", "no"], ["y", "n"], ["on", "off"]]
    if pairs.contains(words) || words == ["true"] || words == ["false"] { return true }
    let asks = name.hasPrefix("is_") || name.hasPrefix("has_") || name.hasSuffix("_flag") || name.hasSuffix("flag")
    return asks && (words == ["0", "1"] || words == ["y"] || words == ["n"])
  }

  private mutating func classifyTime(_ index: Int, _ values: [ArraySlice<UInt8>]) -> Bool {
    let name = columns[index].name
    let hint = ["date", "day", "time", "stamp", "_at", "_on", "datum"].contains { name.contains($0) }
    let readings = TemporalNotation.readings(of: values, digitsOnly: hint)
    guard let first = readings.first else { return false }
    columns[index].readings = readings
    columns[index].type = first.type
    return true
  }

  private mutating func classifyNumber(_ index: Int, _ values: [ArraySlice<UInt8>]) -> Bool {
    var whole = 0
    var fraction = 0
    var significant = 0
    var maximum: Int64 = 0
    var least: (value: ArraySlice<UInt8>, facts: NumberFacts)?
    var lengths: Set<Int> = []
    var negatives: [NegativeNotation: Int] = [:]
    var zeros: ArraySlice<UInt8>?
    var plus: ArraySlice<UInt8>?
    for value in values {
      guard let facts = file.style.scan(value) else { return false }
      whole = max(whole, facts.wholeDigits)
      fraction = max(fraction, facts.fractionDigits)
      significant = max(significant, facts.significantFraction)
      maximum = max(maximum, facts.whole)
      if least == nil || facts.wholeDigits < (least?.facts.wholeDigits ?? 0) { least = (value, facts) }
      lengths.insert(facts.wholeDigits)
      if let negative = facts.negative { negatives[negative, default: 0] += 1 }
      if facts.hasLeadingZero { zeros = zeros ?? value }
      if facts.hasPlus { plus = plus ?? value }
    }
    let name = columns[index].name
    func text(_ reason: String) -> Bool {
      columns[index].evidence.append(reason)
      return true
    }
    if let zeros { return text("leading zeros seen, such as \"\(Self.shown(zeros))\", so text") }
    if plus != nil, whole > 6, fraction == 0 { return text("a plus before many digits, as in phone numbers, so text") }
    if fraction == 0, Self.isCode(name), negatives.isEmpty {
      return text("digits only, but the name says a code, so text")
    }
    let isIdentifier = Self.isIdentifier(name)
    if whole > 18 {
      if isIdentifier || lengths.count == 1 || whole + fraction > 34 {
        return text("up to \(whole) digits, more than a bigint holds, so text")
      }
      columns[index].type = .decimal(precision: min(38, whole + fraction + 3), scale: fraction)
      columns[index].evidence.append("up to \(whole) digits, more than a bigint holds")
    } else if fraction == 0 || fraction == 1 && significant == 0 {
      columns[index].acceptsIntegralDecimal = fraction == 1
      let isSmall = maximum <= 100_000_000 && !isIdentifier
      columns[index].type = isSmall ? .integer : .bigint
      if fraction == 1 { columns[index].evidence.append("whole numbers, written with .0") }
      columns[index].evidence.append(
        isIdentifier && maximum <= 100_000_000
          ? "up to \(counted(whole, "digit")), and identifiers grow" : "up to \(counted(whole, "digit"))")
    } else {
      let scale = max(2, fraction)
      let digits = max(10, whole + 3)
      columns[index].type = .decimal(precision: min(38, digits + scale), scale: scale)
      columns[index].evidence.append("up to \(counted(whole, "digit")) before the mark and \(fraction) behind")
    }
    for (notation, count) in negatives { file.negatives[notation, default: 0] += count }
    return true
  }

  private static func isIdentifier(_ name: String) -> Bool {
    name == "id" || ["_id", "_no", "_nr", "_num", "_number", "_key", "_ref"].contains { name.hasSuffix($0) }
  }

  private static func isCode(_ name: String) -> Bool {
    let words = Set(name.split(separator: "_"))
    return !words.isDisjoint(with: [
      "zip", "zipcode", "postcode", "postal", "plz", "phone", "fax", "mobile", "ean", "gtin", "isbn", "barcode", "upc",
      "iban", "bic", "ssn", "vat",
    ])
  }

  // MARK: Tokens for no value

  private mutating func settleTokens() {
    var needed: [[UInt8]: [String]] = [:]
    for (index, column) in table.columns.enumerated() {
      for value in column.values where !value.isQuoted && isToken(value.trimmed) {
        let token = Array(value.trimmed)
        if strong.contains(token) || columns[index].type != .text {
          needed[token, default: []].append(columns[index].name)
        }
      }
    }
    for token in needed.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) where weak.contains(token) {
      // NA among codes of two letters is Namibia; a dash among single letters is a code as well.
      let victim = table.columns.indices.first { columns[$0].type == .text && isCodeAmongCodes(token, $0) }
      guard let victim else { continue }
      needed[token] = nil
      let text = String(decoding: token, as: UTF8.self)
      for index in table.columns.indices where columns[index].type != .text && holds(token, index) {
        columns[index] = ColumnGuess(name: columns[index].name, source: columns[index].source)
        columns[index].evidence = ["\"\(text)\" among its values is a code in column \(columns[victim].name), so text"]
      }
    }
    strong = strong.filter { needed[$0] != nil }
    weak = weak.filter { needed[$0] != nil }
    file.nullTokens = needed.keys.sorted { $0.lexicographicallyPrecedes($1) }.map { token in
      let places = table.columns.indices.filter { holds(token, $0) }.map { columns[$0].name }
      return (
        String(decoding: token, as: UTF8.self),
        "in \(places.prefix(3).joined(separator: ", "))\(places.count > 3 ? " and \(places.count - 3) more" : "")"
      )
    }
  }

  private func holds(_ token: [UInt8], _ index: Int) -> Bool {
    table.columns[index].values.contains { !$0.isQuoted && $0.trimmed.elementsEqual(token) }
  }

  private func isCodeAmongCodes(_ token: [UInt8], _ index: Int) -> Bool {
    let values = table.columns[index].values.filter { !$0.bytes.isEmpty }
    return holds(token, index) && values.count > 1 && values.allSatisfy { $0.trimmed.count == token.count }
      && values.contains { $0.trimmed.allSatisfy { (0x41...0x5A).contains($0) } }
  }

  // MARK: What is said about a column

  private mutating func describe(_ index: Int) {
    let column = table.columns[index]
    let isText = columns[index].type == .text
    var empty = 0
    var tokens = 0
    var padded = 0
    for value in column.values {
      let isNull = !(isText && value.isQuoted)
      if isText ? value.bytes.isEmpty && isNull : value.trimmed.isEmpty {
        empty += value.count
        if value.isPadded { padded += value.count }
      } else if isNull, isToken(value.trimmed), !isText || !value.isPadded {
        tokens += value.count
        if value.isPadded { padded += value.count }
      } else if value.isPadded {
        padded += value.count
      }
    }
    let missing = empty + tokens
    columns[index].present = table.records - missing
    columns[index].isOptional = missing > 0 || table.records == 0
    columns[index].isTrimmed = padded > 0 && !isText
    var evidence: [String] = []
    if table.records == 0 {
      evidence.append("no record seen")
    } else if columns[index].present == 0 {
      evidence.append("no value in \(counted(table.records)) records; text until one is seen")
    } else if isText, undecided.contains(index) {
      evidence.append(
        "UNDECIDED numbers: the marks can be read in two ways, so text; set decimal_mark or grouping_mark")
    } else {
      let present = counted(columns[index].present)
      evidence.append(missing == 0 ? counted(table.records, "value") : "\(present) of \(counted(table.records)) values")
    }
    if missing > 0, columns[index].present > 0 {
      evidence.append(
        [empty > 0 ? "\(counted(empty)) empty" : nil, tokens > 0 ? "\(counted(tokens)) null" : nil]
          .compactMap(\.self).joined(separator: " and "))
    }
    if isText { describeText(column, index, padded: padded) }
    evidence += columns[index].evidence
    if columns[index].isTrimmed { evidence.append("blanks around \(counted(padded, "value"))") }
    if ColumnNaming.isReserved(columns[index].source) { evidence.append("the header's name is a word of SQL") }
    columns[index].evidence = evidence
  }

  private mutating func describeText(_ column: SampledColumn, _ index: Int, padded: Int) {
    let values = column.values.filter { !$0.bytes.isEmpty && !($0.isQuoted == false && isToken($0.bytes[...])) }
    let present = values.reduce(0) { $0 + $1.count }
    let numbers = values.reduce(0) { $0 + (file.style.scan($1.trimmed) == nil ? 0 : $1.count) }
    if numbers < present, numbers * 5 >= present * 4 {
      columns[index].evidence.append(
        "\(counted(numbers)) are numbers and \(counted(present - numbers)) are not, so text")
    }
    if padded > 0 {
      columns[index].suggestions.append(("trim: true", "blanks around \(counted(padded, "value")), kept unless told"))
    }
    columns[index].isCurrency = !values.isEmpty && values.allSatisfy { Currencies.isCode($0.bytes) }
    if columns[index].isCurrency {
      columns[index].suggestions.append((#"matches: "^[A-Z]{3}$""#, "currency codes"))
      return
    }
    guard values.count > 1, values.count <= 12, present >= 50, present >= 10 * values.count, padded == 0,
      values.allSatisfy({ $0.bytes.count <= 24 })
    else { return }
    let words = values.map { String(decoding: $0.bytes, as: UTF8.self) }.sorted()
    guard words.allSatisfy({ $0.contains { !$0.isWhitespace } }) else { return }
    columns[index].suggestions.append(
      ("one_of: [\(words.map(YAMLText.flow).joined(separator: ", "))]", "\(values.count) different values"))
  }

  private static func shown(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.prefix(24), as: UTF8.self)
  }
}

/// Letters that name a currency. Source: ISO 4217, the codes of traded currencies.
enum Currencies {
  private static let codes: Set<String> = Set(
    """
    AED ARS AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JOD JPY KES KRW KWD MAD MXN \
    MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD UYU VND XAF XOF ZAR
    """.split(separator: " ").map(String.init))

  static func isCode(_ bytes: [UInt8]) -> Bool {
    bytes.count == 3 && codes.contains(String(decoding: bytes, as: UTF8.self))
  }
}
