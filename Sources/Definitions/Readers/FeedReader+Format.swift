// `format:` of a feed.
// Invariant: bytes that separate, quote and mark numbers cannot be taken for one another.
// Encodings beyond UTF-8 are refused by name until the room CSV can read them.

internal import Finding

extension FeedReader {
  private static let supportedEncodings = TextEncoding.allCases.map(\.rawValue)

  func format(_ node: DefinitionNode, at place: SourcePosition) -> FeedFormat {
    var format = FeedFormat()
    guard
      let reader = MappingReader(
        node, subject: "\"format\"",
        keys: ["delimiter", "quote", "encoding", "nulls", "decimal_mark", "grouping_mark"], at: place,
        findings: findings)
    else { return format }
    if let byte = byte(reader, "delimiter") { format.delimiter = byte }
    if let scalar = reader.scalar("quote") {
      if scalar.text == "none" {
        format.quote = nil
      } else if let byte = byte(reader, "quote") {
        format.quote = byte
      }
    }
    if let scalar = reader.scalar("encoding") {
      let word = scalar.text.lowercased()
      if let encoding = TextEncoding(rawValue: word == "utf8" ? "utf-8" : word) {
        format.encoding = encoding
      } else {
        findings.error(
          "unsupported_encoding", at: reader.position(of: "encoding"),
          "the encoding \"\(scalar.shown)\" is not supported; supported: "
            + Self.supportedEncodings.joined(separator: ", "),
          fix: "convert the file first: iconv -f ENCODING -t utf-8")
      }
    }
    if reader.has("nulls") {
      format.nullTokens = reader.elements("nulls").compactMap { $0.scalar(as: "nulls", findings)?.text }
    }
    if let mark = mark(reader, "decimal_mark", among: [".", ","]) { format.decimalMark = mark }
    if let mark = mark(reader, "grouping_mark", among: [",", ".", " ", "'", "_"]) { format.groupingMark = mark }
    checkDifferent(format, reader)
    return format
  }

  private func byte(_ reader: MappingReader, _ key: String) -> UInt8? {
    guard let scalar = reader.scalar(key) else { return nil }
    let bytes = Array(scalar.text.utf8)
    guard bytes.count == 1, bytes[0] >= 0x20 || bytes[0] == 0x09, bytes[0] < 0x7F else {
      findings.error(
        "bad_format", at: reader.position(of: key), "\"\(key)\" must be one ASCII character, not \"\(scalar.shown)\"",
        fix: key == "quote" ? "write '\"', or none" : "write \",\", \";\", \"|\" or \"\\t\"")
      return nil
    }
    return bytes[0]
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
  }
}
