// A night without a new file: the whole ingest stage as `daybook ingest` runs it, its record in the ledger included,
// from the open connections on; and the looks at the feeds alone.

internal import Definitions
internal import Glibc
internal import Ingest
internal import Ledger

struct NothingNewExperiment {
  let bench: Workbench

  func run() async throws -> ExperimentResult {
    let sample = try bench.makeSample(rows: min(bench.size.rows ?? 10_000, 10_000))
    // A file that has just been written could change unseen, and is read again until it has been at rest.
    try await Task.sleep(for: .milliseconds(2_500))
    return try await bench.withShop { shop in
      for feed in bench.feeds { try await shop.ingest(feed, .inbox) }
      let before = try await shop.state()
      guard before.rows == sample.rows, before.sums == sample.sums else {
        throw ScratchShop.unequal("the ingest left \(before) of \(sample.rows) rows")
      }
      let sides = [
        BenchSide("ingest_stage", work: { _ in try await stage(shop) }),
        BenchSide("feeds_alone", work: { _ in try await feeds(shop) }),
      ]
      try await bench.seconds(sides, rounds: 2, label: "warming up")
      let times = try await bench.seconds(sides, rounds: max(20, bench.size.rounds ?? 20))
      try AgreedState(before).check("a night without a file", try await shop.state())
      return ExperimentResult(
        .nothingNew, title: "the ingest of \(bench.feeds.count) feeds whose files are loaded already", rows: 0,
        bytes: 0,
        measurements: [
          Measurement("ingest_stage", unit: "ms", samples: times[0].map { $0 * 1000 }, target: .value(50)),
          Measurement("feeds_alone", unit: "ms", samples: times[1].map { $0 * 1000 }, against: "ingest_stage"),
        ], notes: ["ingest_stage holds the lock of the run and its record; connecting is in neither"])
    }
  }

  private func stage(_ shop: ScratchShop) async throws {
    let day = Moment.now().dayInUTC
    let plan = try Plan(
      PlanRequest(work: .ingest(bench.feeds.map(\.name), files: .inbox), asOf: day), project: shop.session.project)
    let record = RunRecord(
      runID: .make(), job: plan.job, asOf: day, trigger: .unattended, startedAt: .now(), host: "bench",
      processID: Int(getpid()), arguments: ["bench"], version: "bench",
      configurationHash: shop.session.project.configurationHash)
    let report = await JobRunner(
      session: shop.session, plan: plan, record: record, surroundings: RunSurroundings()
    ).run()
    if let failure = report.failure { throw failure }
    guard report.stages.count == bench.feeds.count, report.stages.allSatisfy({ $0.result.status == .skipped }) else {
      throw ScratchShop.unequal("a feed had something new")
    }
  }

  private func feeds(_ shop: ScratchShop) async throws {
    for feed in bench.feeds {
      let outcome = try await shop.look(feed)
      guard outcome.status == .nothingNew else { throw ScratchShop.unequal("feed \(feed.name) had something new") }
    }
  }
}
