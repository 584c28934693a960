// Old images leave the journal once no rollup needs them, and nobody takes a batch without its images for one of nothing.

import Definitions
import Ledger
import Money
import Postgres
import Testing

@testable import Views

@Suite struct JournalUpkeepTests {
  private static let other = Shop.rollup(
    "by_kind", groups: [RollupGroup(name: "kind", source: .column("kind"))],
    measures: [RollupMeasure(name: "total", function: .sum("amount"))])

  /// Five batches of two images each, all absorbed; the first three are `days` days old.
  private static func followed(
    days: Int = 500, _ body: (Shop) async throws -> Void
  ) async throws {
    try await Shop.with(views: [Shop.byCustomer, other]) { shop in
      try await shop.keepJournal()
      for number in 1...5 {
        try await shop.batch(
          "insert into shop.sales values (\(number), 1, 'payment', 5, 1, now()), (\(number + 10), 2, 'fee', 1, 1, now())"
        )
        try await shop.run("update pg_class set reltuples = 1000 where oid = 'shop.sales'::regclass")
        _ = try await shop.refresher.refresh(.all)
      }
      try await shop.run(
        "update daybook.batch set recorded_at = now() - interval '\(days) days' where batch_id in (select batch_id from daybook.batch order by 1 limit 3)"
      )
      try await body(shop)
    }
  }

  private static func upkeep(_ shop: Shop, minimum: Int = 1, piece: Int = 100) async throws {
    try await shop.pool.withConnection { connection in
      try await JournalUpkeep(project: shop.project, imagesMinimum: minimum, pieceImages: piece).run(on: connection)
    }
  }

  private static func images(_ shop: Shop) async throws -> [String] {
    try await shop.rows("select count(*) as a, count(distinct _daybook_batch) as b from daybook.journal_sales")
  }

