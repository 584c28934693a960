// Which relations a view consists of in the database, and how they are taken away.
// Invariant: nothing is dropped with CASCADE; what Daybook did not make stays, and the drop is refused instead.

internal import Definitions
internal import Postgres

/// The relations of views: a state table and a view for a rollup, a materialized view for SQL.
enum ViewRelations {
  /// The names of those of `views` of which all relations exist, each of the kind that its definition makes. What says
  /// something else in its comment than that it is Daybook's is somebody's, and as if it were not there.
  ///
  /// - Parameters:
  ///   - values: the tables of values of a view's distinct measures, by its name; of a view that is not in it such tables
  ///     are not looked at.
  ///   - columns: those of tables, by their names: one that somebody added or renamed makes another table of it.
  static func existing(
    _ views: [ViewDefinition], values: [String: [DistinctValues]] = [:], columns: [String: Set<String>] = [:],
    schema: String, on connection: PostgresConnection
  ) async throws -> Set<String> {
    let wanted = views.map { view in
      (view.name, relations(of: view) + (values[view.name] ?? []).map { (name: $0.table.name, kind: Kind.table) })
    }
    // Beside the names that are wanted all tables of values: some may be spare.
    let rows = try await connection.query(
      """
      select c.relname, c.relkind::text,
        coalesce((select string_agg(attname, '|') from pg_attribute
          where attrelid = c.oid and attnum > 0 and not attisdropped), '')
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1
        and (c.relname = any($2) or c.relkind = 'r' and starts_with(obj_description(c.oid, 'pg_class'), $3))
        and (c.relkind = 'v' or coalesce(obj_description(c.oid, 'pg_class'), $3)
          ~ '^(\(viewMark)|\(DistinctValues.mark)|\(materializedMark)$)')
      """,
      [.text(schema), .textArray(wanted.flatMap { $0.1.map(\.name) }), .text(DistinctValues.mark)])
    var found: [String: String] = [:]
    var altered: Set<String> = []
    for row in rows {
      let name = try row.decode(0, as: String.self)
      found[name] = try row.decode(1, as: String.self)
      let standing = try row.decode(2, as: String.self).split(separator: "|").map(String.init)
      if let columns = columns[name], columns != Set(standing) { altered.insert(name) }
    }
    return Set(
      wanted.filter { view, relations in
        let names = Set(relations.map(\.name))
        // Values that no measure counts by any more, or that a finer rollup counts for now, nobody has kept up since: they
        // are not to be taken up again.
        let hasSpare =
          values[view] != nil && found.keys.contains { DistinctValues.isTable($0, of: view) && !names.contains($0) }
        return relations.allSatisfy { found[$0.name] == $0.kind.catalogLetter } && !hasSpare
          && altered.isDisjoint(with: names)
      }.map(\.0))
  }

  /// How a materialized view stands.
  enum Condition {
    /// There is none.
    case missing
    /// It does not say that Daybook made it: it is somebody's, or made anew where it says nothing at all.
    case unmarked
    /// It holds no data, or its unique index is gone or not valid: it can only be refreshed whole.
    case broken
    case sound
  }

  /// How the materialized view `name` stands, of which `key` is to be unique where it has columns.
  static func condition(
    ofMaterialized name: QualifiedName, key: [String], on connection: PostgresConnection
  ) async throws -> Condition {
    let rows = try await connection.query(
      """
      select obj_description(c.oid, 'pg_class') is not distinct from $4, c.relispopulated and (cardinality($3::text[]) = 0 or exists (
        select from pg_index i
        where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null
          and array(select a.attname::text from unnest(i.indkey::smallint[]) as k (number)
            join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number order by 1)
          = array(select unnest($3::text[]) order by 1)))
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2 and c.relkind = 'm'
      """,
      [.text(name.schema), .text(name.name), .textArray(key), .text(materializedMark)])
    guard let row = rows.first else { return .missing }
    guard try row.decode(0, as: Bool.self) else { return .unmarked }
    return try row.decode(1, as: Bool.self) ? .sound : .broken
  }

  /// A relation that goes when a view is made anew.
  struct Doomed {
    let name: QualifiedName
    fileprivate let kind: Kind
    /// The view that it is of.
    let view: ViewDefinition
    /// Whether another one will have its name, and what was made on it is kept for that one.
    let isReplaced: Bool
  }

