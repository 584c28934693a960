// References of new rows, proven by one look over all of them in place of one trigger for each: half of what an insert
// into a table with two references costs is those triggers, which look every parent up and lock it.
// Invariant: nothing is believed. All parents are locked against change before the orphans of the file are looked for,
// and stay so until the transaction ends, so that what the look did not find cannot come true behind it. Where any
// doubt is left (a trigger or rule of somebody's, a reference that Daybook did not make, a key that the server checks
// by a trigger too because it may be deferred, a parent with rows of other tables under it, a lock not to be had at
// once, a role that may not), the server's own triggers do their work as ever.

internal import Postgres

/// What lets one look over a file's rows stand in for the server's checks of each.
struct ReferenceProof: Sendable {
  /// The columns of all the table's references, each to a table that is locked.
  let columns: Set<String>

  /// Locks the parents of `design`'s table, when that is all it takes; the table itself is locked already.
  ///
  /// Waits for nobody. The transaction has to be one whose statements each see what was committed before them. Triggers
  /// that are not those of references must not be left out: a deferrable key is checked by one, too; but for those by
  /// which the table is watched, which have nothing to do while Daybook writes. And a parent with inheriting tables would
  /// show rows that no reference may lead to.
  /// - Returns: nil when the server has to check row by row.
  /// Source: PostgreSQL 15 manual, session_replication_role; LOCK, conflicts of SHARE, and the rights that it takes.
  static nonisolated(nonsending) func prepare(
    _ design: TableDesign, on connection: PostgresConnection
  ) async throws -> ReferenceProof? {
    let parents = Set(design.foreignKeys.map(\.target))
    guard !parents.isEmpty, !parents.contains(design.table) else { return nil }
    let may =
      connection.serverVersion >= 150_000
      ? "has_parameter_privilege('session_replication_role', 'set')"
      : "(select rolsuper from pg_roles where rolname = current_user)"
    let rows = try await connection.query(
      """
      select \(may) and t.relkind = 'r' and not t.relhasrules
        and current_setting('transaction_isolation') = 'read committed'
        and current_setting('session_replication_role') = 'origin'
        and not exists (
          select from pg_trigger g left join pg_constraint o on o.oid = g.tgconstraint
          where g.tgrelid = t.oid and o.contype is distinct from 'f' and g.tgfoid is distinct from (
            \(WatchTriggers.functionOID("$5"))))
        and (
          select count(*) = cardinality($2::text[]) and bool_and(cardinality(c.conkey) = 1 and p.relkind = 'r'
            and not p.relhassubclass and exists (
            select from unnest($2::text[], $3::text[], $4::text[]) as k (name, target, target_name)
            where a.attname = k.name and c.confrelid = k.target::regclass and f.attname = k.target_name))
          from pg_constraint c
          join pg_class p on p.oid = c.confrelid
          join pg_attribute a on a.attrelid = t.oid and a.attnum = c.conkey[1]
          join pg_attribute f on f.attrelid = p.oid and f.attnum = c.confkey[1]
          where c.conrelid = t.oid and c.contype = 'f')
      from pg_class t where t.oid = $1::text::regclass
      """,
      [
        .text(design.table.quoted), .textArray(design.foreignKeys.map(\.column)),
        .textArray(design.foreignKeys.map(\.target.quoted)), .textArray(design.foreignKeys.map(\.targetColumn)),
        .text(WatchTriggers.function(of: design.table.name).name),
      ])
    guard try rows.first?.decode(0, as: Bool?.self) == true else { return nil }
    do {
      try await connection.withTransaction { nested in
        for parent in parents.sorted(by: { $0.quoted < $1.quoted }) {
          try await nested.execute("lock table \(parent.quoted) in share mode nowait")
        }
      }
    } catch let error as PostgresError where ["55P03", "42501"].contains(error.sqlState) {
      // Somebody is at work there, or this role may only refer to the parent and not lock it.
      return nil
    }
    return ReferenceProof(columns: Set(design.foreignKeys.map(\.column)))
  }

  /// Whether it holds for rows that are looked over for these references.
  func covers(_ references: [MergeStatements.Reference]) -> Bool { columns == Set(references.map(\.column)) }

  /// Leaves the server's checks out, for rows that were looked over. An error before they resume ends the transaction
  /// and with it this setting.
  static nonisolated(nonsending) func suspendChecks(on connection: PostgresConnection) async throws {
    try await connection.execute("set local session_replication_role = replica")
  }

  static nonisolated(nonsending) func resumeChecks(on connection: PostgresConnection) async throws {
    try await connection.execute("set local session_replication_role = origin")
  }
}
