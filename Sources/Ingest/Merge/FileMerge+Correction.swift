// A corrected record that comes late: what a later file has said about its key since is not undone by it.
// Invariant: a row is older than a reject when the file it came from was loaded before the reject's, or was itself a
// correction of such a file. Rows that do not say where they came from are taken for older.

internal import Definitions
internal import Finding
internal import Ledger
internal import Postgres

extension FileMerge {
  /// Refuses corrections that would replace values of a file that was loaded after the one they were refused from.
  nonisolated(nonsending) mutating func refuseOlderCorrections(on connection: PostgresConnection) async throws {
    guard let correction = publication.correction, sql.provenance != nil, feed.onConflict == .update else { return }
    let count = try await connection.execute(sql.findOlderCorrections(correction.rejects))
    if count > 0 {
      let source = "daybook_older o join \(sql.staging) s on s.\(sql.place) = o.staged"
      try await addSums(sql.sums(over: source), .rejected, on: connection)
      let key = feed.key.joined(separator: ", ")
      try await refuse(sql.olderCorrections, .keyConflict, count, on: connection) { _, value in
        "\(key) \(visible(value)), which is newer"
      }
      for statement in sql.deleteOlderCorrections { try await connection.execute(statement) }
    }
    try await connection.execute("drop table pg_temp.daybook_older")
  }
}

extension MergeStatements {
  /// The changed rows whose values came from a later file than the reject that is corrected.
  ///
  /// - Parameter rejects: the reject of each record, by the line on which it starts.
  fileprivate func findOlderCorrections(_ rejects: [Int: Int64]) -> String {
    let lines = rejects.keys.sorted()
    let numbers = lines.map { String(rejects[$0] ?? 0) }.joined(separator: ",")
    return """
      create temporary table daybook_older on commit drop as
      select p.staged, f.name as file
      from daybook_present p
      join \(staging) s on s.\(place) = p.staged
      join \(base) b on b.ctid = p.present
      join unnest('{\(lines.map(String.init).joined(separator: ","))}'::bigint[], '{\(numbers)}'::bigint[])
        as c (line, reject_id) on c.line = s._daybook_line
      join daybook.reject r on r.reject_id = c.reject_id
      join daybook.file f on f.file_id = b.\(quoteIdentifier(Provenance.file))
      where p.is_changed and f.file_id > r.file_id and not exists (
        select from daybook.reject e join daybook.file o on o.file_id = e.file_id
        where e.resolved_by = f.file_id and o.status <> 'refused' and o.file_id <= r.file_id)
      """
  }

  /// Where they stand, and their keys with the file whose values they would replace.
  fileprivate var olderCorrections: String {
    """
    select \(places("s")), '' as column_name, left(\(keyText), 80) || ' has got other values since, from ' || o.file as value
    from daybook_older o join \(staging) s on s.\(place) = o.staged order by 2
    """
  }

  fileprivate var deleteOlderCorrections: [String] {
    [
      "delete from daybook_present p using daybook_older o where p.staged = o.staged",
      "delete from \(staging) s using daybook_older o where s.\(place) = o.staged",
    ]
  }
}
