// `Jobs/views/*.yaml` → a rollup, as far as one file can tell.
// Invariant: names differ and expressions can be cut into tokens. Whether columns exist and fit is checked by
// ViewResolver, which knows the source.

internal import Finding

/// A view and what remains to be checked against the rest of the project.
struct ViewDraft {
  var view: ViewDefinition
  /// Where the name stands.
  let namePosition: SourcePosition
  /// The columns of the source that a rollup uses.
  var columnUses: [ColumnUse] = []
  /// SQL fragments over the columns of the source.
  var sourceExpressions: [(sql: ScannedSQL, position: SourcePosition)] = []
  /// SQL fragments over the columns of the rollup.
  var derivedExpressions: [(sql: ScannedSQL, position: SourcePosition)] = []
  /// The names a rollup gives to its columns, those with errors included.
  var declaredColumns: [String] = []
  /// What a rollup reads, and where that stands.
  var sourcePosition: SourcePosition?
  /// For each measure that carries a finer rollup's one on (`combine:`), that one's name and where it stands.
  var combined: [String: (measure: String, position: SourcePosition)] = [:]
  /// Where each group, measure and condition of a rollup stands.
  var places: [String: SourcePosition] = [:]
  /// The relations that SQL names, and where they stand.
  var relations: [(relation: ScannedSQL.Relation, position: SourcePosition)] = []
}

/// A column that must exist, and fit.
struct ColumnUse {
  enum Need { case any, numeric, temporal, ordered }

  let column: String
  let need: Need
  let position: SourcePosition
  /// What uses it, for messages.
  let user: String
}

/// Reads one rollup.
struct RollupReader {
  let file: String
  let findings: Findings

  func read(_ node: DefinitionNode) -> ViewDraft? {
    guard
      let reader = MappingReader(
        node, subject: "the view", keys: ["view", "from", "group_by", "measures", "derive"],
        required: ["view", "from", "group_by", "measures"], findings: findings),
      let name = reader.identifier("view", .relation) ?? fallbackName
    else { return nil }
    let source = reader.identifier("from", .relation)
    var draft = ViewDraft(
      view: ViewDefinition(
        name: name, kind: .rollup(RollupDefinition(source: source ?? "", groups: [], measures: [])),
        inputs: source.map { [$0] } ?? [], definitionHash: "",
        position: SourcePosition(file: file, line: node.position.line, column: node.position.column)),
      namePosition: reader.position(of: "view"), sourcePosition: source.map { _ in reader.position(of: "from") })
    var taken: [String: SourcePosition] = [:]
    var rollup = RollupDefinition(source: source ?? "", groups: [], measures: [])
    for entry in reader.entries("group_by", of: "columns") where claim(entry, &taken) {
      draft.places[entry.key] = entry.value.position
      if let group = group(entry, &draft) { rollup.groups.append(group) }
    }
    for entry in reader.entries("measures", of: "measures") where claim(entry, &taken) {
      draft.places[entry.key] = entry.value.position
      if let measure = measure(entry, &draft) { rollup.measures.append(measure) }
    }
    checkGroupNames(rollup, draft)
    for entry in reader.entries("derive", of: "expressions") where claim(entry, &taken) {
      guard let scalar = entry.value.scalar(as: entry.key, findings),
        let sql = scan(scalar, at: entry.value.position, as: entry.key)
      else { continue }
      rollup.derived.append(DerivedMeasure(name: entry.key, expression: sql.closed(scalar.text)))
      draft.derivedExpressions.append((sql, entry.value.position))
    }
    draft.view.kind = .rollup(rollup)
    draft.declaredColumns = taken.keys.sorted()
    return draft
  }

  private var fallbackName: String? {
    let name = file.split(separator: "/").last?.split(separator: ".").first.map(String.init)
    return name.flatMap { NameKind.relation.problem(with: $0) == nil ? $0 : nil }
  }

  /// Whether the entry's name is good and new.
  private func claim(_ entry: DefinitionNode.Entry, _ taken: inout [String: SourcePosition]) -> Bool {
    if let problem = NameKind.column.problem(with: entry.key) {
      findings.error("bad_name", at: entry.position, "\"\(entry.key)\" cannot be a column's name: \(problem)")
      return false
    }
    if let earlier = taken[entry.key] {
      findings.error(
        "duplicate_name", at: entry.position, "the view has two columns \"\(entry.key)\"",
        notes: ["first at \(earlier)"])
      return false
    }
    taken[entry.key] = entry.position
    if entry.value.isNull {
      findings.error("missing_value", at: entry.position, "\"\(entry.key)\" has no value")
      return false
    }
    return true
  }

