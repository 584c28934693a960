// Headers and tables that are not what the definition says: what is borne, what is told, what is changed by itself
// without touching a stored row, and what is refused with the statement to run.

import Definitions
import Finding
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@testable import Ingest

@Suite struct DriftTests {
  private static let line = "2026-11-19 10:00:00"

  // MARK: Headers

  private func goods(_ drift: DriftRules) -> FeedDefinition {
    var goods = feed(
      "goods",
      [
        column("id", .bigint), column("name", .text, from: "Product name"), column("price", .integer, optional: true),
      ])
    goods.drift = drift
    return goods
  }

  @Test(arguments: DriftRules.Rule.allCases, DriftRules.Rule.allCases)
  func aHeaderThatDiffersIsIgnoredToldOrRefused(extra: DriftRules.Rule, missing: DriftRules.Rule) throws {
    let goods = goods(DriftRules(extra: extra, missing: missing))
    let names = ["Product name", "colour", "id"]
    let isRefused = extra == .refuse || missing == .refuse
    do {
      let match = try HeaderMatch(names, feed: goods, file: "inbox/goods_1.csv")
      #expect(!isRefused)
      #expect(match.fields == [2, 0, nil])
      let told = (missing == .warn ? ["column_absent"] : []) + (extra == .warn ? ["column_extra"] : [])
      #expect(match.findings.map(\.code) == told)
      #expect(match.findings.allSatisfy { $0.severity == .warning && $0.position?.line == 1 })
    } catch {
      #expect(isRefused)
      let refused = (missing == .refuse ? ["column_absent"] : []) + (extra == .refuse ? ["column_extra"] : [])
      #expect(error.diagnostics.map(\.code) == refused)
      for diagnostic in error.diagnostics {
        #expect(diagnostic.severity == .error && diagnostic.fix?.isEmpty == false)
        #expect(diagnostic.notes.contains("the header is: Product name, colour, id"))
      }
    }
  }

