// What the ledger need not keep once the views have it, at the end of a refresh: images that every rollup has absorbed and
// that are older than `retention.journal`, but those that moved a closed month, and changes by hand that are not counted into
// the versions yet.
// Invariant: nobody who follows the journal misses what goes: he sees it as it was when he began, in one snapshot, or has
// locked the base table against writers, and then the horizon does not move. Images go behind that, in pieces that each
// commit. A kill leaves images that nobody reads any more, and the next refresh goes on with them.

internal import Definitions
internal import Ledger
internal import Postgres

/// Keeps the journals of a project's feeds short.
struct JournalUpkeep {
  let project: Project
  /// Fewer images than this are not worth the work.
  var imagesMinimum = 100_000
  /// About so many images go at once.
  var pieceImages = 100_000

  /// Cuts the journals of all feeds; one that somebody loads, follows or cuts already has another night.
  ///
  /// - Complexity: two or three small queries for each feed when nothing is to be done.
  func run(on connection: PostgresConnection) async throws {
    try await DataVersions.settle(on: connection)
    for feed in project.feeds { try await keepShort(feed, on: connection) }
  }

  private func keepShort(_ feed: FeedDefinition, on connection: PostgresConnection) async throws {
    do {
      if try await cut(feed.name, on: connection).images >= imagesMinimum {
        try await moveHorizon(of: feed.name, on: connection)
      }
      while try await sweepPiece(of: feed, on: connection) { try Task.checkCancellation() }
    } catch let error as PostgresError where error.sqlState == "55P03" {
      // Somebody is at it; there is another night.
    }
  }

  /// What may go now: a rollup that was never built, or was built beside the journal, needs nothing of it.
  private func cut(_ feed: String, on connection: PostgresConnection) async throws -> JournalCut {
    let rollups = project.views.filter { view in
      if case .rollup(let rollup) = view.kind { rollup.source == feed } else { false }
    }
    let states = rollups.isEmpty ? [:] : try await ViewStates.current(on: connection)
    let needed = rollups.compactMap { states[$0.name]?.absorbedBatch }.min()
    return try await JournalHorizons.cut(
      of: feed, olderThanDays: project.retention.journalDays, needed: needed, on: connection)
  }

  private func moveHorizon(of feed: String, on connection: PostgresConnection) async throws {
    let base = QualifiedName(schema: project.database.schema, name: feed)
    try await connection.withTransaction { transaction in
      try await transaction.execute("lock table \(base.quoted) in row exclusive mode nowait")
      try await JournalHorizons.claim(feed, on: transaction)
      guard let batch = try await cut(feed, on: transaction).batchID else { return }
      try await JournalHorizons.move(feed, to: batch, on: transaction)
    }
  }

  /// - Returns: whether there was a piece to take out.
  private func sweepPiece(of feed: FeedDefinition, on connection: PostgresConnection) async throws -> Bool {
    let name = feed.name
    // Most nights there is none, and then no transaction is begun.
    if try await JournalHorizons.nextSweep(of: name, images: pieceImages, on: connection) == nil { return false }
    return try await connection.withTransaction { transaction in
      // Units side by side all come here: two that deleted the same images would wait for each other, or deadlock.
      try await JournalHorizons.claim(name, on: transaction)
      guard let next = try await JournalHorizons.nextSweep(of: name, images: pieceImages, on: transaction) else {
        return false
      }
      let month = try await month(of: feed, on: transaction)
      try await JournalHorizons.sweep(
        name, after: next.after, through: next.through, month: month, on: transaction)
      return true
    }
  }

  /// The month of an image `j` as SQL; nil when rows of the feed belong to none, or no image tells yet to which one.
  private func month(of feed: FeedDefinition, on connection: PostgresConnection) async throws -> String? {
    guard let column = feed.periodColumn else { return nil }
    let found = try await connection.query(
      """
      select from pg_attribute where attrelid = to_regclass($1) and attname = $2 and attnum > 0 and not attisdropped
      """, [.text(JournalTable.name(of: feed.name).quoted), .text(column)])
    if found.isEmpty { return nil }
    return PeriodLedger.month(
      of: "j.\(quoteIdentifier(column))",
      in: feed.column(named: column)?.type == .timestamptz ? project.calendar.timeZone : nil)
  }
}