  /// What goes when `view` is made anew: its relations and those of every view of the project that reads it, readers
  /// first, and before them what was made of definitions that are gone.
  ///
  /// Another unit may drop a reader of both at the same time. It is waited for, and what it took away is gone though the
  /// snapshot of this transaction still has it. This comes before any lock of a relation, so that readers do not wait, too.
  ///
  /// - Parameter isStateKept: whether of `view` itself nothing but the view goes.
  static func doomed(
    by view: ViewDefinition, with views: [ViewDefinition], schema: String, keepingState isStateKept: Bool = false,
    on connection: PostgresConnection
  ) async throws -> [Doomed] {
    try await connection.execute(
      "select pg_advisory_xact_lock(hashtextextended($1, 0))", [.text("views of \(schema) are dropped")])
    let owners = readers(of: view, in: views).reversed() + [view]
    let orphans = try await orphans(
      reading: owners.map(\.name), with: views.map(\.name), schema: schema, on: connection)
    var doomed = orphans.map {
      Doomed(name: QualifiedName(schema: schema, name: $0), kind: .materialized, view: view, isReplaced: false)
    }
    for owner in owners {
      for relation in try await leftovers(of: owner, schema: schema, on: connection) {
        if isStateKept, owner.name == view.name, relation.kind == .table { continue }
        doomed.append(
          Doomed(
            name: QualifiedName(schema: schema, name: relation.name), kind: relation.kind, view: owner,
            isReplaced: relation.name == owner.name
              || relations(of: owner).contains { $0.name == relation.name && $0.kind == relation.kind }))
      }
    }
    return doomed
  }

  /// Drops what `view` dooms. What somebody made on it, and who may read it, is kept for what is made in its place.
  ///
  /// - Throws: `ViewError.foreignDependents` when something else depends on them; the transaction must be rolled back.
  static func drop(
    _ view: ViewDefinition, with views: [ViewDefinition], schema: String, keepingState isStateKept: Bool = false,
    on connection: PostgresConnection
  ) async throws {
    let doomed = try await doomed(by: view, with: views, schema: schema, keepingState: isStateKept, on: connection)
    try await connection.lockPatiently(doomed.map(\.name))
    for relation in doomed {
      if relation.isReplaced { try await ViewKeepsakes.keep(relation.name, on: connection) }
      try await drop(relation.kind, relation.name, of: relation.view, on: connection)
    }
  }

  /// Materialized views that Daybook made of definitions that are gone, and that read one of `doomed`; readers first.
  private static func orphans(
    reading doomed: [String], with defined: [String], schema: String, on connection: PostgresConnection
  ) async throws -> [String] {
    let rows = try await connection.query(
      """
      with recursive reached as (
        select c.oid, 0 as depth from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relname = any($2)
        union
        select r.ev_class, reached.depth + 1
        from reached
        join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = reached.oid
          and d.classid = 'pg_rewrite'::regclass
        join pg_rewrite r on r.oid = d.objid and r.ev_class <> reached.oid
        -- What somebody made by hand may lead back to where it began: no way is longer than there are views.
        where reached.depth < (select count(*) from pg_rewrite)
      )
      select c.relname::text from reached join pg_class c using (oid) join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind = 'm' and c.relname <> all($3)
        and exists (select from daybook.view_state s where s.view = c.relname)
        and obj_description(c.oid, 'pg_class') = $4
      group by c.oid, c.relname order by max(reached.depth) desc
      """,
      [.text(schema), .textArray(doomed), .textArray(defined), .text(materializedMark)])
    return try rows.map { try $0.decode(0, as: String.self) }
  }

