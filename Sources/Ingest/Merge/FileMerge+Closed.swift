// Rows of a file that would change a closed month, and that no change may get into: they leave as rejects that wait.
// Invariant: a row whose values are in the table already stays unchanged, whatever month it falls into; a held row is
// neither written nor, in a snapshot, taken for absent. What is let in, and posted elsewhere, is in `ClosedMonths`.

internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

extension FileMerge {
  /// More held rows than this in one file are no exceptions: the feed is refused, with what to do.
  private static let maximumHeld = 100_000

  /// Takes rows out of staging that would change a month which lets no change in.
  ///
  /// - Parameter hasPresent: whether `daybook_present` tells which rows the table has.
  nonisolated(nonsending) mutating func holdBackClosed(
    hasPresent: Bool, on connection: PostgresConnection
  ) async throws {
    guard let closed = publication.closed, !closed.held.isEmpty else { return }
    // A change that the table does not take anyway is judged by `on_conflict`.
    let judgesChanges = hasPresent && feed.onConflict == .update
    let count = try await connection.execute(
      sql.findHeld(closed, hasPresent: hasPresent, judgesChanges: judgesChanges))
    merged.hasHeldTable = true
    guard count > 0 else { return }
    let months = try await heldMonths(on: connection)
    guard count <= Self.maximumHeld else { throw tooManyHeld(count, months, closed) }
    let source = "daybook_held h join \(sql.staging) s on s.\(sql.place) = h._daybook_staged"
    try await addSums(sql.sums(over: source), .rejected, on: connection)
    try await refuse(sql.heldRows(closed.column), .closedPeriod, count, on: connection) { _, month in
      closed.reason(month)
    }
    merged.held += count
    merged.findings.append(closed.heldFinding(count, months, file: file.displayPath))
    if hasPresent {
      try await connection.execute(
        "delete from daybook_present p using daybook_held h where p.staged = h._daybook_staged")
    }
    try await connection.execute(
      "delete from \(sql.staging) s using daybook_held h where s.\(sql.place) = h._daybook_staged")
    guard sql.references.contains(where: { $0.target == publication.design.table }) else { return }
    // Rows of the file may have referred to rows that are not coming now.
    try await refuseOrphans(on: connection)
    if hasPresent {
      try await connection.execute(
        "delete from daybook_present p where not exists (select from \(sql.staging) s where s.\(sql.place) = p.staged)")
    }
  }

  /// Forgets the held rows of this file.
  nonisolated(nonsending) mutating func dropHeld(on connection: PostgresConnection) async throws {
    guard merged.hasHeldTable else { return }
    try await connection.execute("drop table pg_temp.daybook_held")
    merged.hasHeldTable = false
  }

  /// Says how many rows of closed months a snapshot does not have, which stay.
  nonisolated(nonsending) mutating func tellStaying(on connection: PostgresConnection) async throws {
    guard let closed = publication.closed, let count = sql.countStaying else { return }
    let rows = try await connection.query(count)
    let staying = try rows.first?.decode(0, as: Int.self) ?? 0
    guard staying > 0 else { return }
    merged.findings.append(
      Diagnostic(
        .warning, code: "closed_period_kept", at: SourcePosition(file: file.displayPath),
        "\(staying) \(staying == 1 ? "row" : "rows") of closed months "
          + "\(staying == 1 ? "is" : "are") not in the file and \(staying == 1 ? "stays" : "stay") in the table",
        notes: ["nothing is deleted from a month that lets no change in"],
        fix: "to have them deleted, reopen their month: daybook close --list; then load the file again: "
          + "daybook ingest \(closed.feed) --reload"))
  }

  private nonisolated(nonsending) func heldMonths(on connection: PostgresConnection) async throws -> String {
    var parts: [String] = []
    for row in try await connection.query(
      "select _daybook_month, count(*) from daybook_held group by 1 order by 1")
    {
      parts.append("\(try row.decode(1, as: Int.self)) of \(try row.decode(0, as: String.self))")
    }
    return parts.joined(separator: ", ")
  }

  private func tooManyHeld(_ count: Int, _ months: String, _ closed: ClosedMonths) -> FeedRefusal {
    FeedRefusal(
      findings: [
        Diagnostic(
          .error, code: RejectCode.closedPeriod.rawValue, at: SourcePosition(file: file.displayPath),
          "feed \(feed.name): \(count) records fall into closed months (\(months)), more than can be held back one by one",
          notes: ["state: nothing of this feed is committed"],
          fix: "correct the file; or reopen the months that it is about: daybook close --list")
      ],
      files: [
        RefusedFile(
          name: file.name, sha256: file.sha256, bytes: file.file.identity.bytes, rowsRead: file.summary.recordsRead,
          rejects: merged.rejects, controls: file.summary.controls, header: file.header)
      ])
  }
}

extension MergeStatements {
  /// The staged rows that would change a month which lets no change in, with their keys.
  fileprivate func findHeld(_ closed: ClosedMonths, hasPresent: Bool, judgesChanges: Bool) -> String {
    let keys = key.map { ", s.\(quoteIdentifier($0))" }.joined()
    func name(_ month: String) -> String { "to_char(\(month), 'YYYY-MM') as _daybook_month" }
    var parts = [
      """
      select s.\(place) as _daybook_staged, \(name(closed.month("s")))\(keys)
      from \(staging) s where \(closed.isHeld("s"))\
      \(hasPresent ? " and not exists (select from daybook_present p where p.staged = s.\(place))" : "")
      """
    ]
    if judgesChanges {
      let month = "case when \(closed.isHeld("s")) then \(closed.month("s")) else \(closed.month("b")) end"
      parts.append(
        """
        select s.\(place), \(name(month))\(keys)
        from daybook_present p join \(staging) s on s.\(place) = p.staged join \(base) b on b.ctid = p.present
        where p.is_changed and (\(closed.isHeld("s")) or \(closed.isHeld("b")))
        """)
    }
    return "create temporary table daybook_held on commit drop as\n\(parts.joined(separator: "\nunion all\n"))"
  }

  fileprivate func heldRows(_ column: String) -> String {
    """
    select \(places("s")), \(quoteLiteral(column)) as column_name, h._daybook_month as value
    from daybook_held h join \(staging) s on s.\(place) = h._daybook_staged order by 2
    """
  }
}
