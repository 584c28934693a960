// Bringing a view of SQL up to date: a materialized view of PostgreSQL's own, made or refreshed whole.
// Invariant: the versions of what it reads are read before its content, so that a change in between only causes one
// refresh too many. What it reads is what the catalog says once it exists, and what its text says before that.

internal import Definitions
internal import Ledger
internal import Postgres

extension ViewRefresher {
  nonisolated(nonsending) func refreshNative(
    _ view: ViewDefinition, full: Bool, on connection: PostgresConnection
  ) async throws -> RefreshOutcome {
    guard case .native(let native) = view.kind else { throw ViewError.unknown(name: view.name, nearest: nil) }
    let clock = ContinuousClock()
    let start = clock.now
    do {
      let texts = try await ViewDependencies.texts(
        schema: project.database.schema, views: project.views.map(\.name), on: connection)
      let versions = try await DataVersions.current(on: connection).merging(texts) { counted, _ in counted }
      let state = try await ViewStates.current(on: connection)[view.name]
      let condition = try await ViewRelations.condition(
        ofMaterialized: QualifiedName(schema: project.database.schema, name: view.name), key: native.uniqueKey,
        on: connection)
      let exists = condition == .sound || condition == .broken
      let catalog = try await dependencies(on: connection)[view.name] ?? []
      let renamed = exists ? state.map { self.lost(view, known: catalog, state: $0, full: full) } ?? [] : []
      let isSameDefinition = exists && state?.definitionHash == view.definitionHash && renamed.isEmpty
      func inputs(_ names: some Sequence<String>) -> [String: Int64] {
        var inputs = Dictionary(uniqueKeysWithValues: names.map { ($0, versions[$0] ?? 0) })
        // SQL may ask for the day of a moment; the sessions of a project are in its time zone.
        inputs["\(Self.zonePrefix)\(project.calendar.timeZone)"] = 1
        return inputs
      }
      let known = isSameDefinition ? catalog : Set(view.inputs)
      let untold = known.filter { texts[$0] == nil && !isCounted($0) }.sorted()
      let unsteady = reasonToLookAgain(native, known: known, untold: untold)
      if isSameDefinition, unsteady == nil,
        let reason = skipReason(
          view, inputs: inputs(known), uncounted: Set(texts.keys), state: state, exists: condition == .sound,
          full: full)
      {
        let indexes = try await mendIndexes(native, of: view, on: connection)
        if !indexes.isEmpty {
          return RefreshOutcome(
            view: view.name, status: .refreshed, rows: nil, wall: clock.now - start,
            detail: "its index on \(indexes.joined(separator: " and on ")) was gone, and was made again")
        }
        return RefreshOutcome(
          view: view.name, status: .skipped(reason: reason), rows: nil, wall: clock.now - start, detail: reason)
      }
      try await requireInputs(view.inputs, of: view, on: connection)
      let (rows, lost) = try await connection.withTransaction { connection in
        try await connection.execute(
          "select set_config('search_path', $1, true), set_config('TimeZone', $2, true)",
          [.text(searchPath), .text(project.calendar.timeZone)])
        let built = try await build(
          native, of: view, as: isSameDefinition ? condition : .missing, on: connection)
        try await DataVersions.bump(view.name, on: connection)
        let read = try await dependencies(on: connection)[view.name] ?? []
        try await ViewStates.record(
          view.name, ViewState(definitionHash: view.definitionHash, inputVersions: inputs(read)), on: connection)
        return built
      }
      var outcome = RefreshOutcome(
        view: view.name, status: isSameDefinition ? .refreshed : .created, rows: rows, wall: clock.now - start,
        detail: condition == .broken && isSameDefinition
          ? "refreshed, readers wait: it held no data, or its unique index was gone"
          : isSameDefinition
            ? detail(native, inputs: inputs(known), unsteady: unsteady, state: state, full: full)
            : reasonOfMaking(view, condition, state: state, lost: renamed))
      outcome.lost = lost
      return outcome
    } catch let error as PostgresError where error.kind == .server {
      var error = Self.explained(error, native, of: view)
      if error.sqlState == "42501", error.hint == nil {
        error.hint = try await hint(aboutOwnerOf: view, on: connection)
      }
      throw ViewError.server(view: view.name, at: view.position, error)
    }
  }

