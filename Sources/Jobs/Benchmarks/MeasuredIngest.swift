// All that the experiments know of how the ingest is called and set. What it offers is listed here, so that nothing is
// measured under the name of a setting that it does not take.

internal import Definitions
internal import Ingest
internal import Ledger
internal import Postgres

/// How the ingest is set for one side.
struct IngestSetting: Sendable, Hashable {
  /// How many connections load at the same time; nil is the ingest's own choice.
  var connections: Int?
  /// How rows reach the table.
  var load: LoadStrategy = .auto

  /// The numbers of connections that are compared.
  static let connectionCounts = [1, 2, 4]
}

extension ScratchShop {
  /// Loads a file of transactions, also when it was loaded before, and holds the ingest to having taken every row.
  @discardableResult
  func ingest(_ path: String, _ setting: IngestSetting = IngestSetting()) async throws -> IngestOutcome {
    var feed = transactions
    feed.load = setting.load
    return try await ingest(feed, .file(path, reload: true), connections: setting.connections)
  }

  @discardableResult
  func ingest(
    _ feed: FeedDefinition, _ files: FileSelection, connections: Int? = nil
  ) async throws -> IngestOutcome {
    let outcome = try await run(feed, files, connections: connections)
    guard outcome.status == .loaded, outcome.rows.rejected == 0 else {
      throw StageFailure(.dataRefused, "bench", "the sample's \(feed.name) did not load: \(outcome.rows.sentence)")
    }
    return outcome
  }

  /// Looks for new files of a feed, and expects none.
  func look(_ feed: FeedDefinition) async throws -> IngestOutcome {
    try await run(feed, .inbox, connections: nil)
  }

  /// The one place that calls the ingest.
  private func run(
    _ feed: FeedDefinition, _ files: FileSelection, connections: Int?
  ) async throws -> IngestOutcome {
    try await FeedIngestion(
      project: session.project, feed: feed, pool: session.pool, runID: .make(), asOf: Moment.now().dayInUTC,
      workers: connections
    ).run(files)
  }
}
