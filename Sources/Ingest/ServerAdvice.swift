// What a person is told when the server refused for a reason that lies outside of the data: a full disk, a limit of time
// that somebody set, a table that somebody holds, a COMMIT that was not answered.
// Invariant: asking the server for more never hides the error: what cannot be found out is left out.

internal import Definitions
internal import Finding
internal import Postgres

extension FeedIngestion {
  /// The same error with the limit that was reached, who stood in the way, and what to do about it.
  func advised(_ error: IngestError) async -> IngestError {
    guard let server = error.underlying, var diagnostic = error.diagnostics.first else { return error }
    var kind = error.kind
    switch server.sqlState {
    case "53100":
      diagnostic.message =
        "feed \(feed.name): the disk that holds the database is full: \(server.message) (SQLSTATE 53100)"
      diagnostic.fix = "make room there, then run again: daybook ingest \(feed.name)"
    case "57014":
      guard let limit = await setting("statement_timeout") else { return error }
      diagnostic.notes.insert("statement_timeout is \(limit) for this role in this database", at: 0)
      diagnostic.fix = "raise it: alter role … in database … set statement_timeout = …; then run again"
    case "55P03":
      let limit = await setting("lock_timeout")
      let holders = await holders()
      diagnostic.notes.insert(contentsOf: holders.map { "the table is held by \($0)" }, at: 0)
      if let limit { diagnostic.notes.insert("lock_timeout is \(limit) for this role in this database", at: 0) }
      diagnostic.fix =
        holders.isEmpty
        ? "run again; or raise lock_timeout" : "wait for who holds it, or end that session; or raise lock_timeout"
    default:
      // Only what was sent and not answered is unknown; what broke off before it is rolled back.
      guard server.kind == .connectionLost, server.statement == "COMMIT", server.wasSent else { return error }
      kind = .commitUnknown
      let what =
        error.isByChunks ? "the last chunk under way is committed; those before it are" : "this feed is committed"
      diagnostic.notes = [
        "state: the connection broke during COMMIT, so it is not known whether \(what)",
        "running again finds out and loads nothing twice: daybook ingest \(feed.name)",
      ]
    }
    var advised = IngestError(kind, [diagnostic] + error.diagnostics.dropFirst(), underlying: server)
    advised.isByChunks = error.isByChunks
    return advised
  }

  /// A limit of time as sessions of this role get it; nil when there is none.
  private func setting(_ name: String) async -> String? {
    let value = try? await pool.withConnection(label: "advice") { connection in
      try await connection.query("select current_setting($1)", [.text(name)]).first?.decode(0, as: String.self)
    }
    return value.flatMap { $0 == "0" ? nil : $0 }
  }

  /// Sessions whose locks keep others from writing the feed's table, longest first.
  private func holders() async -> [String] {
    let table = QualifiedName(schema: project.database.schema, name: feed.name)
    let found = try? await pool.withConnection(label: "advice") { connection in
      try await connection.query(
        """
        select distinct a.pid, a.application_name, a.usename::text, coalesce(a.state, 'busy'),
          extract(epoch from clock_timestamp() - a.xact_start)::int8
        from pg_locks l join pg_stat_activity a using (pid)
        where l.locktype = 'relation' and l.relation = to_regclass($1) and l.granted and a.pid <> pg_backend_pid()
          and l.database = (select oid from pg_database where datname = current_database())
          and l.mode not in ('AccessShareLock', 'RowShareLock')
        order by 5 desc nulls last limit 3
        """, [.text(table.quoted)]
      ).map { row in
        let (pid, seconds) = (try row.decode(0, as: Int.self), try row.decode(4, as: Int?.self))
        let (application, user) = (try row.decode(1, as: String.self), try row.decode(2, as: String?.self))
        return "process \(pid) (\(application.isEmpty ? "no name" : application), user \(user ?? "unknown"), "
          + "\(try row.decode(3, as: String.self))\(seconds.map { ", since \($0) s" } ?? ""))"
      }
    }
    return found ?? []
  }
}
