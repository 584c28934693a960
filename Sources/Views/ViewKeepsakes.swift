// What somebody made on the relation of a view, kept from the drop of that relation until another one has its name:
// owner, options, defaults, indexes, statistics, triggers, rules and comments, as the SQL that makes them again.
// Invariant: each of these is put back or stays on record with the reason why it could not be. What only tunes storage
// (CLUSTER marks, targets of extended statistics, options and storage of columns, TOAST options) is not among them.
// Indexes that a definition declares say that they are Daybook's, and come with the definition.
// Privileges are kept as privileges, in `ViewGrants`; what a rollup's state has is Daybook's own.

internal import Postgres

/// The things made by hand on the relation of a view.
enum ViewKeepsakes {
  /// What an index says that a definition declares.
  static let indexMark = "made by Daybook"

  /// Writes down what somebody made on a relation that is about to be dropped.
  static func keep(_ name: QualifiedName, on connection: PostgresConnection) async throws {
    try await ViewGrants.keep(name, on: connection)
    // What waited for a relation that is dropped before it got it would come twice.
    try await connection.execute(
      "delete from daybook.view_keepsake where view = $1 and refused is null", [.text(name.name)])
    try await withPlainPath(on: connection) { connection in
      try await connection.execute(
        """
        insert into daybook.view_keepsake (view, what, likeness, statement)
        select $2, what, likeness, statement from (\(things)) as t order by place, what
        """, [.text(name.quoted), .text(name.name), .text(indexMark)])
    }
  }

  /// Puts back on a relation what was kept of the one before it.
  ///
  /// - Returns: what could not be put back, each with the reason; it stays in `daybook.view_keepsake`.
  static func restore(_ name: QualifiedName, on connection: PostgresConnection) async throws -> [String] {
    let kept = try await connection.query(
      """
      select keepsake_id, what, statement, likeness from daybook.view_keepsake
      where view = $1 and refused is null order by keepsake_id
      """, [.text(name.name)])
    var lost: [String] = []
    if !kept.isEmpty {
      try await withPlainPath(on: connection) { connection in
        var ownerRefusal: String?
        for row in kept {
          let (number, what, statement): (Int64, String, String) =
            (try row.decode(0), try row.decode(1), try row.decode(2))
          var reason = ownerRefusal
          // What another owner made would act with the rights of this one.
          if reason == nil { reason = try await refusal(of: statement, like: row.decode(3), on: name, connection) }
          if let reason {
            if what == ownerName { ownerRefusal = "its owner could not be put back" }
            lost.append("\(what) (\(reason))")
            try await connection.execute(
              "update daybook.view_keepsake set refused = $2 where keepsake_id = $1", [.int8(number), .text(reason)])
          } else {
            try await connection.execute("delete from daybook.view_keepsake where keepsake_id = $1", [.int8(number)])
          }
        }
      }
    }
    try await ViewGrants.restore(name, on: connection)
    return lost
  }

  /// Puts options back that replacing a view takes away.
  static func withOptions(
    of view: QualifiedName, on connection: PostgresConnection, _ replace: () async throws -> Void
  ) async throws {
    let rows = try await connection.query(
      "select \(options) from pg_class c where c.oid = to_regclass($1) and c.reloptions is not null",
      [.text(view.quoted)])
    try await replace()
    for row in rows {
      try await connection.execute("alter view \(view.quoted) set (\(try row.decode(0, as: String.self)))")
    }
  }

  // MARK: Statements

  /// Makes one thing, in a savepoint.
  ///
  /// - Parameter likeness: of an index what all have that do its work.
  /// - Returns: why the server refused it; nil when it is there now.
  private static func refusal(
    of statement: String, like likeness: String?, on name: QualifiedName, _ connection: PostgresConnection
  ) async throws -> String? {
    if let likeness {
      let standing = try await connection.query(
        "select exists (select from pg_index i where i.indrelid = to_regclass($1) and \(indexLikeness) = $2)",
        [.text(name.quoted), .text(likeness)])
      if try standing.first?.decode(0, as: Bool.self) == true { return nil }
    }
    do {
      _ = try await connection.withTransaction { connection in try await connection.execute(statement) }
      return nil
    } catch let error as PostgresError where error.kind == .server {
      // These say something of the moment and not of what is asked for: the next attempt may succeed.
      let passing = ["08", "40", "53", "55", "57", "58", "XX"]
      guard let state = error.sqlState, !passing.contains(where: state.hasPrefix) else { throw error }
      return error.message
    }
  }

