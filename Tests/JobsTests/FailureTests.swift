// What stops a run has one exit code, and at most fifteen lines that say what to do.

import Definitions
import Finding
import Ledger
import Money
import Postgres
import Reports
import SampleData
import TestSupport
import Testing
import Views

@testable import Ingest
@testable import Jobs

@Suite struct FailureTests {
  static let table: [(any Error & Sendable, Jobs.ExitStatus)] = [
    (DiagnosticsError([Diagnostic(.error, code: "x", "x")]), .badDefinition),
    (PostgresError(.unreachable, "x"), .databaseUnreachable),
    (PostgresError(.authentication, "x"), .databaseUnreachable),
    (PostgresError(.connectionLost, "x"), .databaseUnreachable),
    (PostgresError(.poolTimeout, "x"), .databaseUnreachable),
    (PostgresError(.misuse, "x"), .bug), (PostgresError(.decoding, "x"), .bug),
    (PostgresError(.cancelled, "x"), .interrupted),
    (PostgresError(.server, "x", sqlState: "42P01"), .badDefinition),
    (PostgresError(.server, "x", sqlState: "42501"), .stageFailed),
    (PostgresError(.server, "x", sqlState: "57P01"), .databaseUnreachable),
    (PostgresError(.server, "x", sqlState: "53100"), .stageFailed),
    (PostgresError(.server, "x", sqlState: "40P01"), .stageFailed),
    (LedgerError.newerSchema(found: 9, known: 1), .databaseUnreachable),
    (LedgerError.foreignOwner(project: "a", schema: "b", wanted: "c"), .badDefinition),
    (LedgerError.notOpen, .bug),
    (ViewError.unknown(name: "x", nearest: nil), .usage),
    (ViewError.missingInput(view: "v", input: "f", at: Fixture.position), .stageFailed),
    (
      ViewError.server(view: "v", at: Fixture.position, PostgresError(.server, "x", sqlState: "42703")),
      .badDefinition
    ),
    (ReportError.cannotWrite(path: "p", reason: "r", state: "s"), .cannotWriteOutput),
    (ReportError.database(PostgresError(.unreachable, "x")), .databaseUnreachable),
    (ReportError.cancelled, .interrupted),
    (SampleError(kind: .setting(name: "--rows"), message: "x"), .usage),
    (SampleError(kind: .file(path: "/x"), message: "x"), .cannotWriteOutput),
    (TimeLimitExceeded(what: "job x", limit: .seconds(1)), .timeout), (CancellationError(), .interrupted),
    (Unforeseen(), .bug),
  ]

  struct Unforeseen: Error {}

  @Test func everyErrorHasItsExitCode() {
    for (error, code) in Self.table {
      #expect(StageFailure(error).exitCode == code, "\(error)")
    }
  }

  /// Refused, starting up and not answering in time are one trouble with the server; what else befalls a run is said too.
  @Test func aServerThatIsDownIsSaidOnceAndAnotherTroubleBesides() {
    func errors(behind second: any Error, first: any Error) -> [String] {
      var progress = RunProgress(
        report: RunReport(runID: nil, job: "nightly", asOf: Fixture.asOf, status: .running, exitCode: .ok))
      progress.fail(StageFailure(first, stage: "ingest orders"))
      progress.fail(StageFailure(second))
      #expect(progress.report.exitCode == StageFailure(first).exitCode)
      return (progress.report.failure?.diagnostics ?? []).map(\.message) + progress.report.findings.map(\.message)
    }
    let (lost, startingUp) = (
      PostgresError(.connectionLost, "lost"), PostgresError(.server, "starting up", sqlState: "57P03")
    )
    #expect(errors(behind: startingUp, first: lost) == ["lost"])
    #expect(errors(behind: PostgresError(.poolTimeout, "no answer"), first: startingUp) == ["starting up"])
    #expect(errors(behind: LedgerError.notOpen, first: lost).count == 2)
    #expect(errors(behind: lost, first: PostgresError(.server, "disk", sqlState: "53100")) == ["disk", "lost"])
  }

