// `format:` of a feed.
// Invariant: bytes that separate, quote and mark numbers cannot be taken for one another, nor for part of a value or
// a line end, and every limit has a bound of its own.

internal import Finding

extension FeedReader {
  /// Other names that people know an encoding by.
  private static let encodingAliases: [String: TextEncoding] = [
    "utf8": .utf8, "utf16le": .utf16LittleEndian, "utf16be": .utf16BigEndian, "windows1252": .windows1252,
    "cp1252": .windows1252, "cp-1252": .windows1252, "latin1": .latin1, "iso-8859-1": .latin1, "iso8859-1": .latin1,
  ]
  /// PostgreSQL holds values below 1 GiB, and a record stands in memory together with its encoded form.
  private static let recordBytes = 16...256 << 20
  private static let recordLines = 1...1_000_000
  private static let fileBytes = 1...1 << 50

  func format(_ node: DefinitionNode, at place: SourcePosition) -> FeedFormat {
    var format = FeedFormat()
    guard
      let reader = MappingReader(
        node, subject: "\"format\"",
        keys: [
          "delimiter", "quote", "encoding", "nulls", "decimal_mark", "grouping_mark", "negatives", "max_record_bytes",
          "max_record_lines", "max_file_bytes",
        ], at: place, findings: findings)
    else { return format }
    if let encoding = encoding(reader) { format.encoding = encoding }
    if let byte = byte(reader, "delimiter", format.encoding) { format.delimiter = byte }
    if let scalar = reader.scalar("quote") {
      if scalar.text == "none" {
        format.quote = nil
      } else if let byte = byte(reader, "quote", format.encoding) {
        format.quote = byte
      }
    }
    if let tokens = reader.nullTokens("nulls") { format.nullTokens = tokens }
    if let mark = mark(reader, "decimal_mark", among: [".", ","]) { format.decimalMark = mark }
    if let mark = mark(reader, "grouping_mark", among: [",", ".", " ", "'", "_"]) { format.groupingMark = mark }
    format.negatives = negatives(reader)
    if let bytes = reader.bytes("max_record_bytes", in: Self.recordBytes) { format.maxRecordBytes = bytes }
    if let lines = reader.integer("max_record_lines", in: Self.recordLines) { format.maxRecordLines = lines }
    if let bytes = reader.bytes("max_file_bytes", in: Self.fileBytes) { format.maxFileBytes = bytes }
    checkDifferent(format, reader)
    return format
  }

  private func encoding(_ reader: MappingReader) -> TextEncoding? {
    guard let scalar = reader.scalar("encoding") else { return nil }
    let word = scalar.text.lowercased()
    if let encoding = TextEncoding(rawValue: word) ?? Self.encodingAliases[word] { return encoding }
    let words = TextEncoding.allCases.map(\.rawValue)
    if word == "utf-16" || word == "utf16" {
      findings.error(
        "unsupported_encoding", at: reader.position(of: "encoding"),
        "the encoding \"\(scalar.shown)\" does not say which byte comes first",
        fix: "write utf-16le (usual on Windows: the file begins with the bytes FF FE) or utf-16be (FE FF)")
    } else {
      let near = scalar.usesEnvironment ? nil : nearestWord(to: word, in: words + Self.encodingAliases.keys.sorted())
      findings.error(
        "unsupported_encoding", at: reader.position(of: "encoding"),
        "the encoding \"\(scalar.shown)\" is not supported; supported: " + words.joined(separator: ", "),
        fix: near.map { "did you mean \"\($0)\"?" } ?? "convert the file first: iconv -f ENCODING -t utf-8")
    }
    return nil
  }

  private func negatives(_ reader: MappingReader) -> Set<NegativeNotation> {
    let words = NegativeNotation.allCases.map(\.rawValue)
    var notations: Set<NegativeNotation> = []
    for node in reader.elements("negatives") {
      guard let scalar = node.scalar(as: "negatives", findings) else { continue }
      guard let notation = NegativeNotation(rawValue: scalar.text) else {
        findings.error(
          "unknown_word", at: node.position, "\"\(scalar.shown)\" is not a value of \"negatives\"",
          fix: scalar.usesEnvironment ? nil : suggestion(for: scalar.text, among: words))
        continue
      }
      if !notations.insert(notation).inserted {
        findings.error("duplicate_name", at: node.position, "\"\(scalar.shown)\" is in \"negatives\" twice")
      }
    }
    return notations
  }

  /// One byte that no value needs for itself: control characters and punctuation, not a line end, NUL or word.
  private func byte(_ reader: MappingReader, _ key: String, _ encoding: TextEncoding) -> UInt8? {
    guard let scalar = reader.scalar(key) else { return nil }
    let bytes = Array(scalar.text.utf8)
    var problem: String?
    if bytes.count == 1, let byte = bytes.first {
      switch byte {
      case 0x00: problem = "cannot be a NUL byte, which no value may hold"
      case 0x0A, 0x0D: problem = "cannot be a line end"
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        problem = "cannot be a letter or a digit, which values are made of: \"\(scalar.shown)\""
      default: return byte
      }
    } else if scalar.text.unicodeScalars.count == 1, let character = scalar.text.unicodeScalars.first,
      encoding == .latin1 || encoding == .windows1252, character.value < 0x100
    {
      problem =
        "must be an ASCII character: files in \(encoding.rawValue) are turned into UTF-8 before they are cut, "
        + "and \"\(scalar.shown)\" has two bytes there"
    }
    findings.error(
      "bad_format", at: reader.position(of: key),
      "\"\(key)\" " + (problem ?? "must be one ASCII character, not \"\(scalar.shown)\""),
      fix: key == "quote" ? "write '\"', or none" : "write \",\", \";\", \"|\", \"\\t\" or \"\\u0001\"")
    return nil
  }

  private func mark(_ reader: MappingReader, _ key: String, among marks: [String]) -> UInt8? {
    guard let scalar = reader.scalar(key) else { return nil }
    guard marks.contains(scalar.text), let byte = scalar.text.utf8.first else {
      findings.error(
        "bad_format", at: reader.position(of: key), "\"\(scalar.shown)\" is not a value of \"\(key)\"",
        fix: "use one of: " + marks.map { "\"\($0)\"" }.joined(separator: " "))
      return nil
    }
    return byte
  }

  private func checkDifferent(_ format: FeedFormat, _ reader: MappingReader) {
    if format.delimiter == format.quote {
      let key = reader.has("quote") ? "quote" : "delimiter"
      findings.error("bad_format", at: reader.position(of: key), "\"delimiter\" and \"quote\" are the same character")
    }
    if format.decimalMark == format.groupingMark {
      findings.error(
        "bad_format", at: reader.position(of: "grouping_mark"),
        "\"decimal_mark\" and \"grouping_mark\" are the same character")
    }
    if format.quote == nil, format.decimalMark == format.delimiter || format.groupingMark == format.delimiter {
      findings.error(
        "bad_format", at: reader.position(of: "delimiter"),
        "without quotes a number's mark cannot be the delimiter")
    }
    if let quote = format.quote, quote == format.decimalMark || quote == format.groupingMark {
      findings.error(
        "bad_format", at: reader.position(of: "quote"), "the quote is also a mark inside numbers")
    }
  }
}