  /// The server names in full what is not in the path when it gives texts back, and those texts are read the same way.
  private static func withPlainPath(
    on connection: PostgresConnection, _ body: (PostgresConnection) async throws -> Void
  ) async throws {
    let rows = try await connection.query("select current_setting('search_path')")
    let path = try rows.first?.decode(0, as: String.self) ?? ""
    let set = "select set_config('search_path', $1, true)"
    try await connection.execute(set, [.text("pg_catalog")])
    try await body(connection)
    try await connection.execute(set, [.text(path)])
  }

  private static let ownerName = "its owner"
  private static let options = """
    (select string_agg(format('%I = %L', o.option_name, o.option_value), ', ') from pg_options_to_table(c.reloptions) o)
    """
  /// An index without its name.
  private static let indexLikeness = """
    (i.indisunique || substr(pg_get_indexdef(i.indexrelid), strpos(pg_get_indexdef(i.indexrelid), ' USING ')))
    """

  /// A query of what is on a relation, in the order in which it is put back. Parameters: the relation, anything, the mark.
  private static let things = """
    with target as (
      select c.*, case c.relkind when 'm' then 'materialized view' else 'view' end as kind
      from pg_class c where c.oid = to_regclass($1) and c.relkind in ('v', 'm')
    ), made as (
      select 'pg_class'::regclass as class, i.indexrelid as id, 'index ' || quote_ident(x.relname) as what,
        \(indexLikeness) as likeness, pg_get_indexdef(i.indexrelid) as statement
      from target c join pg_index i on i.indrelid = c.oid join pg_class x on x.oid = i.indexrelid
      where i.indisvalid and obj_description(i.indexrelid, 'pg_class') is distinct from $3
      union all
      select 'pg_statistic_ext'::regclass, s.oid, 'statistics ' || quote_ident(s.stxname), null,
        pg_get_statisticsobjdef(s.oid)
      from target c join pg_statistic_ext s on s.stxrelid = c.oid
      union all
      select 'pg_trigger'::regclass, t.oid, 'trigger ' || quote_ident(t.tgname), null, pg_get_triggerdef(t.oid)
      from target c join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
      union all
      select 'pg_rewrite'::regclass, r.oid, 'rule ' || quote_ident(r.rulename), null, pg_get_ruledef(r.oid)
      from target c join pg_rewrite r on r.ev_class = c.oid and r.rulename <> '_RETURN'
    )
    select 0 as place, '\(ownerName)' as what, null as likeness,
      format('alter %s %s owner to %I', c.kind, $1, r.rolname) as statement
    from target c join pg_roles r on r.oid = c.relowner where r.rolname <> current_user
    union all
    select 1, 'its options', null, format('alter %s %s set (%s)', c.kind, $1, \(options))
    from target c where c.reloptions is not null
    union all
    select 2, 'the default of ' || quote_ident(a.attname), null,
      format('alter view %s alter column %I set default %s', $1, a.attname, pg_get_expr(d.adbin, d.adrelid))
    from target c join pg_attrdef d on d.adrelid = c.oid
    join pg_attribute a on a.attrelid = c.oid and a.attnum = d.adnum
    union all
    select 2, 'the statistics target of ' || quote_ident(a.attname), null,
      format('alter materialized view %s alter column %I set statistics %s', $1, a.attname, a.attstattarget)
    from target c join pg_attribute a on a.attrelid = c.oid
    where c.relkind = 'm' and a.attnum > 0 and not a.attisdropped and a.attstattarget >= 0
    union all
    select 3, what, likeness, statement from made
    union all
    select 4, 'the comment on ' || coalesce(made.what, 'column ' || quote_ident(a.attname), 'the view'), null,
      format('comment on %s is %L', case when made.id is null then
          case when d.objsubid > 0 then format('column %s.%I', $1, a.attname) else format('%s %s', c.kind, $1) end
        else format('%s %s', case o.type when 'statistics object' then 'statistics' else o.type end, o.identity) end,
        d.description)
    from target c cross join pg_description d
    left join made on made.class = d.classoid and made.id = d.objoid
    left join pg_attribute a on d.objsubid > 0 and a.attrelid = d.objoid and a.attnum = d.objsubid
    cross join pg_identify_object(d.classoid, d.objoid, 0) as o
    where made.id is not null or d.classoid = 'pg_class'::regclass and d.objoid = c.oid
      and (d.objsubid > 0 or c.relkind = 'v')
    """
}
