// Names and literals as SQL text, for the statements that take no parameters (DDL, COPY, SET).
// Everything else goes as a parameter. Both functions assume standard_conforming_strings = on,
// which this room's connections set.

/// A name as a quoted SQL identifier; a NUL, which PostgreSQL has no way to write, is dropped.
public func quoteIdentifier(_ name: String) -> String {
  quoted(name, with: UInt8(ascii: "\""))
}

/// A text as a quoted SQL literal; a NUL, which PostgreSQL has no way to write, is dropped.
public func quoteLiteral(_ text: String) -> String {
  quoted(text, with: UInt8(ascii: "'"))
}

private func quoted(_ text: String, with quote: UInt8) -> String {
  var bytes: [UInt8] = [quote]
  bytes.reserveCapacity(text.utf8.count + 2)
  for byte in text.utf8 where byte != 0 {
    if byte == quote { bytes.append(quote) }
    bytes.append(byte)
  }
  bytes.append(quote)
  return String(decoding: bytes, as: UTF8.self)
}

/// A relation's name with its schema.
public struct QualifiedName: Sendable, Hashable, CustomStringConvertible {
  /// The schema.
  public var schema: String
  /// The name inside the schema.
  public var name: String

  /// Makes a qualified name.
  public init(schema: String, name: String) {
    self.schema = schema
    self.name = name
  }

  /// Both parts quoted, as SQL text.
  public var quoted: String { "\(quoteIdentifier(schema)).\(quoteIdentifier(name))" }
  /// Both parts plain, for messages.
  public var description: String { "\(schema).\(name)" }
}

/// A name cut to PostgreSQL's 63 bytes, with a hash of the whole where something was cut, so that no name is ever cut
/// silently into another one.
public func shortenedIdentifier(_ name: String) -> String {
  guard name.utf8.count > 63 else { return name }
  var head = name
  while head.utf8.count > 54 { head.removeLast() }
  let digits = String(shortHash(name), radix: 16)
  return "\(head)_\(String(repeating: "0", count: 8 - digits.count))\(digits)"
}

/// 32 bits that follow from a text, the same on every machine and in every version: FNV-1a.
public func shortHash(_ text: String) -> UInt32 {
  text.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
}