  @Test(arguments: [["id", "day"], []])
  func theStatementForAnotherKeyRunsAsItIs(key: [String]) async throws {
    let columns = [column("id", .bigint), column("day", .date)]
    try await FeedFixture.with { fixture in
      try fixture.deliver("visits_1.csv", "id,day\n1,2026-11-20\n")
      _ = try await fixture.ingest(feed("visits", columns))
      let changed = feed("visits", key: key, hash: "2", columns)
      try fixture.deliver("visits_2.csv", "id,day\n1,2026-11-21\n")
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(changed) }
      let fix = error?.diagnostics.first?.fix ?? ""
      let sql = try #require(fix.split(separator: "run: ").last)
      _ = try await fixture.query(String(sql))
      #expect(try await fixture.ingest(changed).rows == RowCounts(read: 1, inserted: 1), "\(fix)")
    }
  }

  @Test(arguments: [
    (["id", "product name"], "Product name"), (["id", "Product name "], "Product name"),
    (["id", "Productname"], "Product name"), (["\u{FEFF}id", "Product name"], "id"),
  ])
  func aNameIsMatchedByteForByteAndTheNearestOneIsTold(names: [String], missing: String) {
    let error = #expect(throws: DiagnosticsError.self) {
      try HeaderMatch(names, feed: goods(DriftRules()), file: "f.csv")
    }
    #expect(error?.diagnostics.first?.message == "the file has no column \"\(missing)\"")
    #expect(error?.diagnostics.first?.fix?.hasPrefix("if \"") == true)
  }

  @Test func aRefusedHeaderRefusesTheFileAndNothingIsPublished() async throws {
    try await FeedFixture.with { fixture in
      let goods = goods(DriftRules(extra: .refuse))
      try fixture.deliver("goods_1.csv", "id,Product name,price,colour\n1,a,2,red\n")
      let outcome = try await fixture.ingest(goods)
      #expect(outcome.status == .refused)
      #expect(outcome.findings.map(\.code) == ["column_extra"])
      #expect(try await fixture.query("select status from daybook.file") == "refused")
      #expect(try await fixture.query("select to_regclass('finance.goods') is null") == "t")
    }
  }

  @Test func aByteOrderMarkIsNoPartOfTheFirstName() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("goods_1.csv", "\u{FEFF}\"id\",Product name,price\n1,a,2\n")
      #expect(try await fixture.ingest(goods(DriftRules(extra: .refuse, missing: .refuse))).rows.inserted == 1)
    }
  }

  // MARK: Tables

  private func stock(
    _ price: ColumnType = .decimal(precision: 10, scale: 2), optional: Bool = false, minimum: ExactDecimal? = 5,
    maximum: ExactDecimal? = 100, kinds: [String] = ["a", "it's"], sizes: [String] = ["1", "2"],
    matches: String? = "^[A-Z]+$", day: CivilDate? = CivilDate("2020-01-01"), hash: String
  ) -> FeedDefinition {
    var columns = [
      column("id", .bigint), column("price", price, optional: optional, minimum: minimum, maximum: maximum),
      column("kind", .text, oneOf: kinds), column("size", .integer, oneOf: sizes),
      column("rate", .decimal(precision: 5, scale: 2), oneOf: sizes.map { "\($0).5" } + ["-1"]),
      column("code", .text, matches: matches), column("day", .date), column("at", .timestamptz),
    ]
    for index in [6, 7] { columns[index].minimum = day.map(ColumnBound.day) }
    return feed("stock", hash: hash, columns)
  }

  private static let file =
    "id,price,kind,size,rate,code,day,at\n"
    + (1...3).map { "\($0),\($0 * 10).50,it's,2,2.5,ABC,2026-11-20,2026-11-20 10:00:00\n" }.joined()

  private nonisolated(nonsending) func relfilenode(_ fixture: FeedFixture) async throws -> String {
    try await fixture.query(
      "select string_agg(relfilenode::text, ',' order by relname) from pg_class where relname ~ '^stock'")
  }

  @Test func whateverOnlyLetsMoreInIsAppliedWithoutARewrite() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("stock_1.csv", Self.file)
      #expect(try await fixture.ingest(stock(hash: "1")).rows.inserted == 3)
      let before = try await relfilenode(fixture)
      let wider = stock(
        .decimal(precision: 14, scale: 2), optional: true, minimum: -7, maximum: 1000, kinds: ["b", "it's", "a"],
        sizes: ["3", "2", "1"], day: CivilDate("2019-12-31"), hash: "2")
      let outcome = try await fixture.ingest(wider)
      #expect(outcome.status == .nothingNew)
      #expect(Set(outcome.findings.map(\.code)) == ["table_widened"])
      #expect(outcome.findings.allSatisfy { $0.severity == .note })
      #expect(outcome.findings.count == 9, "\(outcome.findings)")
      #expect(try await relfilenode(fixture) == before)
      #expect(
        try await fixture.query(
          "select format_type(atttypid, atttypmod), attnotnull from pg_attribute where attrelid = 'finance.stock'::regclass and attname = 'price'"
        ) == "numeric(14,2)|f")
      #expect(try await fixture.ingest(wider).findings.isEmpty)
      // What the old checks refused is now good.
      try fixture.deliver(
        "stock_2.csv",
        "id,price,kind,size,rate,code,day,at\n9,,b,3,3.5,X,2019-12-31,2020-01-01 00:00:00\n8,-7,b,3,1.5,X,2020-01-01,2019-12-31 00:00:00\n"
      )
      #expect(try await fixture.ingest(wider).rows.inserted == 2)
      #expect(try await fixture.ingest(wider).findings.isEmpty)
      // A check that the definition no longer has goes; one that changed its pattern is not understood.
      let open = stock(
        .decimal(precision: 14, scale: 2), optional: true, minimum: nil, maximum: nil, kinds: [], sizes: [],
        matches: "^[A-Z]*$", day: nil, hash: "3")
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(open) }
      #expect(error?.kind == .tableDrift)
      #expect(error?.diagnostics.map(\.severity) == [.error, .error])
    }
  }

  @Test(arguments: [
    ("narrower digits", "numeric(8,2)"), ("more scale", "numeric(12,3)"), ("less scale", "numeric(12,1)"),
    ("another type", "bigint"),
  ])
  func aTypeThatCouldLoseOrRewriteIsRefusedWithItsStatement(name: String, type: String) async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("stock_1.csv", Self.file)
      _ = try await fixture.ingest(stock(hash: "1"))
      let before = try await relfilenode(fixture)
      let types: [String: ColumnType] = [
        "numeric(8,2)": .decimal(precision: 8, scale: 2), "numeric(12,3)": .decimal(precision: 12, scale: 3),
        "numeric(12,1)": .decimal(precision: 12, scale: 1), "bigint": .bigint,
      ]
      let error = await #expect(throws: IngestError.self) {
        try await fixture.ingest(stock(try #require(types[type]), hash: "2"))
      }
      #expect(error?.kind == .tableDrift)
      let said = error?.description ?? ""
      #expect(said.contains("column \"price\" is numeric(10,2), the definition says \(type)"))
      #expect(said.contains(type == "numeric(12,3)" ? "rewrites the whole table" : "may not fit"))
      #expect(said.contains("alter table \"finance\".\"stock\" alter column \"price\" type \(type) using"))
      #expect(try await relfilenode(fixture) == before)
    }
  }

  @Test func aWiderIntegerIsRefusedBecauseItRewritesAndSaysSo() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("wide_1.csv", "id,n\n1,2\n")
      _ = try await fixture.ingest(feed("wide", [column("id", .bigint), column("n", .integer)]))
      let error = await #expect(throws: IngestError.self) {
        try await fixture.ingest(feed("wide", hash: "2", [column("id", .bigint), column("n", .bigint)]))
      }
      #expect(error?.description.contains("PostgreSQL rewrites the whole table") == true)
      // The statement that is given does what it says.
      let fix = try #require(error?.diagnostics.first?.fix)
      try await fixture.database.psql(try #require(fix.split(separator: "run: ").last.map(String.init)))
      #expect(
        try await fixture.ingest(feed("wide", hash: "2", [column("id", .bigint), column("n", .bigint)])).status
          == .nothingNew)
    }
  }

  @Test func aColumnUnderAViewIsRefusedWithTheViewsName() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("stock_1.csv", Self.file)
      _ = try await fixture.ingest(stock(hash: "1"))
      try await fixture.database.psql(
        "create materialized view finance.prices as select price from finance.stock; create view finance.kinds as select kind, price from finance.stock"
      )
      let wider = stock(.decimal(precision: 12, scale: 2), hash: "2")
      let error = await #expect(throws: IngestError.self) { try await fixture.ingest(wider) }
      #expect(error?.kind == .tableDrift)
      let fix = try #require(error?.diagnostics.first?.fix)
      #expect(fix.contains("drop materialized view finance.prices; drop view finance.kinds; alter table"))
      try await fixture.database.psql(try #require(fix.split(separator: "run: ").last.map(String.init)))
      #expect(try await fixture.ingest(wider).status == .nothingNew)
      // Other columns are not hindered by a view.
      #expect(
        try await fixture.ingest(stock(.decimal(precision: 12, scale: 2), kinds: ["a", "it's", "c"], hash: "3"))
          .findings.count == 1)
    }
  }

  @Test func columnsOfProvenanceAreNotTakenForStrangers() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("stock_1.csv", Self.file)
      _ = try await fixture.ingest(stock(hash: "1"))
      try await fixture.database.psql(
        "alter table finance.stock add column if not exists _daybook_file bigint, add column if not exists _daybook_line bigint, add column mine int"
      )
      let outcome = try await fixture.ingest(stock(hash: "2"))
      #expect(outcome.findings.map(\.code) == ["extra_column"])
      #expect(outcome.findings.first?.message.contains("\"mine\"") == true)
    }
  }

  // MARK: Which check is wider

  @Test(arguments: [
    ("CHECK ((a >= (5)::numeric))", "CHECK ((a >= (0)::numeric))", true),
    ("CHECK ((a >= (5)::numeric))", "CHECK ((a >= '-0.5'::numeric))", true),
    ("CHECK ((a >= (5)::numeric))", "CHECK ((a >= (5.01)::numeric))", false),
    ("CHECK ((a <= 5))", "CHECK ((a <= 6))", true), ("CHECK ((a <= 5))", "CHECK ((a <= 4))", false),
    ("CHECK ((a < 5))", "CHECK ((a < 6))", false), ("CHECK ((a > 5))", "CHECK ((a >= 5))", false),
    ("CHECK ((a >= 5))", "CHECK ((b >= 0))", false), ("CHECK ((a >= 5)) NOT VALID", "CHECK ((a >= 0))", false),
    ("CHECK (((a >= 5) OR (b >= 1)))", "CHECK ((a >= 0))", false),
    ("CHECK ((a >= '2020-01-01'::date))", "CHECK ((a >= '2019-12-31'::date))", true),
    ("CHECK ((a >= '2020-01-01'::date))", "CHECK ((a >= '2020-01-02'::date))", false),
    (
      "CHECK ((a >= timezone('UTC'::text, ('2020-01-01'::date)::timestamp without time zone)))",
      "CHECK ((a >= timezone('Asia/Tokyo'::text, ('2019-01-01'::date)::timestamp without time zone)))", false
    ),
    ("CHECK ((k = 'a'::text))", "CHECK ((k = ANY (ARRAY['b'::text, 'a'::text])))", true),
    ("CHECK ((k = ANY (ARRAY['b'::text, 'a'::text])))", "CHECK ((k = 'a'::text))", false),
    ("CHECK ((k = ANY (ARRAY['b'::text, 'a'::text])))", "CHECK ((j = ANY (ARRAY['b'::text, 'a'::text])))", false),
    ("CHECK ((k = 'a, b'::text))", "CHECK ((k = ANY (ARRAY['a'::text, 'b'::text])))", false),
    ("CHECK ((k = 'it''s'::text))", "CHECK ((k = ANY (ARRAY['it''s'::text, 'b'::text])))", true),
    ("CHECK ((k <> 'a'::text))", "CHECK ((k = ANY (ARRAY['a'::text, 'b'::text])))", false),
    ("CHECK ((k = E'a\\\\'::text))", "CHECK ((k = ANY (ARRAY[E'a\\\\'::text, 'b'::text])))", false),
    ("CHECK (((k)::text = 'a'::text))", "CHECK ((k = ANY (ARRAY['a'::text, 'b'::text])))", false),
    ("CHECK ((n = 1))", "CHECK ((n = ANY (ARRAY[1, 2])))", true),
    (
      "CHECK ((n = ANY (ARRAY[(1)::numeric, 2.5])))", "CHECK ((n = ANY (ARRAY[2.50, (1)::numeric, '-3'::numeric])))",
      true
    ),
    ("CHECK ((n = ANY (ARRAY[1, 2])))", "CHECK ((n = ANY (ARRAY[2, 3])))", false),
    ("CHECK ((k ~ '^a'::text))", "CHECK ((k ~ '^'::text))", false), ("", "CHECK ((a >= 0))", false),
    ("CHECK", "", false),
    ("CHECK ((k = 'a::text))", "CHECK ((k = 'b'::text))", false),
  ])
  func aCheckIsWiderOnlyWhenNothingElseDiffers(old: String, new: String, isWider: Bool) {
    #expect(Widening.isWider(new, than: old) == isWider)
  }
}
