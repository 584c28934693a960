// Rollups that follow the journal are equal, digit for digit, to rollups made from the table, whatever happens to it.

import Definitions
import Ledger
import Money
import Postgres
import Testing

@testable import Views

@Suite struct DeltaTests {
  /// Every kind of group and measure.
  static var views: [ViewDefinition] {
    guard case .rollup(let byCustomer) = Shop.byCustomer.kind else { return [] }
    let extremes = [
      RollupMeasure(name: "n", function: .count, condition: "kind <> 'fee'"),
      RollupMeasure(name: "total", function: .sum("amount")),
      RollupMeasure(name: "low", function: .min("amount"), condition: "kind = 'payment'"),
      RollupMeasure(name: "late", function: .max("sold_at")),
      RollupMeasure(name: "buyers", function: .distinct("customer"), condition: "quantity > 0"),
      RollupMeasure(name: "amounts", function: .distinct("amount")),
      RollupMeasure(name: "opening", function: .first("quantity", by: "customer")),
      RollupMeasure(name: "spread", function: .stddev("amount"), condition: "quantity > 0"),
    ]
    let currency = RollupGroup(name: "currency", source: .column("currency"))
    let kind = RollupGroup(name: "kind", source: .column("kind"))
    func groups(_ source: RollupGroup.Source) -> [RollupGroup] {
      [RollupGroup(name: "period", source: source), currency]
    }
    return [
      Shop.rollup("customers", groups: byCustomer.groups + [currency], measures: byCustomer.measures),
      Shop.rollup("days", groups: groups(.date("sold_at")) + [kind], measures: extremes),
      Shop.rollup("weeks", groups: groups(.week("sold_at")), measures: extremes),
      Shop.rollup(
        "sizes",
        groups: [
          RollupGroup(name: "size", source: .expression("nullif(quantity, 0)")),
          RollupGroup(name: "customer", source: .column("customer")),
        ], measures: extremes),
      Shop.rollup("plain_days", groups: groups(.date("sold_at")), measures: plain),
      Shop.rollup(
        "fiscal_years", groups: groups(.fiscalYear("sold_at")), measures: plain.map { renamed($0) },
        over: "plain_days"),
      // What a finer state does not tell is read from the table.
      Shop.rollup(
        "months", groups: groups(.month("sold_at")) + [kind], measures: extremes.map { renamed($0) }, over: "days"),
      // Distinct values are counted by those of the days two rollups below; without a period a rollup keeps its own.
      Shop.rollup(
        "quarters", groups: groups(.fiscalQuarter("sold_at")) + [kind], measures: extremes.map { renamed(renamed($0)) },
        over: "months"),
      Shop.rollup(
        "kinds", groups: [kind, currency], measures: extremes.map { renamed($0) }, over: "days"),
    ]
  }

  private static let plain = [
    RollupMeasure(name: "n", function: .count, condition: "kind <> 'fee'"),
    RollupMeasure(name: "total", function: .sum("amount"), condition: "customer > 1"),
    RollupMeasure(name: "mean", function: .average("quantity")),
    RollupMeasure(name: "spread", function: .variance("amount"), condition: "kind = 'payment'"),
    RollupMeasure(name: "low", function: .min("amount"), condition: "kind = 'payment'"),
    RollupMeasure(name: "late", function: .max("sold_at")),
  ]

  private static func renamed(_ measure: RollupMeasure) -> RollupMeasure {
    RollupMeasure(name: "of_\(measure.name)", function: measure.function, condition: measure.condition)
  }

  /// Compares each rollup with its recompute, as text: equal in every digit.
  static func differences(_ shop: Shop) async throws -> [String] {
    let counts = try views.map { view in
      let recompute = try #require(try shop.refresher.recompute(of: view)).query
      return """
        select '\(view.name): ' as view, (
          with a as materialized (select t::text from shop.\(view.name)__state as t),
            b as materialized (select t::text from (\(recompute)) as t)
          select count(*) from ((table a except all table b) union all (table b except all table a)) as d) as rows
        """
    }
    return try await shop.rows(
      "select view || rows || ' rows' as found from (\(counts.joined(separator: " union all "))) as c where rows > 0")
  }

