import Definitions
import Finding
import Ledger
import Postgres
import Testing
import Views

@Suite struct RefreshTests {
  static let top = Shop.native(
    "top_customers", "select customer, paid from by_customer where customer is not null", inputs: ["by_customer"],
    unique: ["customer"], indexes: [["paid"]])

  @Test func nothingIsDoneWhereNoInputMoved() async throws {
    try await Shop.with(views: [Shop.byCustomer, Self.top]) { shop in
      try await shop.addSales(1...50)
      #expect(try await shop.refresher.refresh(.all).map(\.status) == [.created, .created])
      let before = try await shop.rows("select relfilenode::text from pg_class where relname = 'by_customer__state'")
      let second = try await shop.refresher.refresh(.all)
      #expect(second.allSatisfy { !$0.isChanged })
      #expect(second.first?.detail == "up to date with sales at version 1")
      #expect(
        try await shop.rows("select relfilenode::text from pg_class where relname = 'by_customer__state'") == before)
    }
  }

  @Test func aChangeReachesARollupAndTheViewsOnTopOfIt() async throws {
    try await Shop.with(views: [Shop.byCustomer, Self.top]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      try await shop.change("insert into shop.sales values (1000, 999, 'payment', 12.34, 1, now())")
      let outcomes = try await shop.refresher.refresh(.all)
      #expect(outcomes.map(\.status) == [.refreshed, .refreshed])
      #expect(outcomes[0].detail == "rebuilt and swapped: sales changed and its journal does not tell how")
      #expect(outcomes[1].detail == "refreshed concurrently: by_customer changed")
      #expect(try await shop.rows("select paid::text from shop.top_customers where customer = 999") == ["12.34"])
    }
  }

  @Test func aReaderOfARebuiltViewDoesNotWaitForTheOthersOfItsFeed() async throws {
    let slow = Shop.rollup(
      "slow", groups: [RollupGroup(name: "kind", source: .expression("shop.slowly(kind)"))],
      measures: [RollupMeasure(name: "n", function: .count)])
    try await Shop.with(views: [Shop.byCustomer, slow]) { shop in
      try await shop.run(
        """
        create function shop.slowly(kind text) returns text language plpgsql as $$
        begin
          perform pg_advisory_lock_shared(4711);
          perform pg_advisory_unlock_shared(4711);
          return kind;
        end $$
        """)
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      try await shop.pool.withConnection { gate in
        try await gate.execute("select pg_advisory_lock(4711)")
        async let outcomes = shop.refresher.refresh(.all, full: true)
        var isWaiting = false
        for _ in 1...1_500 where !isWaiting {
          try await Task.sleep(for: .milliseconds(20))
          let rows = try await gate.query(
            "select count(*) > 0 from pg_locks where locktype = 'advisory' and objid = 4711 and not granted")
          isWaiting = try rows.first?.decode(0, as: Bool.self) ?? false
        }
        try await gate.execute("set lock_timeout = '3s'")
        let read = try? await gate.query("select count(*) from shop.by_customer").count
        try await gate.execute("reset lock_timeout")
        try await gate.execute("select pg_advisory_unlock(4711)")
        #expect(read == 1, "the view was locked while the other one was built")
        let isChanged = try await outcomes.map(\.isChanged)
        #expect(isChanged == [true, true])
      }
    }
  }

  @Test func namingAViewRefreshesWhatItReadsFirst() async throws {
    try await Shop.with(views: [Shop.byCustomer, Self.top]) { shop in
      try await shop.addSales(1...50)
      #expect(
        try await shop.refresher.refresh(.named(["top_customers"])).map(\.view) == ["by_customer", "top_customers"])
      // What reads it is left alone: it is not made anew, and nobody asked for its readers.
      try await shop.addSales(51...60)
      #expect(try await shop.refresher.refresh(.named(["by_customer"])).map(\.view) == ["by_customer"])
    }
  }

  @Test func anUnknownViewIsNamedWithItsNearestNeighbour() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      let error = await #expect(throws: ViewError.self) {
        try await shop.refresher.refresh(.named(["by_custmer"]))
      }
      #expect(error?.diagnostic.fix == "did you mean \"by_customer\"?")
    }
  }

  @Test func aChangedDefinitionIsMadeAnewTogetherWithItsReaders() async throws {
    try await Shop.with(views: [Shop.byCustomer, Self.top]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      var changed = shop
      var rollup = Shop.byCustomer
      guard case .rollup(var definition) = rollup.kind else { return }
      definition.measures.removeFirst()
      rollup.kind = .rollup(definition)
      rollup.definitionHash = "2"
      changed.project.views = [rollup, Self.top]
      let outcomes = try await changed.refresher.refresh(.all)
      #expect(outcomes.map(\.status) == [.created, .created])
      #expect(outcomes[0].detail == "made anew: the definition changed")
      #expect(
        try await shop.rows(
          "select count(*) from information_schema.columns where table_name = 'by_customer' and column_name = 'sales_count'"
        ) == ["0"])
    }
  }

  @Test func aViewThatChangesItsKindReplacesItsFormerRelations() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      var changed = shop
      changed.project.views = [
        Shop.native("by_customer", "select customer, count(*) as n from sales group by 1", inputs: ["sales"], hash: "2")
      ]
      #expect(try await changed.refresher.refresh(.all).map(\.status) == [.created])
      #expect(try await shop.rows("select relkind::text from pg_class where relname like 'by_customer%'") == ["m"])
    }
  }

  @Test func whatDaybookDidNotMakeIsNeverDropped() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("create view shop.mine as select * from shop.by_customer")
      var changed = shop
      var rollup = Shop.byCustomer
      rollup.definitionHash = "2"
      changed.project.views = [rollup]
      let refresher = changed.refresher
      let error = await #expect(throws: ViewError.self) { try await refresher.refresh(.all) }
      #expect(error?.diagnostic.code == "foreign_dependents")
      #expect(error?.diagnostic.message.contains("view mine") == true)
      #expect(try await shop.rows("select count(*) from shop.mine") == ["7"])
    }
  }

  @Test func aCircleThroughAViewOfSomebodysNamesThatOneAlone() async throws {
    let counted = Shop.native("counted", "select count(*) as n from sales", inputs: ["sales"])
    try await Shop.with(views: [counted]) { shop in
      try await shop.addSales(1...5)
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("create view shop.mine as select n from shop.counted")
      var changed = shop
      changed.project.views = [
        Shop.native("counted", "select n + 1 as n from mine", inputs: [], hash: "2")
      ]
      let refresher = changed.refresher
      let error = await #expect(throws: ViewError.self) { try await refresher.refresh(.all) }
      #expect(error?.diagnostic.fix == "by hand: drop view mine; then run again, and create it anew")
      #expect(try await shop.rows("select n from shop.mine") == ["5"])
    }
  }

  @Test func aFailingViewStaysAsItWasAndThoseBeforeItAreKept() async throws {
    let broken = Shop.native("broken", "select 1 / (count(*) - 51) as x from sales", inputs: ["sales"])
    try await Shop.with(views: [Shop.byCustomer, broken]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      try await shop.change("insert into shop.sales values (1000, 999, 'payment', 12.34, 1, now())")
      let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
      #expect(error?.diagnostic.notes.first == "SQLSTATE 22012")
      #expect(try await shop.rows("select x::text from shop.broken") == ["-1"])
      #expect(try await shop.rows("select paid::text from shop.by_customer where customer = 999") == ["12.34"])
    }
  }

  @Test func rowsThatShareADeclaredKeySayWhereItIsDeclared() async throws {
    let keyed = Shop.native(
      "keyed", "select customer, kind from sales where id > 10", inputs: ["sales"], unique: ["customer"])
    try await Shop.with(views: [keyed]) { shop in
      let fix =
        "\"-- unique: customer\" says that no two rows share these columns: correct it or the query, "
        + "then: daybook refresh keyed"
      try await shop.change(
        "insert into shop.sales values (11, 1, 'fee', 1, 1, now()), (12, 1, 'payment', 1, 1, now())")
      var error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
      #expect(error?.diagnostic.fix == fix && error?.diagnostic.notes.first == "SQLSTATE 23505")
      try await shop.change("delete from shop.sales where id = 12")
      _ = try await shop.refresher.refresh(.all)
      // Two rows that are equal, which a refresh beside readers finds in another way than two that share the key.
      for kind in ["fee", "payment"] {
        try await shop.change("insert into shop.sales values (12, 1, '\(kind)', 1, 1, now())")
        error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
        #expect(error?.diagnostic.fix == fix, "\(kind)")
        try await shop.change("delete from shop.sales where id = 12")
      }
    }
  }

  @Test func aViewOverATableThatIsNotThereSaysWhatToLoad() async throws {
    let orphan = Shop.native("orphan", "select * from nothing", inputs: ["nothing"])
    try await Shop.with(views: [orphan]) { shop in
      let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
      #expect(error?.diagnostic.fix == "daybook ingest nothing")
    }
  }

  @Test func aReaderInsideATransactionKeepsTheStateItSawWhileARollupIsSwapped() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      try await shop.addSales(51...100)
      let refresher = shop.refresher
      try await shop.pool.withConnection { reader in
        let counted = "select sum(sales_count)::bigint from shop.by_customer"
        let before = try await reader.query(counted).first?.decode(0, as: Int.self)
        async let refreshed = refresher.refresh(.all)
        // Every answer a concurrent reader gets is a whole state: the old one or the new one.
        var seen: Set<Int> = []
        for _ in 0..<40 {
          if let rows = try await reader.query(counted).first?.decode(0, as: Int.self) { seen.insert(rows) }
        }
        _ = try await refreshed
        #expect(before == 50)
        #expect(seen.isSubset(of: [50, 100]))
        #expect(try await reader.query(counted).first?.decode(0, as: Int.self) == 100)
      }
    }
  }

  @Test func aFullRefreshRebuildsWhatDidNotMove() async throws {
    try await Shop.with(views: [Shop.byCustomer]) { shop in
      try await shop.addSales(1...50)
      _ = try await shop.refresher.refresh(.all)
      let outcome = try #require(try await shop.refresher.refresh(.all, full: true).first)
      #expect(outcome.detail == "rebuilt and swapped: asked for in full")
    }
  }

  /// One date that no period can be made of stops all rollups of its feed, so that its row has to be named.
  @Test func aDateBeyondTheCalendarIsNamedWithItsRow() async throws {
    let weekly = Shop.rollup(
      "weekly", groups: [RollupGroup(name: "week", source: .week("sold_at"))],
      measures: [RollupMeasure(name: "n", function: .count)])
    try await Shop.with(views: [weekly], timeZone: "Pacific/Kiritimati") { shop in
      try await shop.addSales(1...5)
      try await shop.run("insert into shop.sales values (77, 1, 'fee', 1, 1, '294276-12-31 23:30+00')")
      let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
      let said = try #require(error).diagnostic
      #expect(
        said.message.contains("sold_at of the row of sales where \"id\" = '77' is 294276-12-31 23:30:00+00"), "\(said)")
      #expect(said.fix?.contains("update \"shop\".\"sales\" set … where \"id\" = '77'") == true)
    }
  }
}