  /// What to do where a view may not be refreshed because somebody owns it who may not read what it reads, or whom
  /// Daybook's role may not act for; nil where its owner is that role.
  private nonisolated(nonsending) func hint(
    aboutOwnerOf view: ViewDefinition, on connection: PostgresConnection
  ) async throws -> String? {
    let name = QualifiedName(schema: project.database.schema, name: view.name)
    let rows = try await connection.query(
      """
      select quote_ident(r.rolname), quote_ident(current_user) from pg_class c join pg_roles r on r.oid = c.relowner
      where c.oid = to_regclass($1) and c.relkind = 'm' and r.rolname <> current_user
      """, [.text(name.quoted)])
    guard let row = rows.first else { return nil }
    let (owner, role): (String, String) = (try row.decode(0), try row.decode(1))
    return "it is refreshed by the rights of \(owner), who owns it: alter materialized view \(name.quoted) "
      + "owner to \(role), or grant \(owner) what it lacks; then: daybook refresh \(view.name)"
  }

  /// Rows that share a key are told with where the key is declared. The server says it by one code when the index is made,
  /// and by another, with the row, when a refresh beside readers meets two equal rows.
  private static func explained(
    _ error: PostgresError, _ native: NativeViewDefinition, of view: ViewDefinition
  ) -> PostgresError {
    let isOfKey = error.sqlState == "23505" || error.sqlState == "21000" && error.detail != nil
    guard isOfKey, !native.uniqueKey.isEmpty, error.hint == nil else { return error }
    var error = error
    error.hint =
      "\"-- unique: \(native.uniqueKey.joined(separator: ", "))\" says that no two rows share these columns: correct it "
      + "or the query, then: daybook refresh \(view.name)"
    return error
  }

  /// Whether a change of what stands under this name in the catalog is counted: feeds and views are, and what is neither
  /// may change unseen.
  private func isCounted(_ name: String) -> Bool {
    project.feed(named: name) != nil || project.views.contains { $0.name == name }
      || name == ViewDefinition.closedMonths
  }

  /// Why a view may say something else though nothing that is counted has moved, or nil.
  private func reasonToLookAgain(
    _ native: NativeViewDefinition, known: Set<String>, untold: [String]
  ) -> String? {
    if !untold.isEmpty { return "nobody counts changes of \(untold.joined(separator: ", "))" }
    if let word = native.unsteadyWord { return "\"\(word)\" in its SQL is more than what it reads tells" }
    // That a function is written as before says nothing of what it reads.
    return known.allSatisfy { $0.contains(" ") } ? "it reads nothing of which changes are counted" : nil
  }

  /// One line on why a view was made and not refreshed.
  private func reasonOfMaking(
    _ view: ViewDefinition, _ condition: ViewRelations.Condition, state: ViewState?, lost: [String]
  ) -> String {
    guard let state else {
      return condition == .missing ? "made for the first time" : "made anew: nothing is on record of what stood there"
    }
    if condition == .unmarked { return "made anew: what stood there did not say that Daybook made it" }
    if state.definitionHash != view.definitionHash { return "made anew: the definition changed" }
    if let name = lost.first { return "made anew: \(name) is another relation than before" }
    return "made anew: it was gone, or went with what it reads"
  }

  /// One line on what was done and why.
  private func detail(
    _ native: NativeViewDefinition, inputs: [String: Int64], unsteady: String?, state: ViewState?, full: Bool
  ) -> String {
    let how = native.uniqueKey.isEmpty ? "refreshed, readers wait" : "refreshed concurrently"
    let moved = inputs.filter { state?.inputVersions[$0.key] != $0.value }.keys.sorted()
    if moved.isEmpty {
      if full { return "\(how): asked for in full" }
      return unsteady.map { "\(how): \($0)" } ?? how
    }
    return "\(how): \(moved.joined(separator: ", ")) changed"
  }

  private nonisolated(nonsending) func build(
    _ native: NativeViewDefinition, of view: ViewDefinition, as condition: ViewRelations.Condition,
    on connection: PostgresConnection
  ) async throws -> (rows: Int, lost: [String]) {
    let name = QualifiedName(schema: project.database.schema, name: view.name)
    var lost: [String] = []
    if condition != .missing {
      let concurrently = native.uniqueKey.isEmpty || condition == .broken ? "" : "concurrently "
      try await connection.execute("refresh materialized view \(concurrently)\(name.quoted)")
      if condition == .broken,
        try await ViewRelations.condition(ofMaterialized: name, key: native.uniqueKey, on: connection) == .broken
      {
        try await connection.execute(Self.uniqueIndex(native.uniqueKey, on: name))
      }
      try await mendIndexes(native, of: view, on: connection)
      try await markIndexes(native, on: name, connection)
    } else {
      try await makeJournals(readBy: native, inputs: view.inputs, on: connection)
      // Beside what readers see, which is taken away last.
      let next = RollupSQL.nextStateName(of: name)
      try await ViewRelations.requireFree([next], and: [name], for: view, on: connection)
      try await connection.execute("create materialized view \(next.quoted) as\n\(native.sql)")
      if !native.uniqueKey.isEmpty {
        try await connection.execute(Self.uniqueIndex(native.uniqueKey, on: next))
      }
      for columns in native.indexes { try await connection.execute(Self.index(columns, on: next)) }
      try await markIndexes(native, on: next, connection)
      try await connection.execute(Self.mark(next))
      try await connection.execute("analyze \(next.quoted)")
      try await ViewRelations.drop(view, with: project.views, schema: name.schema, on: connection)
      try await connection.execute("alter materialized view \(next.quoted) rename to \(quoteIdentifier(name.name))")
      try await nameIndexes(of: name, madeAs: next, on: connection)
      lost = try await ViewKeepsakes.restore(name, on: connection)
    }
    let counted = try await connection.query("select count(*) from \(name.quoted)")
    return (try counted.first?.decode(0, as: Int.self) ?? 0, lost)
  }

