// Nights that are stopped in the middle: by kill -9, by a signal, by another run.
// Invariant: the middle is not guessed at. The test holds a lock on the table of the last feed, sees the run wait for
// it in the server's own list, and only then strikes.

import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

@Suite(.serialized) struct InterruptedNight {
  @Test func killedRunIsFinishedByTheNextOneAsIfNothingHadHappened() async throws {
    try await withStartedProject { project, database, expected, feeds in
      let killed = try await whileTransactionsAreLocked(in: database, project) { pid in kill(pid, SIGKILL) }
      #expect(killed.status == 128 + Int(SIGKILL))
      #expect(try await project.night(asOf: "2024-12-31").exitCode == 0)
      try await expected.expectTablesIn(database.url)

      try await TestDatabase.withDatabase { calm in
        try await TemporaryDirectory.with { directory in
          let other = try NightProject(copying: NightProject.repository, into: directory, database: calm)
          try other.deliver(from: feeds) { _ in true }
          #expect(try await other.night(asOf: "2024-12-31").exitCode == 0)
          for table in ["customers", "products", "orders", "transactions", "revenue_daily", "customer_value"] {
            let (mended, undisturbed) = (
              try await digest(of: "finance.\(table)", at: database.url),
              try await digest(of: "finance.\(table)", at: calm.url)
            )
            #expect(mended == undisturbed, "\(table)")
          }
        }
      }
    }
  }

  @Test func terminatedRunRollsBackRecordsItAndCanBeRunAgain() async throws {
    try await withStartedProject { project, database, expected, _ in
      let before = try await digest(of: "finance.transactions", at: database.url)
      let published = try project.publishedFiles()
      let stopped = try await whileTransactionsAreLocked(in: database, project) { pid in kill(pid, SIGTERM) }
      #expect(stopped.status == 143)
      #expect(try await digest(of: "finance.transactions", at: database.url) == before)
      // No figure is touched, and readers are told why they have those of the night before.
      let touched = try project.changedFiles(since: published)
      #expect(!touched.contains { $0.contains("/data/") }, "\(touched)")
      let index = try project.published("latest/index.html")
      #expect(index.contains("<strong>STALE</strong>") && index.contains("stopped by SIGTERM"))
      #expect(index.contains("to mend it type: daybook retry "))
      let last = try await lines(
        "select status, exit_code from daybook.run where run_id = (select max(run_id::text)::uuid from daybook.run)",
        at: database.url)
      #expect(last == ["cancelled|143"])
      #expect(try await project.night(asOf: "2024-12-31").exitCode == 0)
      try await expected.expectIn(database.url)
    }
  }

  @Test func secondRunAtTheSameTimeIsTurnedAway() async throws {
    try await withStartedProject { project, database, expected, _ in
      let turnedAway = OnceBox<ProgramOutcome>()
      let first = try await whileTransactionsAreLocked(in: database, project) { _ in
        await turnedAway.set(try await project.daybook("run", "nightly", "--as-of", "2024-12-31"))
      }
      let second = try #require(await turnedAway.value)
      #expect(second.status == 75)
      #expect(first.status == 0)
      try await expected.expectIn(database.url)
    }
  }

  /// Lends a project whose base extract is loaded and whose next night lies in the inbox.
  private func withStartedProject(
    _ body: @Sendable (NightProject, TestDatabase, ExpectedNight, String) async throws -> Void
  ) async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        let feeds = directory.appending("feeds")
        let expected = try await project.sample(to: feeds, nights: 1, dirty: "0.002")
        try project.deliver(from: feeds) { $0.hasSuffix("_2024-12-30.csv") }
        #expect(try await project.night(asOf: "2024-12-30").exitCode == 0)
        try project.deliver(from: feeds) { $0.hasSuffix("_2024-12-31.csv") }
        try await body(project, database, expected, feeds)
      }
    }
  }

  /// Starts a night, and does something to it once it waits for the lock on the transactions.
  private func whileTransactionsAreLocked(
    in database: TestDatabase, _ project: NightProject, _ strike: @Sendable (Int32) async throws -> Void
  ) async throws -> ProgramOutcome {
    let started = OnceBox<Int32>()
    let holder = try await PostgresConnection.connect(database.configuration)
    try await holder.execute("begin")
    try await holder.execute("lock table finance.transactions in access exclusive mode")
    async let outcome = project.daybook(
      "run", "nightly", "--as-of", "2024-12-31", started: { pid in Task { await started.set(pid) } })
    do {
      try await waitUntilALockIsAwaited(database)
      try await strike(try #require(await started.value))
    } catch {
      await holder.close()
      throw error
    }
    try await holder.execute("rollback")
    await holder.close()
    return try await outcome
  }

  private func waitUntilALockIsAwaited(_ database: TestDatabase) async throws {
    let watcher = try await PostgresConnection.connect(database.configuration)
    let deadline = ContinuousClock.now + .seconds(300)
    var isAwaited = false
    while !isAwaited, ContinuousClock.now < deadline {
      let rows = try await watcher.query(
        """
        select count(*) from pg_locks l
        where not l.granted and l.relation = 'finance.transactions'::regclass
          and l.database = (select oid from pg_database where datname = current_database())
        """)
      isAwaited = try rows.first?.decode(0, as: Int.self) ?? 0 > 0
      if !isAwaited { try await Task.sleep(for: .milliseconds(20)) }
    }
    await watcher.close()
    try #require(isAwaited, "no run came to wait for the lock within five minutes")
  }
}

/// A value that is set once by one task and read by another.
private actor OnceBox<Value: Sendable> {
  private(set) var value: Value?

  func set(_ value: Value) { self.value = value }
}