  /// A set of a day that has not come keeps readers from every new one until then.
  @Test func aLinkThatStaysAtALaterDateIsToldAndOneAheadOfTodayIsWarnedOf() throws {
    let day = try #require(CivilDate("2026-11-20"))
    let later = Publication.staying("2026-11-21", in: "/o", behind: day, today: CivilDate("2026-11-22"))
    #expect(later.severity == .note && later.fix == nil)
    #expect(later.message == "Output/latest leads to 2026-11-21, which is later than this set of 2026-11-20")
    let ahead = Publication.staying("2027-05-01", in: "/o", behind: day, today: CivilDate("2026-11-22"))
    #expect(ahead.severity == .warning && ahead.message.hasSuffix("and has not come yet"))
    #expect(ahead.fix?.contains("rm -r '/o/2027-05-01', then: daybook report --as-of 2026-11-20") == true)
  }

  @Test func aSetThatSomebodyChangedIsMarkedAndWhatWasChangedIsNamed() async throws {
    let day = try #require(CivilDate("2026-11-20"))
    try await TemporaryDirectory.with { directory in
      let names = ["daybook.xlsx", "index.html", "run.html"]
      let files = names.map { "{\"path\": \"\($0)\", \"bytes\": 9, \"sha256\": \"-\"}" }.joined(separator: ", ")
      try directory.write(
        """
        {"schema_version": 1, "project": "p", "as_of": "2026-11-20", "state": "COMPLETE", "run_id": "r",
         "generated_at": "g", "reports": [], "files": [\(files)]}
        """, to: "2026-11-20/manifest.json")
      try directory.write("<main></main>", to: "2026-11-20/index.html")
      try directory.write("x", to: "2026-11-20/run.html")
      let failure = StageFailure(PostgresError(.unreachable, "no answer"), stage: "ingest orders")
      func mark() async -> (date: String?, finding: Diagnostic?) {
        await Publication.markStale(
          output: directory.path, asOf: day.adding(days: 1), failure: failure, run: nil, next: "daybook doctor",
          at: .now())
      }
      let (date, finding) = await mark()
      #expect(date == "2026-11-20")
      #expect(
        finding?.message
          == "Output/2026-11-20 says that it is out of date, but it is not as it was published; changed or removed: "
          + "daybook.xlsx, index.html, run.html; without the word: run.html")
      #expect(finding?.fix == "put it right: daybook report --as-of 2026-11-20 --force")
      #expect(try directory.read("latest/index.html").contains("<strong>STALE</strong>"))
      // Nobody can tell what such a set consisted of.
      try directory.write("{}", to: "2026-11-20/manifest.json")
      let (none, unread) = await mark()
      #expect(none == nil && unread?.message.contains("has no manifest that can be read") == true)
    }
  }

  @Test func theNumbersOfTheExitCodesAreTheContract() {
    #expect(Jobs.ExitStatus.allCases.map(\.rawValue) == [0, 1, 64, 65, 66, 69, 70, 73, 75, 78, 124, 130, 143])
    #expect(Jobs.ExitStatus(signal: 2) == .interrupted)
    #expect(Jobs.ExitStatus(signal: 15) == .terminated)
  }

  static func stage(_ stage: String, _ name: String, _ status: RunStatus, _ reason: String? = nil) -> StageReport {
    StageReport(
      stage: stage, name: name,
      result: StageResult(
        status: status, skipReason: reason, finishedAt: Moment(microsecondsSince1970: 0), cost: .zero))
  }

  static func report(_ failure: StageFailure, published: PublishedState = .unchanged("2026-11-19")) throws -> RunReport
  {
    RunReport(
      runID: RunID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), job: "nightly", asOf: Fixture.asOf, status: .failed,
      exitCode: failure.exitCode,
      stages: [
        stage("ingest", "customers", .success), stage("ingest", "products", .skipped, "nothing new"),
        stage("ingest", "orders", .failed), stage("refresh", "daily", .skipped, "not run: ingest orders failed"),
        stage("report", "all", .skipped, "not run: ingest orders failed"),
      ], failure: failure, published: published)
  }

  @Test func aRefusedFeedSaysWhatIsCommittedAndWhatToTypeNext() throws {
    let failure = StageFailure(
      stage: "ingest orders", exitCode: .dataRefused, errorClass: "reject_limit",
      diagnostics: [
        Diagnostic(
          .error, code: "reject_limit", at: SourcePosition(file: "Jobs/feeds/orders.yaml", line: 30),
          "orders_2026-11-20.csv: 120 of 1000 records were refused, the limit is 1%",
          notes: ["nothing of this file is committed"], fix: "correct the file, or raise rejects.limit")
      ])
    #expect(
      FailureText(try Self.report(failure), options: " --project /srv/acme").lines.joined(separator: "\n") == """
        error: Jobs/feeds/orders.yaml:30: orders_2026-11-20.csv: 120 of 1000 records were refused, the limit is 1%
          nothing of this file is committed
          fix: correct the file, or raise rejects.limit
          stage: ingest orders
          committed: ingest customers; nothing of orders
          not run: refresh daily; report all
          reports: Output/latest is unchanged, as of 2026-11-19
          run: 017f22e2-79b0-7cc3-98c4-dc0c0c07398f
          next: daybook rejects list --feed orders --project /srv/acme
        """)
  }

  @Test func aFailureWithManyFindingsStaysWithinFifteenLinesAndCountsTheRest() throws {
    let failure = StageFailure(
      stage: "ingest orders", exitCode: .badDefinition, errorClass: "definition",
      diagnostics: (1...40).map {
        Diagnostic(.error, code: "x", "number \($0)", notes: ["note"], fix: "fix")
      }, sqlState: "42P01")
    let lines = FailureText(try Self.report(failure)).lines
    #expect(lines.count <= FailureText.maximumLines)
    #expect(lines.contains { $0.contains("and 38 more") })
    #expect(lines.contains("  stage: ingest orders, SQLSTATE 42P01"))
    #expect(lines.last == "  next: daybook check")
  }

  /// What only the server finds wrong in a definition is not seen without it.
  @Test func afterSQLThatTheServerRefusesTheRunIsTriedAgain() throws {
    let refused = StageFailure(
      ReportError.statement(Diagnostic(.error, code: "report_statement", "no such column")), stage: "report all")
    #expect(refused.exitCode == .badDefinition)
    for errorClass in [refused.errorClass, StageFailure.classify(sqlState: "42703").1] {
      let failure = StageFailure(
        stage: "report all", exitCode: .badDefinition, errorClass: errorClass,
        diagnostics: [Diagnostic(.error, code: "x", "no such column")])
      #expect(
        FailureText(try Self.report(failure)).lines.last == "  next: daybook retry 017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
      )
    }
  }

  @Test func oneVeryLongFindingIsCutToo() throws {
    let failure = StageFailure(
      stage: "ingest orders", .bug, "bug", "m", notes: (1...60).map { "note \($0)" })
    #expect(FailureText(try Self.report(failure)).lines.count == FailureText.maximumLines)
  }

  @Test(
    arguments: [
      (Jobs.ExitStatus.databaseUnreachable, "daybook doctor"), (.locked, "daybook status"),
      (.missingFeed, "daybook retry 017f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
      (.timeout, "daybook retry 017f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
      (.bug, "daybook runs show 017f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
    ])
  func theNextCommandFitsTheFailure(code: Jobs.ExitStatus, command: String) throws {
    let lines = FailureText(try Self.report(StageFailure(code, "x", "x"))).lines
    #expect(lines.last == "  next: \(command)")
  }

  @Test func aFeedWhoseCommitWasNotAnsweredIsPerhapsCommitted() throws {
    var report = try Self.report(StageFailure(.databaseUnreachable, "database_unreachable", "no answer"))
    report.stages[2].result.failure = RunFailure(
      stage: "ingest orders", errorClass: "commit_unknown", message: "lost", sqlState: nil)
    #expect(FailureText(report).lines.contains("  committed: ingest customers; perhaps orders"))
    report.stages.removeFirst(2)
    #expect(FailureText(report).lines.contains("  committed: perhaps orders"))
  }

  /// A second attempt looks into the ledger: what it finds is no longer unknown.
  @Test func aLaterAttemptThatEndedWellDecidesWhatTheUnansweredCommitDid() throws {
    let lost = RunFailure(stage: "ingest orders", errorClass: "commit_unknown", message: "lost", sqlState: nil)
    func committed(_ second: StageReport) throws -> String? {
      var report = try Self.report(StageFailure(stage: "refresh daily", .stageFailed, "x", "no room"))
      report.stages[2].result.failure = lost
      report.stages.insert(second, at: 3)
      return FailureText(report).lines.first { $0.hasPrefix("  committed: ") }
    }
    #expect(try committed(Self.stage("ingest", "orders", .success)) == "  committed: ingest customers, orders")
    // Nothing new: the commit that nobody heard of had brought the files in.
    #expect(
      try committed(Self.stage("ingest", "orders", .skipped, "nothing new")) == "  committed: ingest customers, orders")
    var failed = Self.stage("ingest", "orders", .failed)
    failed.result.failure = RunFailure(
      stage: "ingest orders", errorClass: "database_unreachable", message: "gone", sqlState: nil)
    #expect(try committed(failed) == "  committed: ingest customers; perhaps orders")
  }

  @Test func ofAFeedThatFailedAmidItsChunksSomeAreCommitted() throws {
    var failure = StageFailure(stage: "ingest orders", .databaseUnreachable, "database", "gone")
    failure.isByChunks = true
    #expect(
      FailureText(try Self.report(failure)).lines.contains(
        "  committed: ingest customers; of orders the chunks listed by: daybook status"))
    var report = try Self.report(StageFailure(stage: "ingest orders", .dataRefused, "reject_limit", "too many"))
    report.stages[2].result.failure = RunFailure(
      stage: "ingest orders", errorClass: "reject_limit", message: "too many", sqlState: nil)
    report.stages[2].result.rows = RowCounts(read: 10, inserted: 8, rejected: 2)
    #expect(
      FailureText(report).lines.contains(
        "  committed: ingest customers; of orders the chunks listed by: daybook status"))
  }

  @Test func aFullDiskIsNotTriedAgainAtOnce() {
    #expect(!StageFailure(PostgresError(.server, "x", sqlState: "53100")).isTransient)
    #expect(StageFailure(PostgresError(.server, "x", sqlState: "55P03")).isTransient)
  }

  @Test func aRunAsJSONHasTheContractsShape() throws {
    var report = try Self.report(StageFailure(.missingFeed, "missing_feed", "no file of \"orders\" ever came"))
    report.stages.removeLast(4)
    #expect(
      report.json.text
        == #"{"run_id": "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "job": "nightly", "as_of": "2026-11-20", "#
        + #""status": "failed", "exit_code": 66, "wall_ms": 0, "stages": [{"stage": "ingest", "name": "customers", "#
        + #""status": "success", "wall_ms": 0, "cpu_ms": 0, "bytes_in": 0, "rows": {"read": 0, "inserted": 0, "#
        + #""updated": 0, "unchanged": 0, "deleted": 0, "duplicate": 0, "rejected": 0}, "reason": null}], "#
        + #""reports": [], "findings": [{"severity": "error", "file": null, "line": null, "#
        + #""message": "no file of \"orders\" ever came", "code": "missing_feed", "fix": null}]}"#)
  }
}