  @Test(arguments: [1, 3, 100])
  func imagesThatAreOldAndAbsorbedLeaveAndTheBatchesStay(piece: Int) async throws {
    try await Self.followed { shop in
      try await Self.upkeep(shop, piece: piece)
      let images = try await Self.images(shop)
      #expect(images == ["4|2"])
      let horizon = try await shop.rows(
        """
        select h.batch_id = (select batch_id from daybook.batch order by 1 offset 2 limit 1) as a, swept_through = batch_id as b,
          (select count(*) from daybook.batch) as c from daybook.journal_horizon h
        """)
      #expect(horizon == ["true|true|5"])
      // Nothing is to be done for a night without change, and the next change is followed as ever.
      let idle = try await shop.refresher.refresh(.all).map(\.isChanged)
      #expect(idle == [false, false])
      try await shop.batch("delete from shop.sales where id = 11")
      let outcomes = try await shop.refresher.refresh(.all).map(\.detail)
      #expect(
        outcomes == [
          "by delta: 1 images of 1 batch onto 1 groups, 1 of them read anew",
          "by delta: 1 images of 1 batch onto 1 groups",
        ])
      let verified = try await shop.refresher.verify(.all).filter { !$0.isPassed }
      #expect(verified == [])
      // Again finds nothing that is old.
      try await Self.upkeep(shop, piece: piece)
      let later = try await Self.images(shop)
      #expect(later == ["5|3"])
    }
  }

  /// What `restatement_batches` shows of a month stays as long as the month may be closed.
  @Test func whatMovedAMonthBehindItsFirstCloseStays() async throws {
    try await Shop.with(views: [Self.other]) { plain in
      var dated = plain
      dated.project.feeds[0].periodColumn = "sold_at"
      let shop = dated
      try await shop.keepJournal()
      // The last moment of January, and the first one of February, in New York.
      func insert(_ id: Int) async throws {
        try await shop.batch(
          """
          insert into shop.sales values (\(id), 1, 'payment', 5, 1, '2026-02-01 04:59+00'),
            (\(id + 100), 1, 'payment', 5, 1, '2026-02-01 05:00+00')
          """)
      }
      func close() async throws {
        try await shop.pool.withConnection { connection in
          let last = try await BatchLedger.lastNumber(of: "sales", on: connection) ?? 0
          _ = try await PeriodLedger.close(
            try #require(CivilDate("2026-01-01")), .soft, by: "test", in: "UTC", batches: ["sales": last],
            on: connection)
        }
      }
      try await insert(1)
      try await close()
      try await insert(2)
      try await shop.pool.withConnection { connection in
        _ = try await PeriodLedger.reopen(try #require(CivilDate("2026-01-01")), by: "test", on: connection)
      }
      // Out of the closed month, and within the other one.
      try await shop.batch("update shop.sales set sold_at = '2026-03-01' where id = 1")
      try await shop.batch("update shop.sales set amount = 6 where id = 101")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update daybook.batch set recorded_at = now() - interval '500 days'")
      try await Self.upkeep(shop, piece: 2)
      let moved = "select id, _daybook_weight from daybook.journal_sales order by _daybook_batch, id"
      let open = try await shop.rows(moved)
      #expect(open == ["2|1", "1|-1"])
      try await close()
      try await insert(3)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update daybook.batch set recorded_at = now() - interval '500 days'")
      try await Self.upkeep(shop)
      let closed = try await shop.rows(moved)
      #expect(closed == ["2|1", "1|-1", "3|1"])
    }
  }

  @Test func whatIsFewOrYoungOrNeededStays() async throws {
    try await Self.followed { shop in
      try await Self.upkeep(shop, minimum: 7)
      var images = try await Self.images(shop)
      #expect(images == ["10|5"])
      // An old batch behind a young one waits for it.
      try await shop.run(
        "update daybook.batch set recorded_at = now() where batch_id = (select min(batch_id) from daybook.batch)")
      try await Self.upkeep(shop)
      images = try await Self.images(shop)
      #expect(images == ["10|5"])
      try await shop.run("update daybook.batch set recorded_at = now() - interval '500 days'")
      try await shop.run(
        "update daybook.view_state set absorbed_batch = (select batch_id from daybook.batch order by 1 limit 1) where view = 'by_kind'"
      )
      try await Self.upkeep(shop)
      images = try await Self.images(shop)
      #expect(images == ["8|4"])
    }
    try await Self.followed(days: 399) { shop in
      try await Self.upkeep(shop)
      var images = try await Self.images(shop)
      #expect(images == ["10|5"])
      var short = shop
      short.project.retention.journalDays = 398
      try await Self.upkeep(short)
      images = try await Self.images(shop)
      #expect(images == ["4|2"])
    }
  }

  /// Such as the state of a view that was taken out of the project and comes back.
  @Test func aStateBeforeTheHorizonIsRebuiltAndNotFollowed() async throws {
    try await Self.followed { shop in
      try await Self.upkeep(shop)
      try await shop.run(
        """
        update daybook.view_state set absorbed_batch = (select batch_id from daybook.batch order by 1 limit 1),
          input_versions = '{}' where view = 'by_kind';
        update shop.by_kind__state set total__sum = 10, total__n = 2, __n = 2 where kind = 'payment'
        """)
      let kinds = try await shop.pool.withConnection { connection in
        let first = try await BatchLedger.batches(of: "sales", after: 0, on: connection)
        return first.map(\.kind)
      }
      #expect(kinds == [.rebuild, .rebuild, .rebuild, .delta, .delta])
      let outcome = try await shop.refresher.refresh(.named(["by_kind"]))
      #expect(outcome.map { $0.detail.hasPrefix("rebuilt and swapped") } == [true])
      let totals = try await shop.rows("select kind, total::text from shop.by_kind order by 1")
      #expect(totals == ["fee|5.00", "payment|25.00"])
      let verified = try await shop.refresher.verify(.all).filter { !$0.isPassed }
      #expect(verified == [])
    }
  }

  @Test func whatAKillLeftIsTakenOutLater() async throws {
    try await Self.followed { shop in
      // As if the horizon had moved and one piece had gone.
      try await shop.run(
        """
        insert into daybook.journal_horizon (feed, batch_id, swept_through)
        select 'sales', max(batch_id), min(batch_id) from (select batch_id from daybook.batch order by 1 limit 3) as b;
        delete from daybook.journal_sales where _daybook_batch <= (select swept_through from daybook.journal_horizon)
        """)
      try await Self.upkeep(shop, minimum: 1_000_000, piece: 1)
      let images = try await Self.images(shop)
      #expect(images == ["4|2"])
    }
  }

  @Test func theHorizonWaitsForWhoeverFollowsTheJournal() async throws {
    try await Self.followed { shop in
      try await shop.pool.withConnection { connection in
        try await connection.withTransaction { connection in
          try await connection.execute("lock table shop.sales in share mode")
          try await Self.upkeep(shop)
          let images = try await Self.images(shop)
          #expect(images == ["10|5"])
        }
      }
      try await Self.upkeep(shop)
      let images = try await Self.images(shop)
      #expect(images == ["4|2"])
    }
  }

  @Test func twoThatTakeOutTheSameImagesDoNotMeet() async throws {
    try await Self.followed { shop in
      try await shop.run(
        """
        insert into daybook.journal_horizon (feed, batch_id)
        select 'sales', max(batch_id) from (select batch_id from daybook.batch order by 1 limit 3) as b
        """)
      try await shop.pool.withConnection { connection in
        try await connection.withTransaction { connection in
          // The other one has its piece, and has not committed yet.
          try await JournalHorizons.claim("sales", on: connection)
          try await connection.execute("delete from daybook.journal_sales where _daybook_batch <= 3")
          try await shop.pool.withConnection { second in
            try await second.execute("set lock_timeout = '5s'")
            try await JournalUpkeep(project: shop.project, imagesMinimum: 1, pieceImages: 100).run(on: second)
            try await second.execute("reset lock_timeout")
          }
          let images = try await Self.images(shop)
          #expect(images == ["10|5"])
        }
      }
    }
  }

  @Test func changesByHandAreCountedAtTheEndOfARefresh() async throws {
    try await Self.followed { shop in
      try await shop.run(
        "insert into daybook.uncounted_change (batch_id, relation) values (-1, 'sales'), (-2, 'sales'), (-3, 'goods')")
      let before = try await shop.pool.withConnection { try await DataVersions.current(on: $0) }
      try await Self.upkeep(shop)
      let after = try await shop.pool.withConnection { try await DataVersions.current(on: $0) }
      #expect(before == after && before["goods"] == 1)
      let left = try await shop.rows("select count(*) from daybook.uncounted_change")
      #expect(left == ["0"])
    }
  }
}
