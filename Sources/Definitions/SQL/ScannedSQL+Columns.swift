// Which columns an SQL expression names, seen from its tokens.
// A word counts unless it is a function, a type, a keyword, or qualified: only what can be nothing but a column is
// checked, and PostgreSQL checks the rest.

extension ScannedSQL {
  /// A parenthesis without a partner, `(` or `)`; nil when there is none, so that the text stays between parentheses that
  /// are put around it.
  var unpairedParenthesis: String? {
    var depth = 0
    for token in tokens where depth >= 0 {
      if token.isSymbol("(") { depth += 1 } else if token.isSymbol(")") { depth -= 1 }
    }
    return depth == 0 ? nil : depth > 0 ? "(" : ")"
  }

  /// Whether there is a word by which SQL depends on more than the rows it reads.
  var hasUnsteadyWord: Bool { UnsteadyWords.first(in: self) != nil }

  /// By what an expression surely depends on more than its row, as a message says it. Strings that are no more than a
  /// moment are meant; in others its word may be part of a label.
  var moreThanItsRow: String? {
    if tokens.contains(where: { $0.isWord("select") }) { return "a query" }
    return UnsteadyWords.first(in: self, isMoment: { UnsteadyWords.moments.contains($0.filter(\.isLetter)) })
      .map { "\"\($0)\"" }
  }

  /// The names that stand before a parenthesis: functions, and words of SQL that are none.
  var calls: Set<String> { Set(tokens.indices.filter(isCall).map { tokens[$0].text }) }

  private func isCall(at index: Int) -> Bool {
    guard case .identifier = tokens[index].kind, index + 1 < tokens.count else { return false }
    return tokens[index + 1].isSymbol("(")
  }

  /// A name with another one before it and a point between, as written; nil when every column is named alone. Functions
  /// and types may stand in a schema, and in an expression with a query in it names are that query's.
  var qualifiedColumn: String? {
    if tokens.contains(where: { $0.isWord("select") }) { return nil }
    for index in tokens.indices.dropFirst(2) {
      // All columns of something are named with it, too: `sales.*`.
      if tokens[index].isSymbol("*"), tokens[index - 1].isSymbol("."), case .identifier = tokens[index - 2].kind {
        return "\(tokens[index - 2].raw).*"
      }
      guard case .identifier = tokens[index].kind, tokens[index - 1].isSymbol("."),
        case .identifier = tokens[index - 2].kind
      else { continue }
      var first = index - 2
      while first >= 2, tokens[first - 1].isSymbol("."), case .identifier = tokens[first - 2].kind { first -= 2 }
      var last = index
      while last + 2 < tokens.count, tokens[last + 1].isSymbol("."), case .identifier = tokens[last + 2].kind {
        last += 2
      }
      let before = first > 0 ? tokens[first - 1] : nil
      if isCall(at: last) || before?.isSymbol("::") == true || before?.isWord("as") == true
        || before?.isWord("collate") == true
      {
        continue
      }
      return tokens[first...last].map(\.raw).joined()
    }
    return nil
  }

  private static let words: Set = [
    "all", "and", "any", "array", "as", "asc", "asymmetric", "at", "between", "both", "by", "case", "cast", "century",
    "collate", "current_date", "current_time", "current_timestamp", "day", "decade", "desc", "distinct", "dow", "doy",
    "else", "end", "epoch", "escape", "except", "exists", "false", "filter", "first", "following", "for", "from",
    "group", "hour", "ilike", "in", "interval", "intersect", "is", "isnull", "isodow", "isoyear", "last", "leading",
    "like", "limit", "localtime", "localtimestamp", "microseconds", "millennium", "milliseconds", "minute", "month",
    "not", "notnull", "null", "nulls", "of", "offset", "operator", "or", "order", "over", "overlaps", "partition",
    "placing", "preceding", "quarter", "range", "row", "rows", "second", "select", "session_user", "similar", "some",
    "symmetric", "then", "timezone", "to", "trailing", "true", "unbounded", "union", "unknown", "user", "using",
    "value", "values", "week", "when", "where", "with", "within", "without", "year", "zone",
    "bigint", "bit", "boolean", "bool", "bytea", "char", "character", "citext", "date", "decimal", "double", "float",
    "float4", "float8", "inet", "int", "int2", "int4", "int8", "integer", "json", "jsonb", "money", "name", "numeric",
    "precision", "real", "regexp", "smallint", "text", "time", "timestamp", "timestamptz", "timetz", "tsvector",
    "uuid", "varchar", "varying",
  ]

  /// The words of an expression that can be nothing but columns, in order. An expression with a query in it has none.
  var columnNames: [String] {
    guard !tokens.contains(where: { $0.isWord("select") }) else { return [] }
    return tokens.indices.compactMap { index in
      guard case .identifier(let isQuoted) = tokens[index].kind else { return nil }
      if !isQuoted, Self.words.contains(tokens[index].text) { return nil }
      let before = index > 0 ? tokens[index - 1] : nil
      let after = index + 1 < tokens.count ? tokens[index + 1] : nil
      if before?.isSymbol("::") == true || before?.isSymbol(".") == true || before?.isWord("as") == true
        || before?.isWord("collate") == true
      {
        return nil
      }
      if after?.isSymbol("(") == true || after?.isSymbol(".") == true || after?.kind == .string { return nil }
      return tokens[index].text
    }
  }
}
