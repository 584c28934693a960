// A table that exists against the design of its feed: what may be added, and what stops the ingest.
// Invariant: nothing that could lose or refuse data, or that makes PostgreSQL rewrite the table, is ever changed here;
// for that the SQL to run by hand is given. What is applied only lets more in: see `Widening`.
// Checks are compared in the server's own words: the design's are given to a temporary table and read back.

internal import Definitions
internal import Finding
internal import Postgres

/// What the server says about a table.
struct ExistingTable: Sendable {
  struct Column: Sendable, Hashable {
    var name: String
    var type: String
    var isOptional: Bool
    var hasDefault: Bool
  }
  struct ForeignKey: Sendable, Hashable {
    var columns: [String]
    var target: QualifiedName
    var targetColumns: [String]
  }

  var columns: [Column] = []
  var key: [String] = []
  /// The primary key's name; nil without one.
  var keyName: String?
  var foreignKeys: Set<ForeignKey> = []
  /// Name → definition.
  var checks: [String: String] = [:]
  /// The first column of each index.
  var indexedColumns: Set<String> = []
  /// The views that read a column, by its name: PostgreSQL changes no type under them.
  var views: [String: [String]] = [:]
}

/// The difference between a table and its design.
struct TableDrift: Sendable {
  /// Statements that lose nothing and may run at once.
  var additions: [String] = []
  /// What stops the ingest, each with the SQL to run by hand.
  var errors: [Diagnostic] = []
  /// What is worth knowing.
  var warnings: [Diagnostic] = []
}

