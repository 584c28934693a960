// Which tables and views a statement names, seen from its tokens.
// It errs on the side of too many: a common table expression named like a feed counts as that feed. It never misses
// a name that stands after FROM or JOIN. Names built at run time cannot be seen by anyone.

extension ScannedSQL {
  /// A name in the place of a table.
  struct Relation: Equatable {
    /// The schema as written, empty when there is none.
    let schema: String
    let name: String
    let offset: Int
  }

  private struct Level {
    var expectsRelation: Bool
    var isInFrom: Bool
  }

  private static let clausesAfterFrom: Set = [
    "where", "group", "order", "having", "limit", "offset", "fetch", "window", "union", "intersect", "except",
    "select", "for", "returning", "values",
  ]

  /// The names that stand where a table can stand, in order.
  var relations: [Relation] {
    var found: [Relation] = []
    var levels = [Level(expectsRelation: false, isInFrom: false)]
    var index = 0
    while index < tokens.count {
      let token = tokens[index]
      index += 1
      let top = levels.count - 1
      switch token.kind {
      case .symbol where token.text == "(":
        let inherits = levels[top].expectsRelation
        levels[top].expectsRelation = false
        levels.append(Level(expectsRelation: inherits, isInFrom: inherits))
      case .symbol where token.text == ")":
        if levels.count > 1 { levels.removeLast() }
      case .symbol where token.text == ",":
        levels[top].expectsRelation = levels[top].isInFrom
      case .identifier(let isQuoted):
        if !isQuoted, token.text == "from" || token.text == "join" || token.text == "table" {
          levels[top] = Level(expectsRelation: true, isInFrom: true)
        } else if !isQuoted, Self.clausesAfterFrom.contains(token.text) {
          levels[top] = Level(expectsRelation: false, isInFrom: false)
        } else if !isQuoted, token.text == "only" || token.text == "lateral" {
          continue
        } else if levels[top].expectsRelation {
          levels[top].expectsRelation = false
          var path = [token.text]
          while index + 1 < tokens.count, tokens[index].isSymbol("."), case .identifier = tokens[index + 1].kind {
            path.append(tokens[index + 1].text)
            index += 2
          }
          let isFunction = index < tokens.count && tokens[index].isSymbol("(")
          if !isFunction {
            found.append(
              Relation(schema: path.dropLast().joined(separator: "."), name: path[path.count - 1], offset: token.offset)
            )
          }
        }
      default:
        continue
      }
    }
    return found
  }

  /// The names of common table expressions: a word, perhaps names of columns in parentheses, followed by `as (`.
  var commonTableNames: Set<String> {
    var names: Set<String> = []
    for (index, token) in tokens.enumerated() {
      guard case .identifier = token.kind else { continue }
      var next = index + 1
      if next < tokens.count, tokens[next].isSymbol("(") {
        guard let end = tokens[next...].firstIndex(where: { $0.isSymbol(")") }) else { continue }
        next = end + 1
      }
      guard next + 1 < tokens.count, tokens[next].isWord("as") else { continue }
      let rest = tokens[(next + 1)...].prefix(3)
      if rest.first(where: { !$0.isWord("not") && !$0.isWord("materialized") })?.isSymbol("(") == true {
        names.insert(token.text)
      }
    }
    return names
  }
}
