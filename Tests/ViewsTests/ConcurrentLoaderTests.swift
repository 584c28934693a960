// Rollups while others write: nothing is passed over or applied twice, and neither side waits for longer than it must.
// What a lock has to bring about is shown by who waits for whom at that very moment, not by how long something took.

import Definitions
import Ledger
import Postgres
import Synchronization
import TestSupport
import Testing
import Views

@Suite struct ConcurrentLoaderTests {
  private static let writers = 4
  /// Refreshes during which the writers are at work, and batches that each of them writes at least.
  private static let (rounds, batches) = (10, 20)

  /// Takes all rows out at once, and writes down what they were, so that the journal still tells the whole history.
  private static let truncate = """
    insert into daybook.journal_sales select current_setting('shop.batch')::bigint, -1, s.* from shop.sales s;
    truncate shop.sales
    """

  /// What one writer does, chosen by its seed: mostly batches that overlap with those of others.
  private static func write(
    _ lane: Int, _ seed: UInt64, through pool: PostgresPool, until isDone: @escaping @Sendable (_ batches: Int) -> Bool
  ) async throws {
    var sales = RandomSales(seed: seed, lane: lane, of: writers)
    var number = 0
    while !isDone(number) {
      number += 1
      let statements = sales.statements()
      let choice = Int.random(in: 0..<100, using: &sales.numbers)
      let pause = Duration.milliseconds(Int.random(in: 0...40, using: &sales.numbers))
      let ending: Shop.Ending = choice < 15 ? .rolledBack : choice < 45 ? .byHand : .loaded
      try await pool.withConnection { connection in
        if lane == 0, number % 37 == 0 {
          try await Shop.load(truncate, ending: ending, kind: .rebuild, lock: "access exclusive", on: connection)
        } else {
          try await Shop.load(statements, ending: ending, kind: choice == 99 ? .rebuild : .delta, on: connection) {
            try await Task.sleep(for: pause)
          }
        }
      }
      try await Task.sleep(for: .milliseconds(Int.random(in: 10...60, using: &sales.numbers)))
    }
  }

  /// How far refreshes and writers have come.
  private final class Course: Sendable {
    private let state = Mutex((rounds: 0, isWritten: false))

    var rounds: Int { state.withLock { $0.rounds } }
    var isWritten: Bool { state.withLock { $0.isWritten } }
    func endRound() { state.withLock { $0.rounds += 1 } }
    func endWriting() { state.withLock { $0.isWritten = true } }
  }

  /// Compares each rollup with what the journal, as it is now, says of its source up to the rollup's last batch. A batch
  /// that came to light below that number, after it had been passed, is a difference.
  private static func differencesFromHistory(_ shop: Shop) async throws -> [String] {
    try await shop.pool.withConnection { connection in
      try await connection.withTransaction(TransactionOptions(isolation: .repeatableRead)) { connection in
        var found: [String] = []
        let states = try await ViewStates.current(on: connection)
        for view in DeltaTests.views {
          let recompute = try #require(try shop.refresher.recompute(of: view)).query
          let absorbed = try #require(states[view.name]?.absorbedBatch)
          let table = #"from "shop"."sales""#
          try #require(recompute.contains(table))
          let past = """
            from (
              select id, customer, kind, amount, quantity, sold_at, currency from daybook.journal_sales
              where _daybook_batch <= \(absorbed) group by 1, 2, 3, 4, 5, 6, 7 having sum(_daybook_weight) > 0) as sales
            """
          let state = "select t::text from shop.\(view.name)__state as t"
          let fresh = "select t::text from (\(recompute.replacing(table, with: past))) as t"
          let rows = try await connection.query(
            """
            select count(*) from (
              ((\(state)) except all (\(fresh))) union all ((\(fresh)) except all (\(state)))) as d
            """)
          let count = try rows.first?.decode(0, as: Int.self) ?? -1
          if count != 0 { found.append("\(view.name) at batch \(absorbed): \(count) rows") }
        }
        return found
      }
    }
  }

