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