  /// Makes the indexes of the definition that somebody dropped; that of the unique columns is not among them.
  ///
  /// - Returns: their columns.
  @discardableResult
  private nonisolated(nonsending) func mendIndexes(
    _ native: NativeViewDefinition, of view: ViewDefinition, on connection: PostgresConnection
  ) async throws -> [String] {
    if native.indexes.isEmpty { return [] }
    let name = QualifiedName(schema: project.database.schema, name: view.name)
    let rows = try await connection.query(
      """
      select array(select coalesce(a.attname::text, '') from unnest(i.indkey::smallint[]) with ordinality as k (number, place)
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number order by place)
      from pg_index i where i.indrelid = to_regclass($1) and i.indisvalid and i.indpred is null
      """, [.text(name.quoted)])
    let standing = try rows.map { try $0.decode(0, as: [String].self) }
    let gone = native.indexes.filter { !standing.contains($0) }
    for columns in gone { try await connection.execute(Self.index(columns, on: name)) }
    return gone.map { $0.joined(separator: ", ") }
  }

  private static func index(_ columns: [String], on name: QualifiedName) -> String {
    "create index on \(name.quoted) (\(columns.map(quoteIdentifier).joined(separator: ", ")))"
  }

  /// Has the indexes that the definition declares say so: all others are somebody's, and are kept when the view goes.
  private nonisolated(nonsending) func markIndexes(
    _ native: NativeViewDefinition, on name: QualifiedName, _ connection: PostgresConnection
  ) async throws {
    let key: [(columns: [String], isUnique: Bool)] = native.uniqueKey.isEmpty ? [] : [(native.uniqueKey, true)]
    for (columns, isUnique) in key + native.indexes.map({ ($0, false) }) {
      let rows = try await connection.query(
        """
        select i.indexrelid::regclass::text from pg_index i
        where i.indrelid = to_regclass($1) and i.indisunique = $3 and i.indpred is null
          and obj_description(i.indexrelid, 'pg_class') is null
          and $2::text[] = array(select coalesce(a.attname::text, '')
            from unnest(i.indkey::smallint[]) with ordinality as k (number, place)
            left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number order by place)
        """, [.text(name.quoted), .textArray(columns), .bool(isUnique)])
      for row in rows {
        let index: String = try row.decode(0)
        try await connection.execute(
          "comment on index \(index) is \(quoteLiteral(ViewKeepsakes.indexMark))")
      }
    }
  }

  private static func mark(_ name: QualifiedName) -> String {
    "comment on materialized view \(name.quoted) is \(quoteLiteral(ViewRelations.materializedMark))"
  }

  private static func uniqueIndex(_ key: [String], on name: QualifiedName) -> String {
    "create unique index on \(name.quoted) (\(key.map(quoteIdentifier).joined(separator: ", ")))"
  }

  /// Gives indexes the names that the server would have given them on the relation as it is called now.
  private nonisolated(nonsending) func nameIndexes(
    of name: QualifiedName, madeAs next: QualifiedName, on connection: PostgresConnection
  ) async throws {
    let rows = try await connection.query(
      """
      select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
      where i.indrelid = to_regclass($1) and starts_with(c.relname, $2)
        and to_regclass(quote_ident($3) || '.' || quote_ident($4 || substr(c.relname, length($2) + 1))) is null
      """,
      [.text(name.quoted), .text(next.name), .text(name.schema), .text(name.name)])
    for row in rows {
      let made = try row.decode(0, as: String.self)
      let index = QualifiedName(schema: name.schema, name: made)
      let wanted = name.name + made.dropFirst(next.name.count)
      try await connection.execute("alter index \(index.quoted) rename to \(quoteIdentifier(wanted))")
    }
  }
}