  /// What a person would be told to try again.
  private static func isPassing(_ error: any Error) -> Bool {
    switch error {
    case let error as PostgresError: error.isTransient
    case ViewError.server(_, _, let error): error.isTransient
    default: false
    }
  }

  @Test(arguments: [(3, 51), (3, 52), (1, 53)] as [(Int, UInt64)])
  func loadersAtWorkDuringRefreshesLeaveEveryRollupEqualToItsRecompute(_ connections: Int, _ seed: UInt64) async throws
  {
    try await Shop.with(views: DeltaTests.views) { shop in
      try await shop.keepJournal()
      // The planner's belief decides between delta and rebuild, and is to stay as it is.
      try await shop.run("alter table shop.sales set (autovacuum_enabled = off)")
      try await shop.run("update pg_class set reltuples = 1000000 where oid = 'shop.sales'::regclass")
      _ = try await shop.refresher.refresh(.all)
      try await shop.withOtherPool(max: connections) { own in
        let refresher = ViewRefresher(project: shop.project, pool: own)
        let course = Course()
        let url = shop.url
        let loading = Task {
          defer { course.endWriting() }
          let pool = try PostgresPool(
            configuration: PostgresConfiguration(url: url), settings: PoolSettings(min: 0, max: Self.writers))
          let failure = await withThrowingTaskGroup(of: Void.self) { group -> (any Error)? in
            for lane in 0..<Self.writers {
              group.addTask {
                try await Self.write(lane, seed * 100 + UInt64(lane), through: pool) { batches in
                  batches >= Self.batches && course.rounds >= Self.rounds
                }
              }
            }
            do { try await group.waitForAll() } catch { return error }
            return nil
          }
          await pool.shutdown(within: .seconds(5))
          if let failure { throw failure }
        }
        var dice = SeededRandom(seed: seed)
        var (deltas, passing) = (0, 0)
        while !course.isWritten {
          let round = course.rounds + 1
          do {
            let outcomes = try await refresher.refresh(.all, full: round % 5 == 4)
            deltas += outcomes.count { $0.detail.hasPrefix("by delta") }
            let found = try await Self.differencesFromHistory(shop)
            #expect(found == [], "round \(round)")
          } catch {
            passing += 1
            #expect(Self.isPassing(error), "round \(round): \(error)")
          }
          course.endRound()
          try await Task.sleep(for: .milliseconds(Int.random(in: 0...15, using: &dice)))
        }
        try await loading.value
        _ = try await refresher.refresh(.all)
        #expect(try await DeltaTests.differences(shop) == [])
        #expect(try await Self.differencesFromHistory(shop) == [])
        let verified = try await refresher.verify(.all)
        #expect(verified.allSatisfy { $0.isPassed }, "\(verified)")
        let count = course.rounds
        #expect(count >= Self.rounds && passing < count, "\(count) rounds, \(passing) to be tried again")
        #expect(deltas > 0, "\(count) rounds, none by delta")
      }
    }
  }

  /// What is read while somebody holds this lock waits for it.
  private static let slow = Shop.rollup(
    "slow", groups: [RollupGroup(name: "customer", source: .column("customer"))],
    measures: [
      RollupMeasure(name: "n", function: .count, condition: "pg_advisory_xact_lock_shared(7702)::text = ''")
    ])
  private static let slowLock = "locktype = 'advisory' and objid = 7702"
  private static let totals = "select coalesce(sum(n), 0)::bigint as n from shop.slow"

