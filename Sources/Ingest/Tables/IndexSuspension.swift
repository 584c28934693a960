// Keys, indexes and references of a table that is empty or about to be mostly replaced, taken off before many rows come
// in and put back behind them: building an index in one pass costs a fraction of a step for each row.
// Invariant: everything happens in the caller's transaction, and what is put back is what PostgreSQL itself says was
// there (pg_get_constraintdef, pg_get_indexdef), whoever made it. What could not be put back exactly is left in place.

internal import Postgres

/// Taking indexes off a table.
enum IndexSuspension {
  /// Takes keys, indexes and references off `table`, which is locked against everybody.
  ///
  /// Left in place are keys that other tables or views rely on, indexes that serve replication or clustering or stand in a
  /// tablespace of their own, and whatever carries a comment.
  /// - Returns: the statements that put everything back.
  nonisolated(nonsending) static func begin(
    on table: QualifiedName, connection: PostgresConnection
  ) async throws -> TableFinish {
    let rows = try await connection.query(
      """
      select 'alter table ' || $1::text || ' drop constraint ' || quote_ident(c.conname),
        'alter table ' || $1::text || ' add constraint ' || quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid),
        case when c.contype <> 'f' then 1 when c.confrelid <> c.conrelid then 3 else 4 end, c.conname::text
      from pg_constraint c
      left join pg_index i on i.indexrelid = c.conindid and c.contype <> 'f'
      left join pg_class x on x.oid = i.indexrelid
      where c.conrelid = $1::text::regclass and c.contype in ('p', 'u', 'x', 'f') and c.conparentid = 0
        and not coalesce(i.indisreplident or i.indisclustered or x.reltablespace <> 0, false)
        and not exists (
          select from pg_constraint r where r.contype = 'f' and c.contype <> 'f' and r.conindid = c.conindid)
        and not exists (
          select from pg_depend d
          where d.refclassid = 'pg_constraint'::regclass and d.refobjid = c.oid and d.deptype = 'n')
        and obj_description(c.oid, 'pg_constraint') is null
        and (i.indexrelid is null or obj_description(i.indexrelid, 'pg_class') is null)
      union all
      select 'drop index ' || i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), 2, x.relname::text
      from pg_index i
      join pg_class x on x.oid = i.indexrelid
      where i.indrelid = $1::text::regclass and i.indisvalid and not i.indisreplident and not i.indisclustered
        and x.reltablespace = 0 and not x.relispartition
        and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
        and obj_description(i.indexrelid, 'pg_class') is null
      order by 3, 4
      """, [.text(table.quoted)])
    var finish = TableFinish()
    for row in rows {
      let statement: String = try row.decode(1)
      switch try row.decode(2, as: Int.self) {
      case 3: finish.references.append(statement)
      case 4: finish.selfReferences.append(statement)
      default: finish.indexes.append(statement)
      }
    }
    // References go first, because a unique key may serve one of the table's own.
    for row in rows.reversed() { try await connection.execute(try row.decode(0, as: String.self)) }
    return finish
  }
}