  /// Makes sure that nothing of somebody else's stands under names that the relations of a view are to have, or by which
  /// they are made or put aside: those by which Daybook makes something are gone when its transaction ends.
  ///
  /// - Parameter wanted: the names that relations of the view are to have, of which an earlier definition may have some.
  /// - Throws: `PostgresError` 42P07, which names the relation and what to type.
  static func requireFree(
    _ passing: [QualifiedName], and wanted: [QualifiedName] = [], for view: ViewDefinition,
    on connection: PostgresConnection
  ) async throws {
    var names = passing
    if let schema = wanted.first?.schema {
      let ours = Set(try await leftovers(of: view, schema: schema, on: connection).map(\.name))
      names += wanted.filter { !ours.contains($0.name) }
    }
    let rows = try await connection.query(
      """
      select c.relname::text, case c.relkind when 'v' then 'view' when 'm' then 'materialized view'
        when 'i' then 'index' when 'S' then 'sequence' when 'f' then 'foreign table' when 'c' then 'type' else 'table' end,
        c.relkind in ('m', 'r') and obj_description(c.oid, 'pg_class') is not null, is_like_ours
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      cross join lateral (select c.relkind = 'r' and obj_description(c.oid, 'pg_class') is not null
        and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname in ('__n', '__value')
          and not a.attisdropped) as is_like_ours) as l
      where n.nspname = any($1) and c.relname = any($2)
      -- Where a table of Daybook's has somebody's comment, its view only seems to be somebody's.
      order by is_like_ours desc, 1 limit 1
      """, [.textArray(names.map(\.schema)), .textArray(names.map(\.name))])
    guard let row = rows.first, let name = names.first(where: { $0.name == (try? row.decode(0, as: String.self)) })
    else { return }
    let kind = try row.decode(1, as: String.self)
    // A comment is all that tells whose a table is.
    let mayBeOurs = try wanted.contains(name) && row.decode(2, as: Bool.self)
    let isLikeOurs = try mayBeOurs && row.decode(3, as: Bool.self)
    var error = PostgresError(
      .server,
      "the \(kind) \(name) has a name that Daybook needs to make \(view.name), and "
        + (isLikeOurs ? "says in its comment that it is somebody's" : "is not Daybook's"), sqlState: "42P07")
    let next = "then: daybook refresh \(view.name)"
    let rename = "alter \(kind) \(name.quoted) rename to another name"
    let uncomment =
      "if Daybook made it and somebody gave it its comment: comment on \(kind) \(name.quoted) is null"
    error.hint =
      isLikeOurs
      ? "\(uncomment); if it is somebody's: \(rename); \(next)"
      : "\(rename), or drop it, \(next)" + (mayBeOurs ? "; \(uncomment)" : "")
    throw error
  }

  // MARK: What rollup views say

  /// Those of some rollups whose view is not the one that was made last, and of each whether that is known: the table of
  /// its state says what was made.
  static func altered(
    _ views: [ViewDefinition], schema: String, on connection: PostgresConnection
  ) async throws -> [String: Bool] {
    let states = views.map { RollupSQL.stateName(of: QualifiedName(schema: schema, name: $0.name)).name }
    let rows = try await connection.query(
      """
      select v.relname::text, obj_description(s.oid, 'pg_class') is not null
      from unnest($2::name[], $3::name[]) as wanted (view, state)
      join pg_namespace n on n.nspname = $1
      join pg_class v on v.relnamespace = n.oid and v.relname = wanted.view and v.relkind = 'v'
      join pg_class s on s.relnamespace = n.oid and s.relname = wanted.state
      join pg_rewrite r on r.ev_class = v.oid and r.rulename = '_RETURN'
      where obj_description(s.oid, 'pg_class') is distinct from '\(viewMark)' || md5(r.ev_action::text)
      """, [.text(schema), .textArray(views.map(\.name)), .textArray(states)])
    return Dictionary(
      try rows.map { (try $0.decode(0, as: String.self), try $0.decode(1, as: Bool.self)) },
      uniquingKeysWith: { first, _ in first })
  }

  /// What a materialized view says of itself.
  static let materializedMark = "made by Daybook"

  /// The beginning of what a state says of its view.
  private static let viewMark = "its view is "

  /// Makes or replaces a rollup's view, and writes down on its state what it says now.
  ///
  /// - Throws: `PostgresError`; with 42P17 when a derived figure is more than its row tells.
  static func makeView(_ sql: RollupSQL, on connection: PostgresConnection) async throws {
    try await ViewKeepsakes.withOptions(of: sql.view, on: connection) { try await connection.execute(sql.createView) }
    if !sql.rollup.derived.isEmpty, let more = try await RuleWords.more(thanRowsIn: sql.view, on: connection) {
      var error = PostgresError(
        .server, "a derived figure is made of the groups and measures of its row alone, and \(more) is more than that",
        sqlState: "42P17")
      error.hint = "write it in a view of SQL that reads \"\(sql.view.name)\""
      throw error
    }
    let mark = """
      select format('comment on table %s is %L', \(quoteLiteral(sql.state.quoted)), '\(viewMark)' || md5(r.ev_action::text))
      from pg_rewrite r where r.ev_class = \(quoteLiteral(sql.view.quoted))::regclass and r.rulename = '_RETURN'
      """
    try await connection.execute("do \(quoteLiteral("begin execute (\(mark)); end"))")
  }