  @Test func aWriterDoesNotWaitForARebuildNorDoesAReader() async throws {
    try await Shop.with(views: [Self.slow]) { shop in
      try await shop.keepJournal()
      try await shop.batch("insert into shop.sales select i, 1, 'fee', 1, 1, now() from generate_series(1, 5) as i")
      _ = try await shop.refresher.refresh(.all)
      try await shop.withOtherPool(max: 2) { others in
        try await others.withConnection { holder in
          try await holder.execute("select pg_advisory_lock(7702)")
          let refresher = shop.refresher
          let rebuild = Task { try await refresher.refresh(.all, full: true) }
          try await shop.waitForWaiting(where: Self.slowLock)
          // Both come to their end while the rebuild stands where it stood.
          try await others.withConnection { writer in
            try await Shop.load("insert into shop.sales values (6, 2, 'fee', 1, 1, now())", on: writer)
            let seen = try await writer.query(Self.totals).first?.decode(0, as: Int.self)
            #expect(seen == 5)
          }
          try await shop.waitForWaiting(where: Self.slowLock)
          try await holder.execute("select pg_advisory_unlock(7702)")
          #expect(try await rebuild.value.map(\.detail) == ["rebuilt and swapped: asked for in full"])
        }
      }
      // What was written meanwhile is the next refresh's.
      #expect(try await shop.rows(Self.totals) == ["5"])
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "rebuilt and swapped: \"pg_advisory_xact_lock_shared\" in its definition is more than the row tells"
        ])
      #expect(try await shop.rows(Self.totals) == ["6"])
    }
  }

  @Test func withOneConnectionWritersWaitUntilTheEndAndReadersDoNot() async throws {
    try await Shop.with(views: [Self.slow]) { shop in
      try await shop.keepJournal()
      try await shop.batch("insert into shop.sales select i, 1, 'fee', 1, 1, now() from generate_series(1, 5) as i")
      _ = try await shop.refresher.refresh(.all)
      try await shop.withOtherPool(max: 1) { own in
        try await shop.withOtherPool(max: 3) { others in
          try await others.withConnection { holder in
            try await holder.execute("select pg_advisory_lock(7702)")
            let refresher = ViewRefresher(project: shop.project, pool: own)
            let rebuild = Task { try await refresher.refresh(.all, full: true) }
            try await shop.waitForWaiting(where: Self.slowLock)
            let writing = Task {
              try await others.withConnection { writer in
                try await Shop.load("insert into shop.sales values (6, 2, 'fee', 1, 1, now())", on: writer)
              }
            }
            try await shop.waitForWaiting(where: "mode = 'RowExclusiveLock'")
            try await others.withConnection { reader in
              let seen = try await reader.query(Self.totals).first?.decode(0, as: Int.self)
              #expect(seen == 5)
            }
            try await holder.execute("select pg_advisory_unlock(7702)")
            _ = try await rebuild.value
            try await writing.value
          }
        }
        _ = try await ViewRefresher(project: shop.project, pool: own).refresh(.all)
      }
      #expect(try await shop.rows(Self.totals) == ["6"])
    }
  }

  @Test func aRefreshWaitsForAWriterAndNoLongerSoThatALowerNumberIsNotPassedOver() async throws {
    try await Shop.with(views: DeltaTests.views) { shop in
      try await shop.keepJournal()
      try await shop.batch("insert into shop.sales values (1, 1, 'payment', 5, 1, now())")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update pg_class set reltuples = 1000 where oid = 'shop.sales'::regclass")
      try await shop.withOtherPool(max: 2) { others in
        let refresher = shop.refresher
        let refresh = try await others.withConnection { early in
          let refreshing = Mutex<Task<[RefreshOutcome], any Error>?>(nil)
          try await Shop.load("insert into shop.sales values (2, 1, 'payment', 7, 1, now())", on: early) {
            // The higher number is there first.
            try await others.withConnection { late in
              try await Shop.load("insert into shop.sales values (3, 2, 'payment', 9, 1, now())", on: late)
            }
            let task = Task { try await refresher.refresh(.all) }
            refreshing.withLock { $0 = task }
            try await shop.waitForWaiting(where: Shop.gateLock)
          }
          return try #require(refreshing.withLock { $0 })
        }
        let outcomes = try await refresh.value
        #expect(outcomes.first?.detail.hasPrefix("by delta: 2 images of 2 batches") == true, "\(outcomes)")
      }
      #expect(try await DeltaTests.differences(shop) == [])
    }
  }

  struct Upheaval: CustomTestStringConvertible {
    let testDescription: String
    let statements: String
  }

  static let upheavals = [
    Upheaval(
      testDescription: "truncated",
      statements: "truncate shop.sales; insert into shop.sales values (9, 1, 'payment', 3, 1, now())"),
    Upheaval(
      testDescription: "replaced",
      statements: """
        create table shop.next (like shop.sales including all);
        insert into shop.next select * from shop.sales where id = 2;
        drop table shop.sales; alter table shop.next rename to sales;
        create trigger keep_images after insert or update or delete on shop.sales
          for each row execute function shop.keep_images()
        """),
  ]

  /// The writer that is there keeps the look waiting, and who wants the whole table comes behind the look: the server
  /// lets them through one after the other, so that the upheaval comes to pass right behind the snapshot.
  @Test(arguments: upheavals)
  func aTableThatIsUpsetAtTheMomentOfTheSnapshotIsLookedAtAgain(_ upheaval: Upheaval) async throws {
    try await Shop.with(views: DeltaTests.views) { shop in
      try await shop.keepJournal()
      try await shop.batch("insert into shop.sales values (1, 1, 'payment', 5, 1, now())")
      _ = try await shop.refresher.refresh(.all)
      let before = try await shop.rows("select total::text from shop.days")
      try await shop.batch("insert into shop.sales values (4, 1, 'payment', 6, 1, now())")
      try await shop.withOtherPool(max: 2) { others in
        let refresher = shop.refresher
        let tasks = Mutex<(refresh: Task<[RefreshOutcome], any Error>, upset: Task<Void, any Error>)?>(nil)
        try await others.withConnection { writer in
          try await Shop.load("insert into shop.sales values (2, 1, 'payment', 7, 1, now())", on: writer) {
            let refresh = Task { try await refresher.refresh(.all) }
            try await shop.waitForWaiting(where: Shop.gateLock)
            let upset = Task {
              try await others.withConnection { connection in
                try await Shop.load(
                  upheaval.statements, kind: .rebuild, lock: "access exclusive", on: connection)
              }
            }
            try await shop.waitForWaiting(
              where: "relation = 'shop.sales'::regclass and mode = 'AccessExclusiveLock'")
            tasks.withLock { $0 = (refresh, upset) }
          }
        }
        let (refresh, upset) = try #require(tasks.withLock { $0 })
        try await upset.value
        let error = await #expect(throws: PostgresError.self) { try await refresh.value }
        #expect(error?.sqlState == "40001" && error?.isTransient == true, "\(String(describing: error))")
        #expect(error?.message.contains("it is looked at again") == true)
      }
      #expect(try await shop.rows("select total::text from shop.days") == before)
      _ = try await shop.refresher.refresh(.all)
      #expect(try await DeltaTests.differences(shop) == [])
    }
  }

  @Test func aProofDuringATruncateIsMadeAgainAndDoesNotSayThatGroupsDiffer() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.keepJournal()
      try await shop.batch("insert into shop.sales values (1, 1, 'payment', 5, 1, now())")
      _ = try await shop.refresher.refresh(.all)
      try await shop.withOtherPool(max: 1) { others in
        let refresher = shop.refresher
        let proof = Mutex<Task<[CheckOutcome], any Error>?>(nil)
        try await others.withConnection { writer in
          try await Shop.load("truncate shop.sales", kind: .rebuild, lock: "access exclusive", on: writer) {
            let task = Task { try await refresher.verify(.all) }
            proof.withLock { $0 = task }
            try await shop.waitForWaiting(where: "relation = 'shop.sales'::regclass and mode = 'AccessShareLock'")
          }
        }
        let outcomes = try await #require(proof.withLock { $0 }).value
        #expect(outcomes.map(\.message) == ["0 groups equal a recompute, difference 0"])
      }
    }
  }
}
