// The way in: renders what has changed and publishes a complete set.
// Invariant: `Output/<as-of>` and `Output/latest` always name a complete set; whatever fails, readers keep what
// they had. Nothing is written outside Output.

public import Definitions
public import Postgres

/// Publishes the reports of a project for one as-of date.
public struct ReportPublisher: Sendable {
  /// Creates a publisher.
  ///
  /// - Parameters:
  ///   - project: whose reports.
  ///   - pool: one connection is borrowed, for one read-only transaction.
  ///   - run: the run that the pages name.
  public init(project: Project, pool: PostgresPool, run: RunSnapshot) {
  }

  /// Publishes the set, or finds that nothing has changed.
  ///
  /// - Parameters:
  ///   - names: which reports are listed in the outcome.
  ///   - force: render anew even where nothing has changed.
  /// - Throws: `ReportError`; the set before is then unchanged.
  public func publish(_ names: ReportSelection = .all, force: Bool = false) async throws(ReportError)
    -> PublishOutcome
  {
    throw .cancelled
  }
}
