// What a materialized view reads, as PostgreSQL itself has it: tables and other views, through views made by hand.
// What such views say counts, too, and what the functions say that it calls: that one was replaced is seen though nothing
// they read has moved.
// Invariant: nothing is guessed; what a function reads inside is not in the catalog and cannot be found, so that the
// function itself is named instead.

internal import Postgres

/// The dependencies of views in the catalog.
enum ViewDependencies {
  /// What each materialized view of a schema reads: names of relations of that schema, and of others as `schema.name`.
  ///
  /// A plain view is looked through, unless it is one of `views` or the server's own description of itself. A function that
  /// is not the server's own and does not say that it is immutable is among them, with `()` behind its name; one that
  /// somebody made and that says so is, too, as `texts` names it. So is what such a view asks of the moment or of the
  /// server's catalogs, with the view's name, and what those of `suspects` do: looking at rules takes time.
  /// Source: PostgreSQL 15 manual, pg_depend and pg_rewrite.
  static func read(
    schema: String, views: [String], suspects: [String], on connection: PostgresConnection
  ) async throws(PostgresError) -> [String: Set<String>] {
    let rows = try await connection.query(
      """
      with recursive reads as (
        select distinct r.ev_class as reader, d.refobjid as relation
        from pg_rewrite r
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
          and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
      ), readers as (
        select c.oid as root, c.relname::text collate "C" as name, c.oid as reader, false as is_defined
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relkind = 'm' and c.relname = any($2)
        union
        -- One of `views` is followed for the functions of its figures alone, which no version of it counts.
        select readers.root, readers.name, through.oid,
          readers.is_defined or n.nspname = $1 and through.relname = any($2)
        from readers join reads on reads.reader = readers.reader
        join pg_class through on through.oid = reads.relation and through.relkind = 'v'
        join pg_namespace n on n.oid = through.relnamespace
        where n.nspname not in ('pg_catalog', 'information_schema')
      ), \(CalledFunctions.behind(Self.ruleObjects))
      select readers.name, case when n.nspname = $1 then c.relname else n.nspname || '.' || c.relname end
      from readers join reads on reads.reader = readers.reader and not readers.is_defined
      join pg_class c on c.oid = reads.relation
      join pg_namespace n on n.oid = c.relnamespace
      union
      select behind.root, case when p.provolatile = 'i' then \(Self.functionName) else \(Self.calledName) end
      from behind join pg_proc p on behind.class = 'pg_proc'::regclass and p.oid = behind.object
      join pg_namespace n on n.oid = p.pronamespace
      where n.nspname not in ('pg_catalog', 'information_schema')
        and (p.provolatile <> 'i' or not \(CalledFunctions.isOfExtension))
      union
      select readers.name, asked.word || ' in ' || case when n.nspname = $1 then '' else n.nspname || '.' end || c.relname
      from readers join pg_class c on c.oid = readers.reader and not readers.is_defined
        and (c.relkind = 'v' or c.relname = any($4))
      join pg_namespace n on n.oid = c.relnamespace
      join pg_rewrite r on r.ev_class = c.oid
      cross join lateral (\(RuleWords.unsteady("$3"))) as asked
      """,
      [.text(schema), .textArray(views), RuleWords.stable, .textArray(suspects)])
    var found: [String: Set<String>] = [:]
    for row in rows {
      found[try row.decode(0, as: String.self), default: []].insert(try row.decode(1, as: String.self))
    }
    return found
  }

  /// What the rules of `readers` depend on, as the start of `CalledFunctions.behind`.
  private static let ruleObjects = """
    select readers.name, d.refclassid, d.refobjid
    from readers join pg_rewrite r on r.ev_class = readers.reader
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
    where d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass)
    """

  /// How the function `p` of the schema `n` is named; all functions of one name have one.
  private static let calledName = "case when n.nspname = $1 then '' else n.nspname || '.' end || p.proname || '()'"
  /// The same for one that says that it is immutable, so that what it says is a number in `texts`. No relation's name has a
  /// blank.
  private static let functionName = "'the function ' || \(calledName)"

  /// What each view of the database reads itself, among views: made by hand, too, and through nothing.
  static func steps(schema: String, on connection: PostgresConnection) async throws -> [String: Set<String>] {
    let rows = try await connection.query(
      """
      with named as (
        select c.oid, case when n.nspname = $1 then c.relname else n.nspname || '.' || c.relname end as name
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
      )
      select reader.name, other.name
      from named reader join pg_rewrite r on r.ev_class = reader.oid
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
      join named other on other.oid = d.refobjid and other.oid <> reader.oid
      """, [.text(schema)])
    var found: [String: Set<String>] = [:]
    for row in rows {
      found[try row.decode(0, as: String.self), default: []].insert(try row.decode(1, as: String.self))
    }
    return found
  }

  /// For each plain view that is none of `views`, and for each immutable function that somebody made, a number that is
  /// another when it says something else, under the name that `read` gives it.
  ///
  /// No change of data is counted for what is made by hand, and what reads it through its old text would stay as it is.
  static func texts(
    schema: String, views: [String], on connection: PostgresConnection
  ) async throws(PostgresError) -> [String: Int64] {
    let rows = try await connection.query(
      """
      select case when n.nspname = $1 then c.relname else n.nspname || '.' || c.relname end,
        hashtextextended(string_agg(r.ev_action::text, '' order by r.oid), 0)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_rewrite r on r.ev_class = c.oid
      where c.relkind = 'v' and n.nspname not in ('pg_catalog', 'information_schema', 'daybook')
        and not (n.nspname = $1 and c.relname = any($2))
      group by 1
      union all
      select \(functionName), hashtextextended(string_agg((\(CalledFunctions.number))::text, ' ' order by p.oid), 0)
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where p.provolatile = 'i' and n.nspname not in ('pg_catalog', 'information_schema', 'daybook')
        and not \(CalledFunctions.isOfExtension)
      group by 1
      """,
      [.text(schema), .textArray(views)])
    var found: [String: Int64] = [:]
    for row in rows { found[try row.decode(0, as: String.self)] = try row.decode(1, as: Int64.self) }
    return found
  }
}
