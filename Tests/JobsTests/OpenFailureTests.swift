// A failed night stays the first thing to see until it was made good.

import Ledger
import Money
import Testing

@testable import Jobs
@testable import Ledger

@Suite struct OpenFailureTests {
  static func run(_ number: Int, _ status: RunStatus, _ words: String, failure: RunFailure? = nil, code: Int? = nil)
    throws -> RunSummary
  {
    let arguments = words.split(separator: " ").map(String.init)
    let record = RunRecord(
      runID: try #require(RunID("017f22e2-79b0-7cc3-98c4-dc0c0c0739\(number + 10)")),
      job: arguments[0] == "run" ? "nightly" : arguments[0], asOf: Fixture.asOf, trigger: .unattended,
      startedAt: Moment(microsecondsSince1970: Int64(number)), host: "h", processID: 1, arguments: arguments,
      version: "0", configurationHash: "c")
    return RunSummary(
      record: record, serverVersion: 150_014, status: status, heartbeatAt: record.startedAt, exitCode: code,
      failure: failure)
  }

  /// Runs in the order in which they happened; the failure that is left is named by its place.
  static let table: [([(RunStatus, String)], Int?)] = [
    ([], nil),
    ([(.success, "run")], nil),
    ([(.failed, "run")], 0),
    ([(.failed, "run"), (.success, "report --force"), (.warning, "ingest orders")], 0),
    ([(.failed, "run"), (.success, "run --from-stage report")], 0),
    ([(.failed, "run"), (.warning, "run nightly --as-of 2026-11-20"), (.success, "report")], nil),
    ([(.failed, "ingest orders"), (.failed, "ingest customers"), (.success, "ingest customers")], 0),
    ([(.failed, "ingest orders"), (.success, "ingest orders")], nil),
    ([(.lost, "run"), (.skipped, "run")], 0),
    ([(.success, "run"), (.timeout, "run"), (.cancelled, "refresh")], 2),
  ]

  @Test(arguments: table.indices)
  func aFailureIsOpenUntilItIsMadeGood(index: Int) throws {
    let (happened, place) = Self.table[index]
    let runs = try happened.enumerated().map { try Self.run($0.offset, $0.element.0, $0.element.1) }
    let open = RunSummary.openFailure(among: runs.reversed(), jobs: ["nightly"])
    #expect(open?.record.runID == place.map { runs[$0].record.runID })
  }

  @Test func theNextCommandIsTheOneThatTheRunItselfTold() throws {
    let refused = RunFailure(stage: "ingest orders", errorClass: "reject_limit", message: "m")
    let run = try Self.run(0, .failed, "run", failure: refused, code: 65)
    #expect(run.nextCommand(options: " --project x") == "daybook rejects list --feed orders --project x")
    let header = RunFailure(stage: "ingest orders", errorClass: "missing_column", message: "m")
    for run in [try Self.run(0, .failed, "run", failure: header, code: 65), try Self.run(0, .lost, "run")] {
      #expect(run.nextCommand().hasPrefix("daybook retry 017f22e2"))
    }
  }
}
