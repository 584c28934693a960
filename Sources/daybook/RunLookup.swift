// Finding a run by its name, by the beginning of its name, or by being the newest.

internal import Definitions
internal import Jobs
internal import Ledger

struct RunLookup: Sendable {
  let session: Session

  /// How many runs are looked through for a beginning of a name.
  static let depth = 1000

  /// The run of that name, or the newest.
  ///
  /// - Throws: `StageFailure` with exit code 64 when there is none, or more than one.
  func run(named name: String?) async throws -> RunSummary {
    guard let name else {
      guard let newest = try await session.ledger.runs(limit: 1).first else {
        throw StageFailure(.usage, "usage", "there are no runs yet", fix: "daybook run")
      }
      return newest
    }
    if let id = RunID(name), let run = try await session.ledger.run(id) { return run }
    let matching = try await session.ledger.runs(limit: Self.depth)
      .filter { $0.record.runID.description.hasPrefix(name.lowercased()) }
    guard let run = matching.first else {
      throw StageFailure(.usage, "usage", "no run is named \"\(name)\"", fix: "daybook runs list")
    }
    guard matching.count == 1 else {
      throw StageFailure(
        .usage, "usage", "\(matching.count) runs begin with \"\(name)\"",
        fix: "give more of the name: daybook runs list")
    }
    return run
  }

  /// The run of that name, or the newest whose failure no later run has made good; nil when there is none.
  func failedRun(named name: String?) async throws -> RunSummary? {
    if name != nil { return try await run(named: name) }
    return RunSummary.openFailure(
      among: try await session.ledger.runs(limit: Self.depth), jobs: Set(session.project.jobs.map(\.name)))
  }
}
