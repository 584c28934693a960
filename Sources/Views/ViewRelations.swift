// Which relations a view consists of in the database, and how they are taken away.
// Invariant: nothing is dropped with CASCADE; what Daybook did not make stays, and the drop is refused instead.

internal import Definitions
internal import Postgres

/// The relations of views: a state table and a view for a rollup, a materialized view for SQL.
enum ViewRelations {
  /// The names of those of `views` of which all relations exist, each of the kind that its definition makes.
  ///
  /// - Parameter values: the tables of values of a view's distinct measures, by its name.
  static func existing(
    _ views: [ViewDefinition], values: [String: [DistinctValues]] = [:], schema: String,
    on connection: PostgresConnection
  ) async throws -> Set<String> {
    let wanted = views.map { view in
      (view.name, relations(of: view) + (values[view.name] ?? []).map { (name: $0.table.name, kind: Kind.table) })
    }
    let rows = try await connection.query(
      """
      select c.relname, c.relkind::text
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = any($2)
      """,
      [.text(schema), .textArray(wanted.flatMap { $0.1.map(\.name) })])
    var found: [String: String] = [:]
    for row in rows { found[try row.decode(0, as: String.self)] = try row.decode(1, as: String.self) }
    return Set(wanted.filter { $0.1.allSatisfy { found[$0.name] == $0.kind.catalogLetter } }.map(\.0))
  }

  /// Drops the relations of `view` and of every view of the project that reads it, readers first.
  ///
  /// Another unit may do so at the same time with a reader of both. It is waited for, and what it took away is gone though
  /// the snapshot of this transaction still has it.
  /// - Throws: `ViewError.foreignDependents` when something else depends on them; the transaction must be rolled back.
  static func drop(
    _ view: ViewDefinition, with views: [ViewDefinition], schema: String, on connection: PostgresConnection
  ) async throws {
    try await connection.execute(
      "select pg_advisory_xact_lock(hashtextextended($1, 0))", [.text("daybook drops views of \(schema)")])
    for doomed in readers(of: view, in: views).reversed() + [view] {
      for relation in try await leftovers(of: doomed, schema: schema, on: connection) {
        let name = QualifiedName(schema: schema, name: relation.name)
        try await drop(relation.kind, name, of: doomed, on: connection)
      }
    }
  }

  private static func drop(
    _ kind: Kind, _ name: QualifiedName, of view: ViewDefinition, on connection: PostgresConnection
  ) async throws {
    do {
      try await connection.execute("drop \(kind.keyword) if exists \(name.quoted) restrict")
    } catch {
      guard error.sqlState == "2BP01" else { throw error }
      throw ViewError.foreignDependents(
        view: view.name, dependents: foreignNames(in: error.detail ?? error.message), at: view.position)
    }
  }

  /// The views that read `view`, directly or through others, in dependency order.
  static func readers(of view: ViewDefinition, in views: [ViewDefinition]) -> [ViewDefinition] {
    var reached: Set<String> = [view.name]
    var readers: [ViewDefinition] = []
    for candidate in views where candidate.inputs.contains(where: reached.contains) {
      // A rollup of a rollup has a state of its own; it depends on the finer one's content, not on its relations.
      if case .rollup = candidate.kind { continue }
      reached.insert(candidate.name)
      readers.append(candidate)
    }
    return readers
  }

  // MARK: Kinds

  private enum Kind: String {
    case view
    case table
    case materialized

    var keyword: String { self == .materialized ? "materialized view" : rawValue }

    /// `pg_class.relkind`. Source: PostgreSQL 15 manual, pg_class.
    var catalogLetter: String {
      switch self {
      case .view: "v"
      case .table: "r"
      case .materialized: "m"
      }
    }

    init?(catalogLetter: String) {
      guard let kind = [Kind.view, .table, .materialized].first(where: { $0.catalogLetter == catalogLetter }) else {
        return nil
      }
      self = kind
    }
  }

  private static func relations(of view: ViewDefinition) -> [(name: String, kind: Kind)] {
    switch view.kind {
    case .rollup:
      let state = RollupSQL.stateName(of: QualifiedName(schema: "", name: view.name))
      return [(view.name, .view), (state.name, .table)]
    case .native: return [(view.name, .materialized)]
    }
  }

  /// What stands under the names of `view` today, of whatever kind an earlier definition made: the view before its tables.
  private static func leftovers(
    of view: ViewDefinition, schema: String, on connection: PostgresConnection
  ) async throws -> [(name: String, kind: Kind)] {
    let state = RollupSQL.stateName(of: QualifiedName(schema: "", name: view.name)).name
    let rows = try await connection.query(
      """
      select c.relname, c.relkind::text
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and ((c.relname = $2 and c.relkind in ('v', 'm'))
        or ((c.relname = $3 or c.relname ~ $4) and c.relkind = 'r'))
      order by c.relkind = 'r'
      """,
      [.text(schema), .text(view.name), .text(state), .text(DistinctValues.pattern(of: view.name))])
    return try rows.compactMap { row in
      guard let kind = Kind(catalogLetter: try row.decode(1, as: String.self)) else { return nil }
      return (try row.decode(0, as: String.self), kind)
    }
  }

  /// The dependents that a 2BP01 detail names: lines such as `view mine depends on view revenue_daily`.
  private static func foreignNames(in detail: String) -> [String] {
    detail.split(separator: "\n").map { line in
      line.firstRange(of: " depends on ").map { String(line[..<$0.lowerBound]) } ?? String(line)
    }
  }
}
