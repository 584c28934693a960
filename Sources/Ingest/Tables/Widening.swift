// Which changes of a table only let more in and cost PostgreSQL no rewrite, so that they are made by themselves.
// Invariant: when in doubt it is no widening. Checks are compared in the server's own words (pg_get_constraintdef), and
// only the forms that Daybook's own checks have are understood; one that somebody made otherwise is refused.
// Source: PostgreSQL 15, numeric_support (src/backend/utils/adt/numeric.c): a larger precision at the same scale
// changes no stored value.

internal import Money

/// The rules for changes that lose nothing.
enum Widening {
  /// Whether values of one type are values of the other as they stand on disk.
  static func isFree(from old: String, to new: String) -> Bool {
    guard let old = numeric(old), let new = numeric(new) else { return false }
    return old.scale == new.scale && new.precision >= old.precision
  }

  /// What a change of type would do that Daybook does not do by itself.
  static func cost(from old: String, to new: String) -> String {
    switch (old, new) {
    case ("integer", "bigint"), ("integer", "text"), ("bigint", "text"), ("boolean", "text"), ("uuid", "text"),
      ("date", "text"), ("date", "timestamp without time zone"):
      return "PostgreSQL rewrites the whole table and its indexes for it, under a lock"
    default:
      if let old = numeric(old), let new = numeric(new), new.precision - new.scale >= old.precision - old.scale,
        new.scale > old.scale
      {
        return "PostgreSQL rewrites the whole table and its indexes for it, under a lock"
      }
      return isFree(from: old, to: new)
        ? "PostgreSQL changes no type under a view; daybook refresh makes Daybook's own again"
        : "values that are there may not fit"
    }
  }

  private static func numeric(_ type: String) -> (precision: Int, scale: Int)? {
    guard type.hasPrefix("numeric("), type.hasSuffix(")") else { return nil }
    let numbers = type.dropFirst(8).dropLast().split(separator: ",").compactMap { Int($0) }
    return numbers.count == 2 ? (numbers[0], numbers[1]) : nil
  }

  /// Whether everything that passes the check `old` passes `new` too.
  static func isWider(_ new: String, than old: String) -> Bool {
    if let (oldSubject, oldWords) = textList(old), let (newSubject, newWords) = textList(new) {
      return oldSubject == newSubject && oldWords.isSubset(of: newWords)
    }
    if let oldNumbers = numbers(old), let newNumbers = numbers(new) {
      return oldNumbers.subject == newNumbers.subject
        && oldNumbers.values.allSatisfy { value in newNumbers.values.contains { $0 == value } }
    }
    return isLooserBound(bareWords(old), bareWords(new))
  }

  /// `CHECK ((kind = ANY (ARRAY['a'::text, 'b'::text])))`, or of one value `CHECK ((kind = 'a'::text))`.
  private static func textList(_ check: String) -> (subject: String, words: Set<String>)? {
    var words: Set<String> = []
    var shape = ""
    var word: String?
    var iterator = check.makeIterator()
    var pending = iterator.next()
    while let character = pending {
      pending = iterator.next()
      guard character == "'" else {
        if word != nil { word?.append(character) } else { shape.append(character) }
        continue
      }
      if word == nil {
        word = ""
      } else if pending == "'" {
        word?.append("'")
        pending = iterator.next()
      } else {
        words.insert(word ?? "")
        word = nil
        shape.append("?")
      }
    }
    guard word == nil, !words.isEmpty else { return nil }
    let list = shape.replacing("?::text, ", with: "").replacing("= ANY (ARRAY[?::text])", with: "= ?::text")
    guard list.hasPrefix("CHECK (("), list.hasSuffix(" = ?::text))") else { return nil }
    return (String(list.dropFirst(8).dropLast(11)), words)
  }

  /// The words of a check without parentheses, quotes and casts, none of which change what a single comparison means.
  private static func bareWords(_ check: String) -> [String] {
    check.filter { !"()'".contains($0) }.split(separator: " ").map { word in
      word.firstRange(of: "::").map { String(word[..<$0.lowerBound]) } ?? String(word)
    }
  }

  /// `CHECK ((id = ANY (ARRAY[1, 2])))`, or of one value `CHECK ((id = 1))`, with or without casts to numbers.
  private static func numbers(_ check: String) -> (subject: String, values: [ExactDecimal])? {
    var bare = check.filter { !"()'".contains($0) }
    for cast in ["::numeric", "::integer", "::bigint"] { bare = bare.replacing(cast, with: "") }
    let words = bare.split(separator: " ")
    guard words.count >= 4, words[0] == "CHECK", words[2] == "=" else { return nil }
    var rest = words[3...].joined(separator: " ")
    if rest.hasPrefix("ANY ARRAY["), rest.hasSuffix("]") { rest = String(rest.dropFirst(10).dropLast()) }
    let parts = rest.split(separator: ",").map { $0.drop { $0 == " " } }
    let values = parts.compactMap { ExactDecimal(String($0)) }
    return values.count == parts.count && !values.isEmpty ? (String(words[1]), values) : nil
  }

  /// Whether two checks are `column >= value` or `column <= value` and differ in the value alone, which moved outward.
  private static func isLooserBound(_ old: [String], _ new: [String]) -> Bool {
    guard old.count == new.count, old.count >= 4, old[0] == "CHECK" else { return false }
    let differing = old.indices.filter { old[$0] != new[$0] }
    guard differing.count == 1, let place = differing.first, place >= 3 else { return false }
    let isLower: Bool
    if let before = CivilDate(old[place]), let after = CivilDate(new[place]) {
      isLower = after < before
    } else if let before = ExactDecimal(old[place]), let after = ExactDecimal(new[place]) {
      isLower = after < before
    } else {
      return false
    }
    switch old[2] {
    case ">=": return isLower
    case "<=": return !isLower
    default: return false
    }
  }
}
