// The way in: finds what has changed, renders that in one snapshot, and publishes a complete set.
// Invariant: `Output/<as-of>` and `Output/latest` always name a complete set; whatever fails, readers keep what
// they had. Nothing is written outside Output. When nothing that feeds a page has changed nothing is written at all.
// Running a night, and what to do after a failure, are elsewhere: the room Jobs.

public import Cache
public import Definitions
internal import Finding
public import Ledger
internal import Money
public import Postgres

/// Publishes the reports of a project for one as-of date.
public struct ReportPublisher: Sendable {
  private let project: Project
  private let pool: PostgresPool
  private let run: RunSnapshot
  private let cache: TieredCache?
  private let clock: @Sendable () -> Moment

  /// Creates a publisher.
  ///
  /// - Parameters:
  ///   - project: whose reports.
  ///   - pool: one connection is borrowed, for one read-only transaction.
  ///   - run: the run that the pages name.
  ///   - cache: where the rows of sections are kept from one set to the next; nil keeps none.
  ///   - clock: what "generated at" reads.
  public init(
    project: Project, pool: PostgresPool, run: RunSnapshot, cache: TieredCache? = nil,
    clock: @escaping @Sendable () -> Moment = { Moment.now() }
  ) {
    self.project = project
    self.pool = pool
    self.run = run
    self.cache = cache
    self.clock = clock
  }

  /// Publishes the set, or finds that nothing has changed.
  ///
  /// - Parameters:
  ///   - names: which pages the outcome lists; with `force`, also which are rendered anew.
  ///   - force: render anew even where nothing has changed, from rows that are asked for anew.
  /// - Throws: `ReportError`; the set before is then unchanged.
  public func publish(_ names: ReportSelection = .all, force: Bool = false) async throws(ReportError)
    -> PublishOutcome
  {
    try check(names)
    let folder = OutputFolder(path: project.output)
    folder.recover()
    let standing = folder.standing(for: run.asOf)
    let previous = standing?.manifest
    let plan: SetPlan?
    do {
      plan = try await pool.withConnection(label: "reports") { connection in
        if force, cache != nil { try await forget(names, on: connection) }
        let before = cache == nil ? nil : try await BeforeSnapshot.read(project, on: connection)
        return try await connection.withTransaction(TransactionOptions(isolation: .repeatableRead, isReadOnly: true)) {
          try await SetRenderer(
            project: project, run: run, moment: clock(), folder: folder, previous: previous,
            isMended: standing?.mark?.isMended(by: run.asOf) ?? false, connection: $0, cache: cache, before: before
          ).render(names, force: force)
        }
      }
    } catch {
      throw ReportError(error)
    }
    if Task.isCancelled { throw .cancelled }
    let asOf = run.asOf
    let published = try await WaitingThread.run {
      () -> Result<(written: Int, hasMoved: Bool, staleness: String?), ReportError> in
      Result { () throws(ReportError) in
        try folder.publishNewest(plan?.files, asOf: asOf, replacing: previous)
      }
    }.get()
    var outcome = outcome(
      names, plan: plan, folder: folder, written: published.written, isChanged: plan != nil || published.hasMoved)
    outcome.staleness = published.staleness
    outcome.latest = folder.latestTarget
    return outcome
  }

  /// Counts that what was kept for these pages is not to be given any more, before it is asked for anew.
  private nonisolated(nonsending) func forget(
    _ names: ReportSelection, on connection: PostgresConnection
  ) async throws(PostgresError) {
    var relations: Set<String?> = []
    for report in project.reports where names.includes(report.name) {
      // A statement that reads nothing is forgotten with all others.
      for section in report.sections where section.source != .none {
        if section.inputs.isEmpty { relations.insert(nil) } else { relations.formUnion(section.inputs) }
      }
    }
    if names.includes(ReconciliationPage.name) { relations.formUnion(project.feeds.map(\.name)) }
    let counts = relations.contains(nil) ? [CacheInput.forgetting(nil)] : relations.map(CacheInput.forgetting).sorted()
    for count in counts { _ = try await DataVersions.bump(count, on: connection) }
  }

  private func check(_ names: ReportSelection) throws(ReportError) {
    guard case .named(let list) = names else { return }
    let known = SetRenderer.pages(of: project).map(\.name)
    for name in list where !known.contains(name) {
      throw .unknownReport(
        Diagnostic(
          .error, code: "unknown_report", "there is no report \"\(name)\"",
          notes: ["the reports are \(known.joined(separator: ", "))"],
          fix: nearestWord(to: name, in: known).map { "did you mean \"\($0)\"?" }))
    }
  }

  private func outcome(
    _ names: ReportSelection, plan: SetPlan?, folder: OutputFolder, written: Int, isChanged: Bool
  ) -> PublishOutcome {
    let directory = folder.directory(for: run.asOf)
    let reports = SetRenderer.pages(of: project).filter { names.includes($0.name) }.map { page in
      PublishedReport(
        name: page.name, path: "\(directory)/\(project.report(named: page.name)?.mainFile ?? "\(page.name).html")",
        cached: plan.map { !$0.rendered.contains(page.name) } ?? true)
    }
    return PublishOutcome(
      reports: reports, directory: directory, indexPath: "\(directory)/index.html", isChanged: isChanged,
      bytesWritten: written, staleSections: plan?.stale ?? [])
  }
}
