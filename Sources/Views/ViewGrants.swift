// Who may do what with a view, kept from the drop of its relation until another one has its name.
// Invariant: privileges are kept as privileges, on an empty table with the same columns, so that nothing is lost when a
// program ends in between, and the server knows of them when a role is dropped. The owner's own are not among them.
// That table is in the ledger's schema, because in the project's any name may be somebody's table.

internal import Postgres

/// The privileges on the relation of a view.
enum ViewGrants {
  /// Keeps what was granted on a relation that is about to be dropped; nothing is made where nothing was granted.
  static func keep(_ name: QualifiedName, on connection: PostgresConnection) async throws {
    if try await grants(on: name, to: name, connection).isEmpty { return }
    let kept = kept(name)
    try await connection.execute("drop table if exists \(kept.quoted)")
    try await connection.execute("create table \(kept.quoted) as table \(name.quoted) with no data")
    try await copy(from: name, to: kept, on: connection)
  }

  /// Gives a relation what was kept of the one before it, columns as far as it has them.
  static func restore(_ name: QualifiedName, on connection: PostgresConnection) async throws {
    let kept = kept(name)
    let rows = try await connection.query("select to_regclass($1) is not null", [.text(kept.quoted)])
    guard try rows.first?.decode(0, as: Bool.self) == true else { return }
    try await copy(from: kept, to: name, on: connection)
    try await connection.execute("drop table \(kept.quoted)")
  }

  private static func kept(_ name: QualifiedName) -> QualifiedName {
    // A name with a blank is none of the ledger's own, and at most 62 bytes long.
    QualifiedName(schema: "daybook", name: "grants \(name.name)")
  }

  private static func copy(
    from source: QualifiedName, to target: QualifiedName, on connection: PostgresConnection
  ) async throws {
    for statement in try await grants(on: source, to: target, connection) { try await connection.execute(statement) }
  }

  /// The statements that grant on `target` what is granted on `source`.
  private static func grants(
    on source: QualifiedName, to target: QualifiedName, _ connection: PostgresConnection
  ) async throws -> [String] {
    let rows = try await connection.query(
      """
      select format('grant %s on %s to %s%s', a.what, $2, case a.grantee when 0 then 'public' else quote_ident(r.rolname) end,
        case when a.is_grantable then ' with grant option' else '' end)
      from (
        select c.relowner, acl.privilege_type as what, acl.grantee, acl.is_grantable
        from pg_class c cross join aclexplode(c.relacl) as acl where c.oid = to_regclass($1)
        union all
        select c.relowner, format('%s (%I)', acl.privilege_type, t.attname), acl.grantee, acl.is_grantable
        from pg_class c join pg_attribute t on t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped
        cross join aclexplode(t.attacl) as acl
        where c.oid = to_regclass($1) and exists (
          select from pg_attribute other
          where other.attrelid = to_regclass($2) and other.attname = t.attname and not other.attisdropped)
      ) as a left join pg_roles r on r.oid = a.grantee
      where a.grantee <> a.relowner and (a.grantee = 0 or r.oid is not null)
      """, [.text(source.quoted), .text(target.quoted)])
    return try rows.map { try $0.decode(0, as: String.self) }
  }
}
