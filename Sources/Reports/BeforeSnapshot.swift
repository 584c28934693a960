// What is looked at before the snapshot of a set is taken: how far the log had come, and what the server counts of the
// changes of every feed's table, whoever made them.
// Invariant: what is counted here is in the snapshot that follows, so that rows kept under a counter are never older than
// it; they may be newer, which only has them counted again. A session tells of its changes when it ends or goes idle, up
// to ten seconds later: so long a change by hand may go unseen. A crash sets the counters to zero, and says when it did.
// What is kept under them is elsewhere: SectionCache.

internal import Cache
internal import Definitions
internal import Postgres

/// The state of the server before a snapshot.
struct BeforeSnapshot: Sendable {
  /// How far the log had come; nil where the server does not say.
  var position: Int64?
  /// For each feed what is another when its table is, or when anybody has changed rows of it; none where the server does
  /// not count that, as of what is no plain table.
  var tables: [String: String] = [:]

  /// Looks at the server; to be called outside the transaction that takes the snapshot.
  static func read(_ project: Project, on connection: PostgresConnection) async throws(PostgresError) -> BeforeSnapshot
  {
    var state = BeforeSnapshot(position: try await LogPosition.current(on: connection))
    // A truncation is another file; reset_at tells a counter from the same one after it began anew.
    let rows = try await connection.query(
      """
      SELECT c.relname::text, row(c.oid, pg_relation_filenode(c.oid), pg_stat_get_tuples_inserted(c.oid),
        pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid),
        extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()),
        extract(epoch FROM pg_stat_get_db_stat_reset_time(d.oid)))::text
      FROM pg_class c, pg_database d
      WHERE c.relnamespace = to_regnamespace($1::text) AND c.relname = ANY ($2::text[]) AND d.datname = current_database()
        AND c.relkind = 'r' AND NOT c.relhassubclass AND current_setting('track_counts')::boolean
      """, [.text(quoteIdentifier(project.database.schema)), .textArray(project.feeds.map(\.name))])
    for row in rows { state.tables[try row.decode(0)] = try row.decode(1, as: String.self) }
    return state
  }
}