  /// What `days` shows, written by hand: nothing of the engine is in it.
  private static func daysByHand(_ zone: String) -> String {
    """
    select (sold_at at time zone '\(zone)')::date as period, currency, kind, count(*) filter (where kind <> 'fee') as n,
      sum(amount) as total, min(amount) filter (where kind = 'payment') as low, max(sold_at) as late,
      count(distinct customer) filter (where quantity > 0) as buyers, count(distinct amount) as amounts,
      (array_agg(quantity order by customer nulls last, id))[1] as opening,
      stddev_samp(amount) filter (where quantity > 0) as spread
    from shop.sales group by 1, 2, 3
    """
  }

  /// How many of the moments around which sales are drawn are changes of the clock in that zone.
  private static func clockChanges(_ shop: Shop, _ zone: String) async throws -> [String] {
    let moments = (RandomSales.clockChanges[zone] ?? []).map { "timestamptz '\($0)+00'" }.joined(separator: ", ")
    func clock(_ moment: String) -> String { "(\(moment)) at time zone '\(zone)' - (\(moment)) at time zone 'UTC'" }
    return try await shop.rows(
      "select count(*) from unnest(array[\(moments)]) as m where \(clock("m")) <> \(clock("m - interval '1 second'"))")
  }

  @Test(arguments: [("America/New_York", 1), ("Europe/Berlin", 2), ("Pacific/Apia", 3), ("America/Sao_Paulo", 4)])
  func whateverChangesTheStateEqualsARebuild(_ zone: String, _ seed: UInt64) async throws {
    try await Shop.with(
      views: Self.views, timeZone: zone, weekStart: .sunday, fiscalYearStartMonth: 2
    ) { shop in
      try await shop.keepJournal()
      let changes = try await Self.clockChanges(shop, zone)
      #expect(changes == ["2"])
      var sales = RandomSales(seed: seed, zone: zone)
      var (deltas, rebuilt, lookups) = (0, 0, 0)
      // In two of the zones groups in doubt are looked up; in the others they are read in one pass.
      var refresher = shop.refresher
      refresher.anewReading = [2: .stretches, 4: .lookups][seed]
      try await shop.batch(sales.statements())
      // 500 batches in all four, each compared by itself, and some nights beside them that find several.
      for number in 1...125 {
        try await shop.batch(sales.statements())
        if number % 25 == 0 { try await shop.batch(sales.statements()) }
        // The planner's belief decides between delta and rebuild; most of the time it is to be delta. What both took here
        // has no say.
        try await shop.run(
          """
          update pg_class set reltuples = \(number % 11 == 0 ? 1 : 1_000_000) where oid = 'shop.sales'::regclass;
          truncate daybook.view_timing
          """)
        let outcomes = try await refresher.refresh(.all)
        deltas += outcomes.count { $0.detail.hasPrefix("by delta") }
        rebuilt += outcomes.count { $0.detail.hasPrefix("rebuilt") }
        lookups += outcomes.count { $0.detail.contains("looked up anew") }
        let told = outcomes.filter { $0.rows != nil }
        if !told.isEmpty {
          let counts = told.map { "select '\($0.view)' as view, count(*) as n from shop.\($0.view)__state" }
          let counted = try await shop.rows(counts.joined(separator: " union all "))
          #expect(counted.sorted() == told.map { "\($0.rows ?? 0)|\($0.view)" }.sorted(), "batch \(number)")
        }
        let found = try await Self.differences(shop)
        #expect(found == [], "batch \(number)")
        let different = try await shop.difference("select * from shop.days", Self.daysByHand(zone))
        #expect(different == 0, "batch \(number)")
        if !found.isEmpty { return }
      }
      #expect(deltas > 300 && rebuilt > 5, "\(deltas) by delta, \(rebuilt) rebuilt")
      #expect(refresher.anewReading == nil ? lookups == 0 : lookups > 50, "\(lookups) looked up")
    }
  }

