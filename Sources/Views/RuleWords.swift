// What a view asks for beyond the rows that it reads, as PostgreSQL understood it: the moment, chance, the session. What
// somebody's functions ask for is in CalledFunctions.
// Invariant: it is read from the rule that the server made of the view's text, in which names are resolved and strings
// are no words. Words in texts of which there is no view yet are UnsteadyWords.

internal import Definitions
internal import Postgres

/// The words by which the rule of a view depends on more than rows.
enum RuleWords {
  /// A parameter for `unsteady`: functions that the server calls stable, and that depend on more than settings.
  static var stable: PostgresValue { .textArray(UnsteadyWords.all.sorted()) }

  /// A subquery with one row for each such word of the row `r` of `pg_rewrite`, functions that somebody made apart.
  ///
  /// A name or a string in a rule cannot be taken for what is looked for: the server writes the one with its braces and
  /// blanks escaped, and the other as numbers.
  ///
  /// - Parameter parameter: where `stable` is.
  static func unsteady(_ parameter: String) -> String {
    """
    select p.proname || '()' as word
    from regexp_matches(r.ev_action::text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') as found
    join pg_proc p on p.oid = found[1]::oid and p.pronamespace = 'pg_catalog'::regnamespace
    where p.provolatile = 'v' or p.provolatile = 's' and p.proname = any(\(parameter))
    union
    select ('{current_date,current_time,current_time,current_timestamp,current_timestamp,localtime,localtime,\
    localtimestamp,localtimestamp,current_role,current_user,user,session_user,current_catalog,current_schema}'\
    ::text[])[1 + found[1]::int]
    from regexp_matches(r.ev_action::text, '\\{SQLVALUEFUNCTION :op ([0-9]+)', 'g') as found
    union
    select 'tablesample' where r.ev_action::text like '%{TABLESAMPLECLAUSE %'
    union
    -- Of the server's own catalogs there are no dependencies.
    select c.relname::text from regexp_matches(r.ev_action::text, ':relid ([0-9]+)', 'g') as found
    join pg_class c on c.oid = found[1]::oid and c.relkind = 'r' and c.relnamespace = 'pg_catalog'::regnamespace
    """
  }

  /// By what the view of a rollup depends on more than each row of its state, or nil.
  static func more(thanRowsIn view: QualifiedName, on connection: PostgresConnection) async throws -> String? {
    let objects = """
      select '' collate "C", d.refclassid, d.refobjid
      from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
      where r.ev_class = to_regclass($1) and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass)
      """
    let rows = try await connection.query(
      """
      with recursive \(CalledFunctions.behind(objects))
      select case when r.ev_action::text like '%{SUBLINK %' then 'a query'
        when r.ev_action::text ~ ':(funcretset|opretset) true' then 'a function that gives several rows'
        else least(
          (select min(word) from (\(unsteady("$2"))) as words),
          (select min(p.proname || '()') from behind
            join pg_proc p on behind.class = 'pg_proc'::regclass and p.oid = behind.object and p.provolatile <> 'i'))
        end
      from pg_rewrite r where r.ev_class = to_regclass($1) and r.rulename = '_RETURN'
      """, [.text(view.quoted), stable])
    return try rows.first?.decode(0)
  }
}