  /// Makes a rollup's view anew over the state that is there, behind the lock of what that takes away.
  ///
  /// - Returns: what somebody made on it and could not be put back.
  static func putBack(
    _ view: ViewDefinition, _ sql: RollupSQL, with views: [ViewDefinition], on connection: PostgresConnection
  ) async throws -> [String] {
    try await connection.execute("savepoint daybook_view")
    do {
      try await makeView(sql, on: connection)
      return []
    } catch let error as PostgresError where error.sqlState == "42P16" {
      // Columns that were added by hand, or are of other types, cannot be replaced.
      try await connection.execute("rollback to savepoint daybook_view")
      try await drop(view, with: views, schema: sql.view.schema, keepingState: true, on: connection)
      try await makeView(sql, on: connection)
      return try await ViewKeepsakes.restore(sql.view, on: connection)
    }
  }

  /// Whether the next state of a rollup has columns of other types or another collation than the one that readers see, so
  /// that their view cannot be replaced.
  static func isReshaped(_ sql: RollupSQL, on connection: PostgresConnection) async throws -> Bool {
    let shape = """
      select attname, atttypid, atttypmod, attcollation from pg_attribute
      where attnum > 0 and not attisdropped and attrelid = to_regclass
      """
    let rows = try await connection.query(
      "select exists (\(shape)($1) except \(shape)($2))", [.text(sql.nextState.quoted), .text(sql.state.quoted)])
    return try rows.first?.decode(0) ?? false
  }

  private static func drop(
    _ kind: Kind, _ name: QualifiedName, of view: ViewDefinition, on connection: PostgresConnection
  ) async throws {
    do {
      try await connection.execute("drop \(kind.keyword) if exists \(name.quoted) restrict")
    } catch {
      guard error.sqlState == "2BP01" else { throw error }
      // What is being made goes with the transaction: nobody has to drop it.
      let own = RollupSQL.nextStateName(of: QualifiedName(schema: name.schema, name: view.name)).name
      let dependents = foreignNames(in: error.detail ?? error.message).filter { !$0.hasSuffix(own) }
      throw ViewError.foreignDependents(view: view.name, dependents: dependents, at: view.position)
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

  fileprivate enum Kind: String {
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
  /// They say so themselves, or the ledger knows the view, and they are as programs made them that did not yet say so. A
  /// rollup's view says it on its state, whatever the name of that is by now. All else is somebody's.
  private static func leftovers(
    of view: ViewDefinition, schema: String, on connection: PostgresConnection
  ) async throws -> [(name: String, kind: Kind)] {
    let state = RollupSQL.stateName(of: QualifiedName(schema: "", name: view.name)).name
    let rows = try await connection.query(
      """
      with standing as (
        select c.oid, c.relname, c.relkind::text, obj_description(c.oid, 'pg_class') as said,
          (select count(*) from pg_attribute a
            where a.attrelid = c.oid and a.attname in ('__n', '__value') and not a.attisdropped) as own_columns
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and ((c.relname = $2 and c.relkind in ('v', 'm'))
          or ((c.relname = $3 or c.relname ~ $4) and c.relkind = 'r'))
      ), ledger as (
        select exists (select from daybook.view_state s where s.view = $2) as knows
      )
      select relname, relkind from standing, ledger
      where case
        when relkind = 'm' then said = $7 or said is null and knows
        when relkind = 'v' then exists (
          select from standing s
          where s.relname = $3 and (starts_with(s.said, $5) or s.said is null and knows and s.own_columns = 1))
          or exists (
            select from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
            where r.ev_class = standing.oid and d.refclassid = 'pg_class'::regclass
              and obj_description(d.refobjid, 'pg_class') = $5 || md5(r.ev_action::text))
        when relname = $3 then starts_with(said, $5) or said is null and knows and own_columns = 1
        else starts_with(said, $6) or said is null and knows and own_columns = 2 end
      order by relkind = 'r'
      """,
      [
        .text(schema), .text(view.name), .text(state), .text(DistinctValues.pattern(of: view.name)),
        .text(viewMark), .text(DistinctValues.mark), .text(materializedMark),
      ])
    return try rows.compactMap { row in
      guard let kind = Kind(catalogLetter: try row.decode(1, as: String.self)) else { return nil }
      return (try row.decode(0, as: String.self), kind)
    }
  }

  /// The dependents that a 2BP01 detail names: lines such as `view mine depends on view revenue_daily`.
  static func foreignNames(in detail: String) -> [String] {
    detail.split(separator: "\n").map { line in
      line.firstRange(of: " depends on ").map { String(line[..<$0.lowerBound]) } ?? String(line)
    }
  }
}
