// Where a text of SQL names parameters, for those who put typed values in their place. The text is cut as everywhere else:
// what stands in strings, quoted names and comments, casts and slices name none.

/// The parameters that a text names, each as `:name`.
public struct NamedParameters: Sendable, Hashable {
  /// One mention of a parameter.
  public struct Mention: Sendable, Hashable {
    /// Its name, without the colon.
    public let name: String
    /// Where it stands in the UTF-8 of the text, with the colon.
    public let bytes: Range<Int>
  }

  /// In the order of the text; none when something in it is never closed.
  public let mentions: [Mention]
  /// How many bytes of the text are the statement: what is before a final semicolon.
  public let statementBytes: Int

  /// Looks through `text`.
  public init(in text: String) {
    guard let sql = try? ScannedSQL(text) else {
      mentions = []
      statementBytes = text.utf8.count
      return
    }
    mentions = sql.tokens.compactMap { token in
      guard token.kind == .parameter, token.text.hasPrefix(":") else { return nil }
      return Mention(name: String(token.text.dropFirst()), bytes: token.offset..<token.offset + token.raw.utf8.count)
    }
    let ending = sql.tokens.reversed().prefix { $0.isSymbol(";") }
    statementBytes = ending.last?.offset ?? text.utf8.count
  }
}
