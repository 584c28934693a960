// Triggers follow the definition: they come, change and go with it, also on a night without files, and what went by while
// they were away is read from the table.

import Definitions
import Ledger
import TestSupport
import Testing

@testable import Ingest

@Suite struct WatchKeepingTests {
  private static let header = "id,n\n"
  private static func goods(_ hash: String, watch: Bool = true, _ extra: [ColumnDefinition] = []) -> FeedDefinition {
    var goods = feed("goods", hash: hash, [column("id", .bigint), column("n", .integer, optional: true)] + extra)
    goods.isWatched = watch
    return goods
  }
  private static let triggers = """
    select count(*) from pg_trigger where tgrelid = 'finance.goods'::regclass and tgname like 'daybook_watch%'
    """
  private static let batches = """
    select string_agg(kind || case when made_by is null then '' else ' by hand' end, ', ' order by batch_id)
    from daybook.batch
    """

  @Test func theyComeAndGoWithTheDefinitionAlsoWithoutAFile() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("goods_1.csv", Self.header + "1,1\n")
      _ = try await fixture.ingest(Self.goods("1", watch: false))
      try await fixture.database.psql("update finance.goods set n = 2")
      var count = try await fixture.query(Self.triggers)
      #expect(count == "0")
      let told = try await fixture.ingest(Self.goods("2"))
      #expect(told.status == .nothingNew)
      count = try await fixture.query(Self.triggers)
      #expect(count == "4")
      try await fixture.database.psql("update finance.goods set n = 3")
      // Again changes nothing.
      let made = "select string_agg(oid::text || tgname, ',' order by oid) from pg_trigger where not tgisinternal"
      let before = try await fixture.query(made)
      try fixture.deliver("goods_2.csv", Self.header + "2,2\n")
      _ = try await fixture.ingest(Self.goods("2"))
      let after = try await fixture.query(made)
      #expect(before == after)
      _ = try await fixture.ingest(Self.goods("3", watch: false))
      try await fixture.database.psql("update finance.goods set n = 4")
      count = try await fixture.query(
        "select (\(Self.triggers)) + (select count(*) from pg_proc where proname = 'watch_goods')")
      #expect(count == "0")
      // The rebuild tells what nobody watched, once.
      let batches = try await fixture.query(Self.batches)
      #expect(batches == "rebuild, rebuild, delta by hand, delta")
    }
  }

  @Test(arguments: [
    "alter table finance.goods disable trigger daybook_watch_update",
    "alter table finance.goods disable trigger daybook_watch_update; update finance.goods set n = 2; "
      + "alter table finance.goods enable trigger daybook_watch_update",
    "begin; alter table finance.goods disable trigger all; alter table finance.goods enable trigger all; commit",
    "drop trigger daybook_watch_delete on finance.goods",
    "drop function daybook.watch_goods() cascade",
    "drop trigger daybook_watch_update on finance.goods; create trigger daybook_watch_update "
      + "after update of id on finance.goods for each statement execute function daybook.watch_goods()",
  ])
  func whatSomebodySwitchedOffIsNoticedTheSameNight(_ sql: String) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("goods_1.csv", Self.header + "1,1\n")
      _ = try await fixture.ingest(Self.goods("1"))
      try await fixture.database.psql(sql)
      let before = try await fixture.query("select version from daybook.data_version where relation = 'goods'")
      _ = try await fixture.ingest(Self.goods("1"))
      let after = try await fixture.query("select version from daybook.data_version where relation = 'goods'")
      #expect(after > before)
      try await fixture.database.psql("update finance.goods set n = 3", "delete from finance.goods")
      let batches = try await fixture.query(Self.batches)
      #expect(batches == "rebuild, rebuild, delta by hand, delta by hand")
    }
  }

  @Test func upkeepOfTheServerIsNotTakenForASwitch() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("goods_1.csv", Self.header + "1,1\n")
      _ = try await fixture.ingest(Self.goods("1"))
      let upkeep = [
        "vacuum (full, freeze) pg_trigger", "vacuum (full, freeze) pg_depend", "vacuum (full, analyze) finance.goods",
        "create index by_n on finance.goods (n)", "alter table finance.goods cluster on by_n", "cluster finance.goods",
        "alter table finance.goods rename to other", "alter table finance.other rename to goods",
        "comment on trigger daybook_watch_update on finance.goods is 'not mine'", "reindex table pg_trigger",
      ]
      for statement in upkeep { try await fixture.database.psql(statement) }
      _ = try await fixture.ingest(Self.goods("1"))
      let batches = try await fixture.query(Self.batches)
      #expect(batches == "rebuild")
    }
  }

  @Test func theNightAfterASwitchPutsThemBackOnce() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("goods_1.csv", Self.header + "1,1\n")
      _ = try await fixture.ingest(Self.goods("1"))
      try await fixture.database.psql(
        "alter table finance.goods disable trigger user", "alter table finance.goods enable trigger user")
      for _ in 0..<2 { _ = try await fixture.ingest(Self.goods("1")) }
      let batches = try await fixture.query(Self.batches)
      #expect(batches == "rebuild, rebuild")
    }
  }

  @Test func aJournalThatIsGoneIsThereAgainTheSameNight() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("goods_1.csv", Self.header + "1,1\n")
      _ = try await fixture.ingest(Self.goods("1"))
      try await fixture.database.psql("drop table daybook.journal_goods")
      _ = try await fixture.ingest(Self.goods("1"))
      try await fixture.database.psql("update finance.goods set n = 3")
      let images = try await fixture.query("select string_agg(n::text, ',' order by n) from daybook.journal_goods")
      #expect(images == "1,3")
    }
  }

  @Test func triggersThatWentWithATableOfAnotherNameGoWithTheDefinitionToo() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("goods_1.csv", Self.header + "1,1\n")
      _ = try await fixture.ingest(Self.goods("1"))
      try await fixture.database.psql(
        "alter table finance.goods rename to goods_old",
        "create table finance.goods (like finance.goods_old including all)")
      _ = try await fixture.ingest(Self.goods("1"))
      _ = try await fixture.ingest(Self.goods("2", watch: false))
      let count = try await fixture.query("select count(*) from pg_trigger where tgname like 'daybook_watch%'")
      #expect(count == "0")
    }
  }

  @Test func aFunctionOfAnotherProgramIsReplacedWithoutARebuild() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("goods_1.csv", Self.header + "1,1\n")
      _ = try await fixture.ingest(Self.goods("1"))
      try await fixture.database.psql("alter function daybook.watch_goods() set search_path = public")
      _ = try await fixture.ingest(Self.goods("1"))
      let path = try await fixture.query("select proconfig from pg_proc where proname = 'watch_goods'")
      #expect(path == #"{"search_path=pg_catalog, pg_temp"}"#)
      let batches = try await fixture.query(Self.batches)
      #expect(batches == "rebuild")
    }
  }

  /// Names that only a quoted identifier can carry, and those that the function has itself.
  private static let hostile = [
    #"we"ird'; drop table x; --"#, "number", "plus", "is_bulk", "c", "feed", "tg_op", "_daybook_came", "$$", "batch_id",
  ]

  @Test func hostileColumnsAndThoseThatComeLaterAreInTheImages() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("goods_1.csv", Self.header + "1,1\n")
      _ = try await fixture.ingest(Self.goods("1"))
      try await fixture.database.psql("insert into finance.goods values (10, 10)")
      let more = Self.hostile.map { column($0, .text, optional: true) }
      let wide = Self.goods("2", more)
      let names = Self.hostile.map { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }
      try fixture.deliver(
        "goods_2.csv",
        "id,n," + names.joined(separator: ",") + "\n2,2," + Self.hostile.map { _ in "x" }.joined(separator: ",")
          + "\n")
      let outcome = try await fixture.ingest(wide)
      #expect(outcome.rows == RowCounts(read: 1, inserted: 1))
      let columns = names.joined(separator: ", ")
      try await fixture.database.psql(
        "insert into finance.goods (id, n, \(columns)) values (3, 3, \(Self.hostile.indices.map { "'v\($0)'" }.joined(separator: ", ")))",
        "update finance.goods set \(names[0]) = 'other' where id = 2", "delete from finance.goods where id = 10")
      let images = try await fixture.query(
        "select id, _daybook_weight, \(names[0]), \(names[1]), \(names[9]) from daybook.journal_goods order by _daybook_batch, 2"
      )
      #expect(images == "10|1|||\n2|1|x|x|x\n3|1|v0|v1|v9\n2|-1|x|x|x\n2|1|other|x|x\n10|-1|||")
      let batches = try await fixture.query(Self.batches)
      #expect(batches == "rebuild, delta by hand, delta, delta by hand, delta by hand, delta by hand")
    }
  }

  @Test func aTableThatWasDroppedAndComesAgainIsWatchedAgain() async throws {
    try await FeedFixture.with { fixture in
      let path = try fixture.deliver("goods_1.csv", Self.header + "1,1\n")
      _ = try await fixture.ingest(Self.goods("1"))
      try await fixture.database.psql("drop table finance.goods")
      _ = try await fixture.ingest(Self.goods("1"), .file(path, reload: true))
      let count = try await fixture.query(Self.triggers)
      #expect(count == "4")
    }
  }
}