  /// What is in doubt is looked up where an index finds few rows, not where it would find the same many for each group.
  @Test func groupsInDoubtAreLookedUpWhereThatReadsLess() async throws {
    func rollup(_ name: String, _ source: RollupGroup.Source) -> ViewDefinition {
      Shop.rollup(
        name,
        groups: [RollupGroup(name: "place", source: source), RollupGroup(name: "kind", source: .column("kind"))],
        measures: [RollupMeasure(name: "top", function: .max("amount"))])
    }
    let views = [
      rollup("customers", .column("customer")), rollup("days", .date("sold_at")), rollup("years", .year("sold_at")),
    ]
    try await Shop.with(views: views) { shop in
      try await shop.keepJournal()
      try await shop.batch(
        """
        insert into shop.sales
        select i, i % 1000, 'kind' || i % 4, i, 1, timestamptz '2025-02-01' + i % 300 * interval '1 day'
        from generate_series(1, 20000) as i
        """)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("create index on shop.sales (sold_at)")
      try await shop.run("create index on shop.sales (customer)")
      try await shop.run("analyze shop.sales")
      try await shop.batch("delete from shop.sales where id > 19995")
      let outcomes = try await shop.refresher.refresh(.all).map { "\($0.view) \($0.detail)" }
      for (view, way) in [("customers", "looked up"), ("days", "looked up"), ("years", "read")] {
        #expect(outcomes.contains { $0.hasPrefix(view) && $0.contains(" of them \(way) anew") }, "\(outcomes)")
      }
    }
  }

  /// The first day of the calendar has none before it.
  @Test func theExtremesOfTheFirstDayAreReadAnew() async throws {
    let views = [RollupGroup.Source.date("sold_at"), .column("kind")].enumerated().map { number, source in
      Shop.rollup(
        "view\(number)", groups: [RollupGroup(name: "place", source: source)],
        measures: [RollupMeasure(name: "top", function: .max("amount"))])
    }
    try await Shop.with(views: views, timeZone: "UTC") { shop in
      try await shop.keepJournal()
      try await shop.batch(
        """
        insert into shop.sales select i, 1, 'payment', i, 1, '4714-11-24 10:00+00 BC' from generate_series(1, 3) as i
        """)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update pg_class set reltuples = 1000 where oid = 'shop.sales'::regclass")
      try await shop.batch("delete from shop.sales where id = 3")
      let outcomes = try await shop.refresher.refresh(.all)
      #expect(outcomes.allSatisfy { $0.detail.hasPrefix("by delta") }, "\(outcomes)")
      let tops = try await shop.rows("select top from shop.view0 union all select top from shop.view1")
      #expect(tops == ["2.00", "2.00"])
    }
  }

