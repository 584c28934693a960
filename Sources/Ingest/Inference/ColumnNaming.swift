// Names as headers write them → names as tables have them: lower case, words joined by _, no accents, no words of SQL.
// Invariant: every result passes the definitions' own rule, and no two results are the same.

internal import Definitions

enum ColumnNaming {
  /// A table's column names for a header, in order.
  static func names(for header: [String]) -> [String] {
    var taken: Set<String> = []
    return header.enumerated().map { index, source in
      var base = word(source)
      if base.isEmpty { base = "column_\(index + 1)" }
      if base.utf8.first.map({ $0 &- 0x30 <= 9 }) ?? true { base = "c_" + base }
      base = String(base.prefix(48))
      while base.hasPrefix("daybook_") || base.hasPrefix("_daybook_") { base = "c_" + base }
      if reserved.contains(base) || FeedDefinition.problem(withColumnName: base) != nil { base += "_" }
      if FeedDefinition.problem(withColumnName: base) != nil { base = "column_\(index + 1)" }
      var name = base
      var number = 2
      while !taken.insert(name).inserted {
        name = "\(base)_\(number)"
        number += 1
      }
      return name
    }
  }

  /// A feed's name and its pattern for files, from the name of one file.
  static func feed(forFile path: String) -> (name: String, pattern: String) {
    var file = path.split(separator: "/").last.map(String.init) ?? path
    for suffix in [".gz", ".zst"] where file.lowercased().hasSuffix(suffix) { file.removeLast(suffix.count) }
    var stem = file
    if let dot = file.lastIndex(of: "."), dot > file.startIndex, file.distance(from: dot, to: file.endIndex) <= 5 {
      stem = String(file[..<dot])
    }
    let suffix = file.dropFirst(stem.count)
    var pattern = ""
    var words = ""
    for character in stem {
      if character.isASCII, character.isNumber {
        if pattern.last != "*" { pattern.append("*") }
      } else if "-_.T".contains(character), pattern.hasSuffix("*"), character != "_" {
        // Inside a date or behind it; the separator comes back before the next word.
        continue
      } else {
        let isSpecial = "*?[]\\{}".contains(character) || !character.isASCII
        pattern.append(isSpecial ? "?" : character)
      }
      words.append(character.isNumber ? "_" : character)
    }
    var name = word(words)
    if name.isEmpty { name = "feed" }
    name = String(name.prefix(48))
    while FeedDefinition.problem(withName: name) != nil, name.utf8.count < 55 { name = "feed_" + name }
    if FeedDefinition.problem(withName: name) != nil { name = "feed" }
    let isAnything = !pattern.contains { $0 != "*" && $0 != "_" && $0 != "?" }
    pattern = (pattern.isEmpty || isAnything ? "\(name)_*" : pattern) + (suffix.isEmpty ? "" : suffix)
    return (name, pattern.replacing("**", with: "*") + "*")
  }

  /// Lower case with words joined by _; empty when nothing is left.
  static func word(_ text: String) -> String {
    var result = ""
    var before: Unicode.Scalar?
    let scalars = Array(text.unicodeScalars)
    for (index, scalar) in scalars.enumerated() {
      let letters = plain(scalar)
      if letters.isEmpty {
        if !result.isEmpty, result.last != "_" { result.append("_") }
      } else {
        // customerID, CustomerId, HTTPStatus: a word begins at a capital behind a small letter, or before one.
        let isCapital = scalar.properties.isUppercase
        let next = index + 1 < scalars.count ? scalars[index + 1] : nil
        let beginsWord =
          isCapital
          && (before.map { $0.properties.isLowercase || $0.properties.numericType != nil } ?? false
            || before?.properties.isUppercase == true && next?.properties.isLowercase == true)
        if beginsWord, !result.isEmpty, result.last != "_" { result.append("_") }
        result += letters
      }
      before = scalar
    }
    while result.last == "_" { result.removeLast() }
    return result
  }

  /// The ASCII letters and digits of a character; accents go, other characters give nothing.
  private static func plain(_ scalar: Unicode.Scalar) -> String {
    switch scalar.value {
    case 0x30...0x39, 0x61...0x7A: return String(scalar)
    case 0x41...0x5A: return String(scalar).lowercased()
    case 0x23: return "no"
    case 0x25: return "percent"
    default: return folded[String(scalar).lowercased()] ?? ""
    }
  }

  private static let folded: [String: String] = {
    let rows = [
      "a": "àáâãåāăą", "ae": "äæ", "c": "çćč", "d": "ďđð", "e": "èéêëēęě", "g": "ğ", "i": "ìíîïīı", "l": "łľ",
      "n": "ñńň",
      "o": "òóôõøōő", "oe": "öœ", "r": "řŕ", "s": "śšşș", "ss": "ß", "t": "ťțţ", "u": "ùúûūůű", "ue": "ü", "y": "ýÿ",
      "z": "žźż", "th": "þ",
    ]
    var table: [String: String] = [:]
    for (letters, accented) in rows { for character in accented { table[String(character)] = letters } }
    return table
  }()

  /// Words that SQL would need quotes for as a column. Source: PostgreSQL 15 manual, appendix C, "reserved".
  private static let reserved: Set<String> = [
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "binary", "both",
    "case", "cast", "check", "collate", "collation", "column", "concurrently", "constraint", "create", "cross",
    "current_catalog", "current_date", "current_role", "current_schema", "current_time", "current_timestamp",
    "current_user", "default", "deferrable", "desc", "distinct", "do", "else", "end", "except", "false", "fetch", "for",
    "foreign", "freeze", "from", "full", "grant", "group", "having", "ilike", "in", "initially", "inner", "intersect",
    "into", "is", "isnull", "join", "lateral", "leading", "left", "like", "limit", "localtime", "localtimestamp",
    "natural", "not", "notnull", "null", "offset", "on", "only", "or", "order", "outer", "overlaps", "placing",
    "primary",
    "references", "returning", "right", "select", "session_user", "similar", "some", "symmetric", "table",
    "tablesample",
    "then", "to", "trailing", "true", "union", "unique", "user", "using", "variadic", "verbose", "when", "where",
    "window", "with",
  ]

  /// Whether a column of that name was renamed because SQL has the word.
  static func isReserved(_ source: String) -> Bool { reserved.contains(word(source)) }
}