extension TableDesign {
  /// Compares with a table that exists.
  ///
  /// - Parameter wantedChecks: this design's checks, name → definition in the server's words.
  func drift(of existing: ExistingTable, wantedChecks: [String: String], feed: FeedDefinition) -> TableDrift {
    var drift = TableDrift()
    func refuse(_ what: String, column: String? = nil, sql: String, _ cost: String? = nil) {
      drift.errors.append(refusal(what, column: column, sql: sql, feed, cost))
    }
    let present = Dictionary(existing.columns.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var added: Set<String> = []
    for column in columns + provenance {
      let name = quoteIdentifier(column.name)
      guard let found = present[column.name] else {
        if column.isOptional {
          drift.additions.append(addColumn(column))
          drift.warnings.append(widened("column \"\(column.name)\" was added", column.name, feed))
          added.insert(column.name)
        } else {
          refuse(
            "it has no column \"\(column.name)\", and its rows need a value there", column: column.name,
            sql: "alter table \(table.quoted) add column \(name) \(column.type) not null default …")
        }
        continue
      }
      let alter = "alter table \(table.quoted) alter column \(name)"
      if found.type != column.type {
        let views = existing.views[column.name] ?? []
        if Widening.isFree(from: found.type, to: column.type), views.isEmpty {
          drift.additions.append("\(alter) type \(column.type)")
          drift.warnings.append(
            widened("column \"\(column.name)\" was \(found.type) and is \(column.type) now", column.name, feed))
        } else {
          refuse(
            "column \"\(column.name)\" is \(found.type), the definition says \(column.type)"
              + (views.isEmpty ? "" : ", and \(views.joined(separator: ", ")) reads it"),
            column: column.name,
            sql: views.map { "drop \($0); " }.joined()
              + "\(alter) type \(column.type) using \(name)::\(column.type)",
            Widening.cost(from: found.type, to: column.type))
        }
      }
      if found.isOptional, !column.isOptional {
        refuse(
          "column \"\(column.name)\" may be null, the definition requires a value", column: column.name,
          sql: "\(alter) set not null")
      } else if column.isOptional, !found.isOptional {
        drift.additions.append("\(alter) drop not null")
        drift.warnings.append(widened("column \"\(column.name)\" may be null now", column.name, feed))
      }
    }
    let designed = Set(columns.map(\.name))
    for column in existing.columns where !designed.contains(column.name) && !column.name.hasPrefix("_daybook_") {
      if !column.isOptional, !column.hasDefault {
        refuse(
          "column \"\(column.name)\" is not in the definition and needs a value",
          sql: "alter table \(table.quoted) alter column \(quoteIdentifier(column.name)) drop not null")
      } else {
        drift.warnings.append(
          Diagnostic(
            .warning, code: "extra_column", at: feed.position,
            "table \(table) has a column \"\(column.name)\" that the definition does not know; it is left alone"))
      }
    }
    if existing.key != key {
      let changes = [
        existing.keyName.map { "drop constraint \(quoteIdentifier($0))" },
        key.isEmpty ? nil : "add primary key (\(list(key)))",
      ]
      refuse(
        "its primary key is (\(existing.key.joined(separator: ", "))), "
          + "the definition says (\(key.joined(separator: ", ")))",
        sql: "alter table \(table.quoted) \(changes.compactMap { $0 }.joined(separator: ", "))")
    }
    compareConstraints(existing, wantedChecks, added: added, feed, &drift)
    drift.additions += indexes.filter { !existing.indexedColumns.contains($0.column) }.map(createIndex)
    return drift
  }

  private func refusal(
    _ what: String, column: String?, sql: String, _ feed: FeedDefinition, _ cost: String? = nil
  ) -> Diagnostic {
    Diagnostic(
      .error, code: "table_drift", at: column.flatMap { feed.column(named: $0)?.position } ?? feed.position,
      "table \(table): \(what)", notes: (cost.map { [$0] } ?? []) + ["state: nothing was changed"],
      fix: "change the definition back, or run: \(sql);")
  }

  private func widened(_ what: String, _ column: String, _ feed: FeedDefinition) -> Diagnostic {
    Diagnostic(
      .note, code: "table_widened", at: feed.column(named: column)?.position ?? feed.position,
      "table \(table): \(what), as the definition says")
  }

  private func compareConstraints(
    _ existing: ExistingTable, _ wantedChecks: [String: String], added: Set<String>, _ feed: FeedDefinition,
    _ drift: inout TableDrift
  ) {
    func refuse(_ what: String, _ column: String?, _ sql: String) {
      drift.errors.append(refusal(what, column: column, sql: sql, feed))
    }
    for key in foreignKeys where !added.contains(key.column) {
      let wanted = ExistingTable.ForeignKey(
        columns: [key.column], target: key.target, targetColumns: [key.targetColumn])
      if !existing.foreignKeys.contains(wanted) {
        refuse(
          "column \"\(key.column)\" has no foreign key to \(key.target)", key.column,
          "alter table \(table.quoted) add \(clause(key))")
      }
    }
    for check in checks where !added.contains(check.column) {
      guard let found = existing.checks[check.name] else {
        refuse(
          "column \"\(check.column)\" has no check \(check.expression)", check.column,
          "alter table \(table.quoted) add \(clause(check))")
        continue
      }
      guard let wanted = wantedChecks[check.name], wanted != found else { continue }
      let change = "alter table \(table.quoted) drop constraint \(quoteIdentifier(check.name)), add \(clause(check))"
      if Widening.isWider(wanted, than: found) {
        drift.additions.append(change)
        drift.warnings.append(
          widened("column \"\(check.column)\" was checked by \(found) and is by \(wanted) now", check.column, feed))
      } else {
        refuse("column \"\(check.column)\" is checked by \(found), the definition says \(wanted)", check.column, change)
      }
    }
    // A check that Daybook made earlier and the definition no longer has would refuse rows that are now good.
    let names = Set(checks.map(\.name))
    for column in columns {
      for kind in ["minimum", "maximum", "one_of", "matches"] {
        let name = shortenedIdentifier("\(table.name)_\(column.name)_\(kind)")
        guard !names.contains(name), let found = existing.checks[name] else { continue }
        drift.additions.append("alter table \(table.quoted) drop constraint \(quoteIdentifier(name))")
        drift.warnings.append(widened("column \"\(column.name)\" is no longer checked by \(found)", column.name, feed))
      }
    }
  }
}

// MARK: Reading the catalogue

extension TableDesign {
  /// The table as it is, or nil when there is none.
  func existing(on connection: PostgresConnection) async throws(PostgresError) -> ExistingTable? {
    let name: PostgresValue = .text(table.quoted)
    let columns = try await connection.query(
      """
      select attname, format_type(atttypid, atttypmod), not attnotnull,
        atthasdef or attidentity <> '' or attgenerated <> ''
      from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum
      """, [name])
    guard !columns.isEmpty else { return nil }
    var table = ExistingTable()
    for row in columns {
      table.columns.append(
        ExistingTable.Column(
          name: try row.decode(0), type: try row.decode(1), isOptional: try row.decode(2),
          hasDefault: try row.decode(3)))
    }
    let constraints = try await connection.query(
      """
      select c.contype::text, c.conname, pg_get_constraintdef(c.oid), n.nspname, t.relname,
        array(select a.attname::text from unnest(c.conkey) with ordinality as k(number, place)
          join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number order by k.place),
        array(select a.attname::text from unnest(c.confkey) with ordinality as k(number, place)
          join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.number order by k.place)
      from pg_constraint c
      left join pg_class t on t.oid = c.confrelid left join pg_namespace n on n.oid = t.relnamespace
      where c.conrelid = to_regclass($1)
      """, [name])
    for row in constraints {
      switch try row.decode(0, as: String.self) {
      case "p":
        table.key = try row.decode(5)
        table.keyName = try row.decode(1)
      case "c": table.checks[try row.decode(1)] = try row.decode(2, as: String.self)
      case "f":
        table.foreignKeys.insert(
          ExistingTable.ForeignKey(
            columns: try row.decode(5),
            target: QualifiedName(schema: try row.decode(3), name: try row.decode(4)),
            targetColumns: try row.decode(6)))
      default: break
      }
    }
    let indexes = try await connection.query(
      """
      select distinct a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid
        and a.attnum = i.indkey[0]
      where i.indrelid = to_regclass($1) and i.indpred is null
      """, [name])
    for row in indexes { table.indexedColumns.insert(try row.decode(0)) }
    let views = try await connection.query(
      """
      select distinct a.attname::text, case v.relkind when 'm' then 'materialized view ' else 'view ' end
        || v.oid::regclass::text
      from pg_depend d
      join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
      join pg_class v on v.oid = r.ev_class and v.oid <> d.refobjid
      join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      where d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass($1) and d.refobjsubid > 0
      order by 1, 2
      """, [name])
    for row in views { table.views[try row.decode(0), default: []].append(try row.decode(1)) }
    return table
  }

  /// This design's checks as the server words them. Needs a transaction.
  func wordedChecks(on connection: PostgresConnection) async throws(PostgresError) -> [String: String] {
    if checks.isEmpty { return [:] }
    try await connection.execute(createShape(named: "daybook_shape"))
    let rows = try await connection.query(
      """
      select conname, pg_get_constraintdef(oid) from pg_constraint
      where conrelid = 'pg_temp.daybook_shape'::regclass and contype = 'c'
      """)
    var checks: [String: String] = [:]
    for row in rows { checks[try row.decode(0)] = try row.decode(1, as: String.self) }
    try await connection.execute("drop table pg_temp.daybook_shape")
    return checks
  }
}
