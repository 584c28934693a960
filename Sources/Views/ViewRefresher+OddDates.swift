// Which row it is when the server refuses to reckon with a date: one such row stops every rollup of its feed.
// Invariant: it only looks, after the transaction that failed; where it finds no such row, the server's words stand.

internal import Definitions
internal import Postgres

extension ViewRefresher {
  /// The error itself; where it is about a date that leaves no room for its period in the server's calendar, one that
  /// names the row of `feed`.
  ///
  /// - Parameter views: the rollups of which one failed.
  nonisolated(nonsending) func named(
    _ error: ViewError, in feed: FeedDefinition, readBy views: [ViewDefinition], on connection: PostgresConnection
  ) async throws -> ViewError {
    // datetime_field_overflow
    guard case .server(_, _, let refused) = error, refused.sqlState == "22008" else { return error }
    let table = QualifiedName(schema: project.database.schema, name: feed.name)
    for view in views {
      guard case .rollup(let rollup) = view.kind else { continue }
      let sql = try rollupSQL(rollup, of: view)
      for name in rollup.groups.compactMap({ sql.period($0)?.column }) {
        let column = quoteIdentifier(name)
        let key = feed.key.map { "quote_nullable(\(quoteIdentifier($0))::text)" }
        // A year within the ends of what a timestamp can say: a time zone or a week may lead over them.
        let found = try await connection.query(
          """
          select \(column)::text, array[\(key.joined(separator: ", "))]::text[] from \(table.quoted)
          where isfinite(\(column)) and (\(column) >= '294276-01-01' or \(column) < '4712-01-01 BC')
          order by \(column) desc limit 1
          """)
        guard let row = found.first else { continue }
        let values: [String] = try row.decode(1)
        let condition = zip(feed.key, values).map { "\(quoteIdentifier($0)) = \($1)" }.joined(separator: " and ")
        let value: String = try row.decode(0)
        var named = PostgresError(
          .server,
          "\(name) of the row of \(feed.name) where \(condition) is \(value), too near to the ends of the server's calendar, "
            + "or beyond them (4713 BC and 294276), to have a period",
          sqlState: refused.sqlState)
        named.detail = refused.message
        named.hint =
          "correct that row where it comes from, then: daybook ingest \(feed.name); a row of no file is corrected by "
          + "update \(table.quoted) set … where \(condition), then: daybook refresh --full \(view.name)"
        return .server(view: view.name, at: view.position, named)
      }
    }
    return error
  }
}
