// Which tables and views a statement names, seen from its tokens.
// Invariant: a name that stands after FROM or JOIN and is not a common table expression where it stands is never missed. A
// common table expression is seen as PostgreSQL sees it: from the next one of its WITH on, to the parenthesis that encloses
// the WITH; within itself and before it only behind RECURSIVE. Names built at run time cannot be seen by anyone.
// Source: PostgreSQL 15 manual, SELECT, WITH clause.

extension ScannedSQL {
  /// A name in the place of a table.
  struct Relation: Equatable {
    /// The schema as written, empty when there is none.
    let schema: String
    let name: String
    let offset: Int
  }

  /// What is between two parentheses, or the whole statement.
  private struct Level {
    var expectsRelation = false
    var isInFrom = false
    /// Whether FROM can begin a list of tables; behind `extract(` and the like it cannot.
    var isQuery = false
    /// Whether common table expressions may follow.
    var isInWith = false
    /// The common table expressions that can be named here.
    var commonTables: Set<String> = []
    /// The common table expression that this level is the query of.
    var defines: String?
  }

  private static let clausesAfterFrom: Set = [
    "where", "group", "order", "having", "limit", "offset", "fetch", "window", "union", "intersect", "except",
    "select", "for", "returning", "values",
  ]

  /// The names that stand where a table can stand, in order, without those that the statement itself defines there.
  var relations: [Relation] {
    var found: [Relation] = []
    var levels = [Level()]
    var opens: String?
    var index = 0
    while index < tokens.count {
      let token = tokens[index]
      index += 1
      let top = levels.count - 1
      switch token.kind {
      case .symbol where token.text == "(":
        let inherits = levels[top].expectsRelation
        levels[top].expectsRelation = false
        levels.append(
          Level(
            expectsRelation: inherits, isInFrom: inherits, commonTables: levels[top].commonTables, defines: opens))
        opens = nil
      case .symbol where token.text == ")":
        guard levels.count > 1 else { continue }
        let ended = levels.removeLast()
        if let name = ended.defines { levels[top - 1].commonTables.insert(name) }
      case .symbol where token.text == ",":
        levels[top].expectsRelation = levels[top].isInFrom
      case .identifier(let isQuoted):
        if levels[top].isInWith, let body = commonTableBody(at: index - 1) {
          opens = token.text
          index = body
        } else if !isQuoted, token.text == "with", index == 1 || tokens[index - 2].isSymbol("(") {
          levels[top].isInWith = true
          if index < tokens.count, tokens[index].isWord("recursive") {
            levels[top].commonTables.formUnion(commonTables(behind: index + 1))
          }
        } else if !isQuoted, token.text == "from" {
          guard levels[top].isQuery, !isComparison(at: index - 1) else { continue }
          levels[top].expectsRelation = true
          levels[top].isInFrom = true
        } else if !isQuoted, token.text == "join" || token.text == "table" {
          levels[top].expectsRelation = true
          levels[top].isInFrom = true
          levels[top].isInWith = false
        } else if !isQuoted, Self.clausesAfterFrom.contains(token.text) {
          levels[top].expectsRelation = false
          levels[top].isInFrom = false
          levels[top].isInWith = false
          if token.text == "select" { levels[top].isQuery = true }
        } else if !isQuoted, token.text == "delete" || token.text == "update" {
          levels[top].isQuery = true
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
          let isDefined = path.count == 1 && levels[top].commonTables.contains(token.text)
          if !isFunction, !isDefined {
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

  /// Whether the FROM there is that of `is distinct from`.
  private func isComparison(at index: Int) -> Bool {
    index > 1 && tokens[index - 1].isWord("distinct")
      && (tokens[index - 2].isWord("is") || tokens[index - 2].isWord("not"))
  }

  /// Where the parenthesis of a common table expression opens whose name is at `index`, perhaps with names of columns
  /// behind it; nil when there is none.
  private func commonTableBody(at index: Int) -> Int? {
    var next = index + 1
    if next < tokens.count, tokens[next].isSymbol("(") {
      guard let end = tokens[next...].firstIndex(where: { $0.isSymbol(")") }) else { return nil }
      next = end + 1
    }
    guard next < tokens.count, tokens[next].isWord("as") else { return nil }
    next += 1
    while next < tokens.count, tokens[next].isWord("not") || tokens[next].isWord("materialized") { next += 1 }
    return next < tokens.count && tokens[next].isSymbol("(") ? next : nil
  }

  /// The common table expressions of the WITH whose first name is at `start`.
  private func commonTables(behind start: Int) -> Set<String> {
    var names: Set<String> = []
    var depth = 0
    var index = start
    while index < tokens.count, depth >= 0 {
      if depth == 0, case .identifier(let isQuoted) = tokens[index].kind {
        if let body = commonTableBody(at: index) {
          names.insert(tokens[index].text)
          index = body
          continue
        }
        if !isQuoted, Self.clausesAfterFrom.contains(tokens[index].text) { break }
      }
      if tokens[index].isSymbol("(") { depth += 1 } else if tokens[index].isSymbol(")") { depth -= 1 }
      index += 1
    }
    return names
  }
}
