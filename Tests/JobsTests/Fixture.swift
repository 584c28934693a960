// A small project in values: three feeds, of which orders references customers, two views, one report, one job.

import Definitions
import Finding
import Ledger
import Money
import Postgres
import Synchronization
import TestSupport

@testable import Jobs

enum Fixture {
  static let position = SourcePosition(file: "Jobs/x.yaml", line: 1)

  static func feed(_ name: String, references: String? = nil, isRequired: Bool = true) -> FeedDefinition {
    var columns = [ColumnDefinition(name: "\(name)_id", type: .bigint, position: position)]
    if let references {
      columns.append(
        ColumnDefinition(
          name: "\(references)_id", type: .bigint,
          reference: ColumnReference(feed: references, column: "\(references)_id"), position: position))
    }
    return FeedDefinition(
      name: name, filePattern: "\(name)_*.csv", key: ["\(name)_id"], columns: columns, isRequired: isRequired,
      position: position, definitionHash: name)
  }

  static func view(_ name: String, inputs: [String]) -> ViewDefinition {
    ViewDefinition(
      name: name, kind: .native(NativeViewDefinition(sql: "select 1")), inputs: inputs, definitionHash: "h-\(name)",
      position: position)
  }

  static func project(
    root: String = "/nowhere", timeout: Duration = .seconds(7200), stageTimeout: Duration? = nil
  ) -> Project {
    let job = JobDefinition(
      name: "nightly", timeout: timeout,
      stages: [
        StageDefinition(kind: .ingest, timeout: stageTimeout), StageDefinition(kind: .refresh),
        StageDefinition(kind: .check), StageDefinition(kind: .report),
      ], position: position, definitionHash: "j")
    let report = ReportDefinition(
      name: "revenue", title: "Revenue",
      sections: [
        ReportSection(title: "t", kind: .table, source: .view("trend"), inputs: ["trend"], position: position)
      ], position: position, definitionHash: "r")
    return Project(
      name: "acme", root: root, database: DatabaseSettings(schema: "finance"), inbox: "\(root)/inbox",
      output: "\(root)/Output", calendar: CalendarSettings(),
      feeds: [feed("customers"), feed("orders", references: "customers"), feed("products", isRequired: false)],
      views: [view("daily", inputs: ["orders"]), view("trend", inputs: ["daily"])], reports: [report], jobs: [job],
      configurationHash: "c")
  }

  static let asOf = CivilDate(daysSince1970: 20_777)

  static func plan(_ project: Project) throws -> Plan {
    try Plan(PlanRequest(work: .job("nightly"), asOf: asOf), project: project)
  }

  static func record(_ run: RunID = .make()) -> RunRecord {
    RunRecord(
      runID: run, job: "nightly", asOf: asOf, trigger: .unattended, startedAt: .now(), host: "h", processID: 1,
      arguments: ["run"], version: "0", configurationHash: "c")
  }

  /// Lends an open session on a fresh database.
  static func withSession(
    _ project: Project, on database: TestDatabase, _ body: @Sendable (Session) async throws -> Void
  ) async throws {
    let ledger = LedgerStore(configuration: database.configuration)
    try await ledger.open()
    try await database.withPool { pool in
      try await body(
        Session(project: project, pool: pool, ledger: ledger, configuration: database.configuration))
    }
    await ledger.close()
  }
}

/// Something that happened or did not.
final class Flag: Sendable {
  private let state = Mutex(false)

  var isSet: Bool { state.withLock { $0 } }

  func set() { state.withLock { $0 = true } }
}
