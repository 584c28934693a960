// Asks for the rows of reports ahead of the night that shows them, so that they are kept when it comes. Only what a set
// would ask for is asked, in the same snapshot and under the same keys; no file is written.

public import Cache
public import Definitions
internal import Finding
internal import Ledger
public import Money
public import Postgres

/// Fills the cache with what the reports of a project will ask for.
public struct ReportWarmer: Sendable {
  private let project: Project
  private let pool: PostgresPool
  private let cache: TieredCache
  private let asOf: CivilDate

  /// Creates a warmer.
  ///
  /// - Parameters:
  ///   - project: whose reports.
  ///   - pool: one connection is borrowed, for one read-only transaction.
  ///   - cache: what is filled.
  ///   - asOf: the business date that queries may speak of.
  public init(project: Project, pool: PostgresPool, cache: TieredCache, asOf: CivilDate) {
    self.project = project
    self.pool = pool
    self.cache = cache
    self.asOf = asOf
  }

  /// What a set asks for.
  private enum Item {
    case section(ReportDefinition, ReportSection)
    case pass(TableTotals.Pass)
  }

  /// Asks for what is not kept yet, within limits.
  ///
  /// - Throws: `ReportError` when a statement is refused; what was kept before it stays.
  public func warm(within limits: WarmLimits = WarmLimits()) async throws(ReportError) -> WarmOutcome {
    do {
      return try await pool.withConnection(label: "warming") { connection in
        let before = try await BeforeSnapshot.read(project, on: connection)
        return try await connection.withTransaction(
          TransactionOptions(isolation: .repeatableRead, isReadOnly: true)
        ) { connection in
          let state = try await LedgerState.read(asOf: asOf, on: connection)
          var queries = ReportQueries(project: project, asOf: asOf, connection: connection)
          _ = try await queries.begin(at: .now())
          queries.cache = try await .begin(cache, queries: queries, state: state, before: before)
          let sections = project.reports.flatMap { report in
            report.sections.filter { $0.source != .none && $0.isSteady }.map { Item.section(report, $0) }
          }
          let passes = try await TableTotals.plan(queries).passes.map(Item.pass)
          return try await WarmOutcome.of(sections + passes, within: limits) { item in
            switch item {
            case .section(let report, let section):
              try await queries.rows(section, of: report)?.source ?? .past(reason: "it has no rows")
            case .pass(let pass):
              try await queries.cache?.proof(pass.sql, inputs: [pass.feed], on: connection).source
                ?? .past(reason: "nothing is kept")
            }
          }
        }
      }
    } catch {
      throw ReportError(error)
    }
  }
}