@Suite struct RetryPolicyTests {
  @Test func setsThatStandAreKnownWithoutTheirLink() throws {
    try TemporaryDirectory.with { directory in
      #expect(Publication.state(of: directory.path) == .none)
      for day in ["2026-11-20", "2026-11-19"] { try directory.write("{}", to: "\(day)/manifest.json") }
      try directory.write("mine", to: "latest")
      #expect(Publication.state(of: directory.path) == .unchanged("2026-11-20"))
    }
  }

  @Test func oneRowIsOne() {
    #expect(RowCounts(read: 1, inserted: 1).sentence == "1 row read: 1 inserted")
    #expect(
      RowCounts(read: 2, rejected: 2).sentence == "2 rows read: 2 rejected" && RowCounts().sentence == "0 rows read")
  }

  @Test func pausesGrowAreBoundedAndEnd() {
    let policy = RetryPolicy(attempts: 5, firstPause: .seconds(1), longestPause: .seconds(3))
    #expect(policy.pause(after: 1, jitter: 1) == .seconds(1))
    #expect(policy.pause(after: 1, jitter: 0) == .milliseconds(500))
    #expect(policy.pause(after: 2, jitter: 1) == .seconds(2))
    #expect(policy.pause(after: 4, jitter: 1) == .seconds(3))
    #expect(policy.pause(after: 5, jitter: 1) == nil)
    #expect(RetryPolicy.never.pause(after: 1, jitter: 1) == nil)
  }

  @Test(
    arguments: [
      (0, "0ms"), (999, "999ms"), (1000, "1s"), (4250, "4.2s"), (60_000, "1m"), (63_000, "1m 3s"),
      (7_200_000, "2h"), (7_500_000, "2h 5m"),
    ])
  func durationsAreShortForPeople(milliseconds: Int, text: String) {
    #expect(shortText(milliseconds: milliseconds) == text)
    #expect(shortText(.milliseconds(milliseconds)) == text)
  }
}