  /// Beside the groups a rollup's tables have columns of Daybook's own, which are called after the measures.
  private func checkGroupNames(_ rollup: RollupDefinition, _ draft: ViewDraft) {
    let ends = ["__n", "__sum", "__squares", "__min", "__max", "__value", "__by", "__distinct"]
    for group in rollup.groups {
      let owners = [""] + rollup.measures.map(\.name)
      guard let owner = owners.first(where: { owner in ends.contains { group.name == owner + $0 } }) else { continue }
      findings.error(
        "reserved_name", at: draft.places[group.name] ?? draft.namePosition,
        "\"\(group.name)\" cannot be a group's name: Daybook keeps "
          + (owner.isEmpty ? "the number of rows or a value" : "the measure \"\(owner)\"")
          + " in a column of that name",
        fix: "call the group by a name that has no two underscores in it")
    }
  }

  // MARK: Groups

  private static let periods: [(key: String, make: @Sendable (String) -> RollupGroup.Source)] = [
    ("date", { .date($0) }), ("week", { .week($0) }), ("month", { .month($0) }), ("quarter", { .quarter($0) }),
    ("year", { .year($0) }), ("fiscal_quarter", { .fiscalQuarter($0) }), ("fiscal_year", { .fiscalYear($0) }),
  ]

  private func group(_ entry: DefinitionNode.Entry, _ draft: inout ViewDraft) -> RollupGroup? {
    let user = "the group \"\(entry.key)\""
    if case .scalar = entry.value.content {
      guard let column = entry.value.identifier(as: entry.key, .column, findings) else { return nil }
      draft.columnUses.append(.init(column: column, need: .any, position: entry.value.position, user: user))
      return RollupGroup(name: entry.key, source: .column(column))
    }
    let before = findings.all.count
    let keys = Self.periods.map(\.key) + ["expression"]
    guard
      let reader = MappingReader(entry.value, subject: user, keys: keys, at: entry.position, findings: findings),
      let key = single(of: keys, in: reader, user, errorsBefore: before)
    else { return nil }
    if key == "expression" {
      guard let scalar = reader.scalar(key), let sql = scan(scalar, at: reader.position(of: key), as: key, ofRows: true)
      else {
        return nil
      }
      draft.sourceExpressions.append((sql, reader.position(of: key)))
      return RollupGroup(name: entry.key, source: .expression(sql.closed(scalar.text)))
    }
    guard let column = reader.identifier(key, .column), let period = Self.periods.first(where: { $0.key == key }) else {
      return nil
    }
    draft.columnUses.append(.init(column: column, need: .temporal, position: reader.position(of: key), user: user))
    return RollupGroup(name: entry.key, source: period.make(column))
  }

  private func single(
    of keys: [String], in reader: MappingReader, _ user: String, errorsBefore: Int
  ) -> String? {
    let present = keys.filter(reader.has)
    if present.count > 1 {
      findings.error(
        "too_many_keys", at: reader.keyPosition(of: present[1]),
        "\(user) can be only one of \(present.joined(separator: ", "))")
    } else if present.isEmpty, findings.all.count == errorsBefore {
      findings.error(
        "missing_key", at: reader.position, "\(user) says nothing", fix: "use one of: \(keys.joined(separator: ", "))")
    }
    return present.first
  }

  // MARK: Measures

  private static let functions = [
    "count", "sum", "average", "variance", "stddev", "min", "max", "first", "last", "distinct", "combine",
  ]

