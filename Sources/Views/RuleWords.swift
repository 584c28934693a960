// What a view asks for beyond the rows that it reads, as PostgreSQL understood it: the moment, chance, the session.
// Invariant: it is read from the rule that the server made of the view's text, in which names are resolved and strings
// are no words. Words in texts of which there is no view yet are UnsteadyWords.

internal import Definitions
internal import Postgres

/// The words by which the rule of a view depends on more than rows.
enum RuleWords {
  /// A parameter for `unsteady`: functions that the server calls stable, and that depend on more than settings.
  static var stable: PostgresValue { .textArray(UnsteadyWords.all.sorted()) }

  /// A subquery with one row for each such word of the row `r` of `pg_rewrite`.
  ///
  /// A name or a string in a rule cannot be taken for what is looked for: the server writes the one with its braces and
  /// blanks escaped, and the other as numbers.
  ///
  /// - Parameters:
  ///   - parameter: where `stable` is.
  ///   - isOfAll: whether functions made by hand are among them.
  static func unsteady(_ parameter: String, ofAll isOfAll: Bool) -> String {
    """
    select p.proname || '()' as word
    from regexp_matches(r.ev_action::text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') as found
    join pg_proc p on p.oid = found[1]::oid
    where case when p.pronamespace = 'pg_catalog'::regnamespace
      then p.provolatile = 'v' or p.provolatile = 's' and p.proname = any(\(parameter))
      else \(isOfAll) and p.provolatile <> 'i' end
    union
    select ('{current_date,current_time,current_time,current_timestamp,current_timestamp,localtime,localtime,\
    localtimestamp,localtimestamp,current_role,current_user,user,session_user,current_catalog,current_schema}'\
    ::text[])[1 + found[1]::int]
    from regexp_matches(r.ev_action::text, '\\{SQLVALUEFUNCTION :op ([0-9]+)', 'g') as found
    union
    select 'tablesample' where r.ev_action::text like '%{TABLESAMPLECLAUSE %'
    """
  }

  /// By what the view of a rollup depends on more than each row of its state, or nil.
  static func more(thanRowsIn view: QualifiedName, on connection: PostgresConnection) async throws -> String? {
    let rows = try await connection.query(
      """
      select case when r.ev_action::text like '%{SUBLINK %' then 'a query'
        when r.ev_action::text ~ ':(funcretset|opretset) true' then 'a function that gives several rows'
        else (select min(word) from (\(unsteady("$2", ofAll: true))) as words) end
      from pg_rewrite r where r.ev_class = to_regclass($1) and r.rulename = '_RETURN'
      """, [.text(view.quoted), stable])
    return try rows.first?.decode(0)
  }
}