@Suite struct RefusedFileTests {
  @Test(arguments: [
    ("file_changed", "daybook retry 017f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
    ("column_missing", "daybook retry 017f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
    ("reject_limit", "daybook rejects list --feed orders"),
  ])
  func onlyRecordsOverTheLimitSendOneToTheListOfRejects(code: String, command: String) throws {
    let outcome = IngestOutcome(
      status: .refused, files: [], rows: RowCounts(), bytesIn: 0, findings: [Diagnostic(.error, code: code, "x")],
      rejectsFile: nil)
    let failure = try #require(UnitOutcome(ingest: outcome, feed: "orders").failure)
    #expect(failure.errorClass == code)
    #expect(FailureText(try FailureTests.report(failure)).lines.last == "  next: \(command)")
  }

  @Test func aFeedThatFailedBehindItsCommitIsCommitted() throws {
    let outcome = IngestOutcome(
      status: .loaded, files: [], rows: RowCounts(read: 2, inserted: 1, rejected: 1), bytesIn: 0, findings: [],
      rejectsFile: nil, outputProblem: [Diagnostic(.error, code: "rejects_file", "no room")])
    let unit = UnitOutcome(ingest: outcome, feed: "orders")
    let failure = try #require(unit.failure)
    #expect(failure.exitCode == .cannotWriteOutput)
    var report = try FailureTests.report(failure)
    report.stages[2].result.rows = unit.rows
    #expect(FailureText(report).lines.contains("  committed: ingest customers, orders"))
  }

  @Test func aTableThatDoesNotFitIsTriedAgainAndNotChecked() throws {
    let failure = StageFailure(.badDefinition, "table_drift", "table finance.orders: it has no column \"a\"")
    #expect(
      FailureText(try FailureTests.report(failure)).lines.last
        == "  next: daybook retry 017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
  }

  /// A check of the definitions would find nothing: only the server knows.
  @Test(arguments: [
    StageFailure(
      ViewError.server(view: "v", at: Fixture.position, PostgresError(.server, "x", sqlState: "42601")),
      stage: "refresh v"),
    StageFailure(ReportError.statement(Diagnostic(.error, code: "x", "x")), stage: "report all"),
  ])
  func sqlThatTheServerRefusesIsTriedAgainAndNotChecked(_ failure: StageFailure) throws {
    #expect(failure.exitCode == .badDefinition)
    #expect(
      FailureText(try FailureTests.report(failure)).lines.last
        == "  next: daybook retry 017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
  }

  @Test func aDatabaseURLThatCannotBeReadIsADefinitionAndNoBug() throws {
    for url in ["postgresql://bob:S3cr%zzet@h/x", "host=h passwrd=S3cret"] {
      let failure = #expect(throws: StageFailure.self) {
        try Session.sessionConfiguration(url, project: Fixture.project())
      }
      #expect(failure?.exitCode == .badDefinition)
      #expect(String(reflecting: failure).contains("S3cr") == false)
    }
  }
}