  private func measure(_ entry: DefinitionNode.Entry, _ draft: inout ViewDraft) -> RollupMeasure? {
    let before = findings.all.count
    let user = "the measure \"\(entry.key)\""
    guard
      let reader = MappingReader(
        entry.value, subject: user, keys: Self.functions + ["by", "where"], at: entry.position, findings: findings),
      let word = single(of: Self.functions, in: reader, user, errorsBefore: before)
    else { return nil }
    var condition: String?
    if let scalar = reader.scalar("where"),
      let sql = scan(scalar, at: reader.position(of: "where"), as: "where", ofRows: true)
    {
      condition = sql.closed(scalar.text)
      draft.sourceExpressions.append((sql, reader.position(of: "where")))
    }
    let isPositional = word == "first" || word == "last"
    if reader.has("by"), !isPositional {
      findings.error("unused_key", at: reader.keyPosition(of: "by"), "\"by\" belongs to first and last, not to \(word)")
    }
    if word == "count" {
      if reader.boolean("count") == false {
        findings.error(
          "wrong_type", at: reader.position(of: "count"), "\"count\" counts rows", fix: "write count: true")
      }
      return RollupMeasure(name: entry.key, function: .count, condition: condition)
    }
    guard let column = reader.identifier(word, .column) else { return nil }
    if word == "combine" {
      draft.combined[entry.key] = (column, reader.position(of: word))
      return RollupMeasure(name: entry.key, function: .count, condition: condition)
    }
    func use(_ column: String, _ need: ColumnUse.Need, _ key: String) {
      draft.columnUses.append(.init(column: column, need: need, position: reader.position(of: key), user: user))
    }
    let function: RollupMeasure.Function
    switch word {
    case "sum", "average", "variance", "stddev":
      use(column, .numeric, word)
      function =
        word == "sum"
        ? .sum(column) : word == "average" ? .average(column) : word == "variance" ? .variance(column) : .stddev(column)
    case "min", "max":
      use(column, .ordered, word)
      function = word == "min" ? .min(column) : .max(column)
    case "distinct":
      use(column, .any, word)
      function = .distinct(column)
    default:
      use(column, .any, word)
      guard let by = reader.identifier("by", .column) else {
        if !reader.mentions("by") {
          findings.error(
            "missing_key", at: reader.position(of: word), "\(user) has no \"by\"",
            fix: "say by which column the \(word) is found: by: occurred_at")
        }
        return nil
      }
      use(by, .ordered, "by")
      function = word == "first" ? .first(column, by: by) : .last(column, by: by)
    }
    return RollupMeasure(name: entry.key, function: function, condition: condition)
  }

  // MARK: SQL

  /// - Parameter isOfRows: whether it is about rows of the source, which come from its table, its journal and parts of
  ///   both: there columns have no other name than their own.
  private func scan(
    _ scalar: DefinitionNode.Scalar, at place: SourcePosition, as key: String, ofRows isOfRows: Bool = false
  ) -> ScannedSQL? {
    do throws(SQLProblem) {
      let sql = try ScannedSQL(scalar.text)
      if sql.tokens.isEmpty {
        findings.error("missing_value", at: place, "\"\(key)\" is empty", fix: "write one, or remove the key")
        return nil
      }
      if sql.tokens.contains(where: { $0.isSymbol(";") }) {
        findings.error("bad_sql", at: place, "\"\(key)\" must be one expression; there is a \";\" in it")
        return nil
      }
      // Put between parentheses of Daybook's own, it has to stay between them.
      if let parenthesis = sql.unpairedParenthesis {
        findings.error("bad_sql", at: place, "\"\(key)\" is not SQL: a \"\(parenthesis)\" has no partner")
        return nil
      }
      if let parameter = sql.tokens.first(where: { $0.kind == .parameter }) {
        findings.error(
          "bad_sql", at: place, "\"\(key)\" has the parameter \(parameter.raw), and nothing gives it a value",
          fix: "write the value itself")
        return nil
      }
      if isOfRows, let name = sql.qualifiedColumn {
        findings.error(
          "qualified_column", at: place, "\"\(key)\" names the column \(name) with what it is in",
          fix: name.hasSuffix(".*")
            ? "name each column" : "write \(name.split(separator: ".").last ?? "the column") alone")
        return nil
      }
      return sql
    } catch {
      findings.error("bad_sql", at: place, "\"\(key)\" is not SQL: \(error.message)")
      return nil
    }
  }
}

extension ScannedSQL {
  /// The text with its last line ended where it has comments: what is written behind it is then no comment.
  fileprivate func closed(_ text: String) -> String {
    headComments.isEmpty && laterComments.isEmpty ? text : text + "\n"
  }
}