  @Test func aReplayChangesNothing() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.keepJournal()
      try await shop.batch("insert into shop.sales values (1, 1, 'payment', 5, 1, now()), (2, 2, 'fee', 1, 1, now())")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update pg_class set reltuples = 1000 where oid = 'shop.sales'::regclass")
      try await shop.batch("insert into shop.sales values (3, 1, 'payment', 7, 1, now())")
      let outcome = try await shop.refresher.refresh(.all)
      #expect(outcome.map(\.detail) == ["by delta: 1 images of 1 batch onto 1 groups"])
      // As if the versions had been lost: the watermark, not they, says what is in the state.
      try await shop.run("update daybook.view_state set input_versions = '{}'")
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.rows("select paid::text from shop.by_customer where customer = 1") == ["12.00"])
    }
  }

  /// A watched table takes them by hand.
  @Test func theExtremesOfTheEndsOfTimeAreReadAnew() async throws {
    let months = Shop.rollup(
      "months", groups: [RollupGroup(name: "month", source: .month("sold_at"))],
      measures: [RollupMeasure(name: "low", function: .min("amount"))])
    try await Shop.with(views: [months]) { shop in
      try await shop.keepJournal()
      try await shop.batch(
        """
        insert into shop.sales select i, 1, 'payment', i, 1, (array['infinity', '-infinity'])[1 + i % 2]::timestamptz
        from generate_series(1, 6) as i
        """)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("update pg_class set reltuples = 1000 where oid = 'shop.sales'::regclass")
      try await shop.batch("delete from shop.sales where id <= 2")
      #expect(try await shop.refresher.refresh(.all).first?.detail.hasPrefix("by delta") == true)
      let rows = try await shop.rows("select month::text, low from shop.months order by months.month")
      #expect(rows == ["3.00|-infinity", "4.00|infinity"])
    }
  }

  @Test func aSumThatIsNoNumberIsReadFromTheTable() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.keepJournal()
      try await shop.batch(
        "insert into shop.sales values (1, 1, 'payment', 5, 1, now()), (2, 1, 'payment', 'NaN', 1, now())")
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.rows("select paid::text from shop.by_customer") == ["NaN"])
      try await shop.run("update pg_class set reltuples = 1000 where oid = 'shop.sales'::regclass")
      try await shop.batch("delete from shop.sales where id = 2")
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "rebuilt and swapped: a sum is not a number, and images cannot tell what it becomes"
        ])
      #expect(try await shop.rows("select paid::text from shop.by_customer") == ["5.00"])
    }
  }

  @Test func aBulkLoadAndAnUntoldChangeAreReadFromTheTable() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.keepJournal()
      try await shop.batch("insert into shop.sales values (1, 1, 'payment', 5, 1, now())")
      _ = try await shop.refresher.refresh(.all)
      try await shop.batch("insert into shop.sales values (2, 1, 'payment', 6, 1, now())", kind: .rebuild)
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == ["rebuilt and swapped: sales was loaded in bulk"])
      try await shop.run("alter table shop.sales disable trigger keep_images")
      try await shop.change("insert into shop.sales values (3, 1, 'payment', 7, 1, now())")
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "rebuilt and swapped: sales changed and its journal does not tell how"
        ])
      #expect(try await shop.rows("select paid::text from shop.by_customer where customer = 1") == ["18.00"])
    }
  }

  @Test func whatDependsOnMoreThanTheRowIsAlwaysRebuilt() async throws {
    let recent = Shop.rollup(
      "recent", groups: [RollupGroup(name: "customer", source: .column("customer"))],
      measures: [RollupMeasure(name: "n", function: .count, condition: "sold_at > Now() - interval '1 day'")])
    try await Shop.with(views: [recent]) { shop in
      try await shop.keepJournal()
      try await shop.batch("insert into shop.sales values (1, 1, 'payment', 5, 1, now())")
      _ = try await shop.refresher.refresh(.all)
      try await shop.batch("insert into shop.sales values (2, 1, 'payment', 5, 1, now())")
      #expect(
        try await shop.refresher.refresh(.all).map(\.detail) == [
          "rebuilt and swapped: \"now\" in its definition is more than the row tells"
        ])
    }
  }

  /// Changes a statement of the engine.
  private typealias Wrong = @Sendable (String) -> String

  /// Faults that a rollup engine may have. Each is put into the SQL, and the comparison has to notice it.
  private static let faults: [(name: String, wrong: Wrong)] = [
    ("extremes are not read anew", { $0.replacing("case when c.\"__anew\" then", with: "case when false then") }),
    (
      "squares are not taken back",
      { $0.replacing("sum(\"_daybook_weight\" * (", with: "sum(abs(\"_daybook_weight\") * (") }
    ),
    (
      "ties are left to chance", { $0.replacing("coalesce(d.\"opening__by\" = s.\"opening__by\", false) or", with: "") }
    ),
    ("null groups are never found", { $0.replacing("is not distinct from", with: "=") }),
    ("values that left are still counted", { $0.replacing("- count(*) filter", with: "- 0 * count(*) filter") }),
    ("values are not kept", { $0.hasPrefix("insert into") && $0.contains("__value") ? "select 1" : $0 }),
    ("a stretch of time ends too early", { $0.replacing("' + interval '1 day'", with: "' - interval '2 days'") }),
    (
      "the watermark covers a batch whose images are not applied",
      { $0.replacing("_daybook_batch\" <= ", with: "_daybook_batch\" < ") }
    ),
    ("emptied groups stay", { $0.hasPrefix("delete") ? "select 1" : $0 }),
    (
      "values of the finest rollup are taken for those of before the change",
      { $0.replacing("t.\"__left\" - c.\"__n\"", with: "t.\"__left\"") }
    ),
    ("images are applied twice", { $0.replacing("_daybook_batch\" > ", with: "_daybook_batch\" > -1 + ") }),
  ]

  @Test(arguments: faults.indices)
  func aFaultInTheEngineIsNoticed(index: Int) async throws {
    let fault = Self.faults[index]
    let (isApplied, batch) = try await Self.noticed(within: 40, fault.wrong)
    #expect(isApplied, "the fault was never in the SQL")
    #expect(batch != nil, "\(fault.name)")
  }

  @Test func aWatermarkThatCommitsBeforeItsImagesIsNoticed() async throws {
    let (_, batch) = try await Self.noticed(within: 20, isKilled: true, isWatermarkFirst: true) { $0 }
    #expect(batch?.isMultiple(of: 3) == true)
  }

  /// What faults are put into goes unnoticed without one: it is not the way of carrying it out that is noticed.
  @Test func theSameWithoutAFaultIsNot() async throws {
    let (_, batch) = try await Self.noticed(within: 20, isKilled: true) { $0 }
    #expect(batch == nil)
  }

  /// What ends a transaction before it commits.
  private struct Kill: Error {}

  /// Carries the engine's statements out, each of them changed, over random batches.
  ///
  /// - Parameters:
  ///   - isKilled: whether what is done at every third batch is killed before its end, and done again.
  ///   - isWatermarkFirst: whether the watermark commits before the images that it covers, and not with them.
  /// - Returns: whether the change was one, and at which batch the comparison noticed it, if it did.
  private static func noticed(
    within batches: Int, isKilled: Bool = false, isWatermarkFirst: Bool = false, _ wrong: Wrong
  ) async throws -> (isApplied: Bool, batch: Int?) {
    var isApplied = false
    var noticed: Int?
    try await Shop.with(views: Self.views) { shop in
      try await shop.keepJournal()
      var sales = RandomSales(seed: 11)
      for _ in 1...3 { try await shop.batch(sales.statements()) }
      _ = try await shop.refresher.refresh(.all)
      for number in 1...batches where noticed == nil {
        try await shop.batch(sales.statements())
        for view in Self.views {
          let killed = isKilled && number.isMultiple(of: 3) ? [true, false] : [false]
          for isKilled in killed {
            do {
              let texts = try await carryOut(
                view, on: shop, isWatermarkFirst: isWatermarkFirst, isKilled: isKilled, wrong)
              if texts.contains(where: { wrong($0) != $0 }) { isApplied = true }
            } catch is Kill {
            } catch let error as PostgresError {
              // Two rows for one group: the server refuses them, and the rollup stays behind its table.
              guard error.sqlState == "23505" else { throw error }
              isApplied = true
            }
          }
        }
        if try await !Self.differences(shop).isEmpty { noticed = number }
      }
    }
    return (isApplied, noticed)
  }

  /// Brings one rollup up to date by the engine's statements.
  ///
  /// - Returns: the statements as the engine made them.
  private static func carryOut(
    _ view: ViewDefinition, on shop: Shop, isWatermarkFirst: Bool, isKilled: Bool, _ wrong: Wrong
  ) async throws -> [String] {
    guard case .rollup(let rollup) = view.kind else { return [] }
    let sql = try shop.refresher.rollupSQL(rollup, of: view)
    return try await shop.pool.withConnection { connection in
      let known = try await ViewStates.current(on: connection)[view.name]
      let after = known?.absorbedBatch ?? 0
      let through = try await BatchLedger.batches(of: "sales", after: after, on: connection).last?.batchID ?? after
      var state = known ?? ViewState(definitionHash: "1", inputVersions: [:])
      state.absorbedBatch = through
      if isWatermarkFirst { try await ViewStates.record(view.name, state, on: connection) }
      return try await connection.withTransaction { [state] connection in
        let delta = RollupDelta(
          sql: sql, images: RollupImages(of: [sql], after: 0, through: through), after: after, through: through)
        let values = sql.countedValues.flatMap {
          [$0.createChanges(delta)] + $0.apply + ["drop table daybook_values"]
        }
        let before = [delta.createDelta, delta.createChange]
        for text in before { try await connection.execute(wrong(text)) }
        let counted = try #require(try await connection.query(delta.survey).first)
        let withNull = try RollupDelta.Survey(counted).anewWithNull > 0
        let reading = withNull ? .pass : delta.lookups.last ?? .pass
        let anew = delta.createAnew(by: reading, withNull: withNull)
        let steps = [
          anew, delta.deleteEmptied, delta.update(withAnew: anew != nil), delta.insert(withAnew: anew != nil),
        ].compactMap { $0 }
        for text in values + steps { try await connection.execute(wrong(text)) }
        try await connection.executeScript(
          "drop table daybook_delta, daybook_change; drop table if exists daybook_anew")
        if !isWatermarkFirst { try await ViewStates.record(view.name, state, on: connection) }
        if isKilled { throw Kill() }
        return before + values + steps
      }
    }
  }
}
