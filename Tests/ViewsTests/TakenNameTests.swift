// Tables that users have under names near those of views: nothing of theirs is dropped.

import Definitions
import Testing
import Views

@Suite struct TakenNameTests {
  private static func views(_ hash: String) -> [ViewDefinition] {
    [
      Shop.rollup(
        "by_kind", groups: [RollupGroup(name: "kind", source: .column("kind"))],
        measures: [RollupMeasure(name: "n", function: .distinct("customer"))], hash: hash),
      Shop.native("doubled", "select kind, n * 2 as twice from by_kind", inputs: ["by_kind"], hash: hash),
    ]
  }

  @Test func tablesOfUsersStayWhateverTheirNames() async throws {
    try await Shop.with(views: Self.views("1")) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run(
        """
        create table shop.by_kind__grants as select 7 as mine; create table shop.doubled__grants as select 7 as mine;
        grant select on shop.by_kind, shop.doubled to public
        """)
      var new = shop
      new.project.views = Self.views("2")
      _ = try await new.refresher.refresh(.all)
      let kept = try await shop.rows("table shop.by_kind__grants union all table shop.doubled__grants")
      #expect(kept == ["7", "7"])
      let readable = "select relname from pg_class where relname in ('by_kind', 'doubled') and relacl::text ~ '[{,]=r/'"
      #expect(try await shop.rows("\(readable) order by 1") == ["by_kind", "doubled"])

      for (number, name) in ["by_kind__next", "by_kind__old", "by_kind__w0", "doubled__next"].enumerated() {
        try await shop.run("create table shop.\(name) as select 7 as mine")
        var newer = shop
        newer.project.views = Self.views("3.\(number)")
        let refresher = newer.refresher
        let error = await #expect(throws: ViewError.self) { try await refresher.refresh(.all, full: true) }
        let text = error?.description ?? ""
        #expect(text.contains("the table shop.\(name) has a name that Daybook needs"), "\(text)")
        #expect(text.contains(#"fix: alter table "shop"."\#(name)" rename to "#), "\(text)")
        #expect(try await shop.rows("select * from shop.\(name)") == ["7"])
        try await shop.run("alter table shop.\(name) rename to kept_\(number)")
        let outcomes = try await refresher.refresh(.all, full: true)
        #expect(outcomes.map(\.view) == ["by_kind", "doubled"])
        #expect(try await shop.rows("select twice from shop.doubled") == ["2"])
      }
    }
  }

  @Test func whatSomebodyPutInThePlaceOfWhatDaybookMadeIsLeftAlone() async throws {
    try await Shop.with(views: Self.views("1")) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      let mine: KeyValuePairs = [
        "by_kind__v0": "table", "by_kind__state": "table", "doubled": "materialized view",
      ]
      for (number, (name, kind)) in mine.enumerated() {
        try await shop.run(
          """
          alter \(kind) shop.\(name) rename to kept_\(number);
          create \(kind) shop.\(name) as select kind, 7 as n, 7 as __n, 7 as twice from shop.sales;
          comment on \(kind) shop.\(name) is 'accounts department'
          """)
        for full in [false, true] {
          let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all, full: full) }
          let text = error?.description ?? ""
          #expect(text.contains("the \(kind) shop.\(name) has a name that Daybook needs"), "\(text)")
          #expect(text.contains("comment on \(kind) \"shop\".\"\(name)\" is null"), "\(text)")
          let left = "select twice, obj_description('shop.\(name)'::regclass) as said from shop.\(name)"
          #expect(try await shop.rows(left) == ["accounts department|7"])
        }
        try await shop.run("alter \(kind) shop.\(name) rename to mine_\(number)")
        let details = try await shop.refresher.refresh(.all).map(\.detail)
        #expect(details.allSatisfy { $0.hasPrefix("made anew") } || number == 2, "\(details)")
        #expect(try await shop.rows("select twice from shop.doubled") == ["2"])
      }

      // What somebody gave another comment is theirs until they take that away; it then is made anew.
      try await shop.run("comment on materialized view shop.doubled is 'figures of the board'")
      await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
      try await shop.run("comment on materialized view shop.doubled is null")
      let details = try await shop.refresher.refresh(.named(["doubled"])).map(\.detail)
      #expect(details.last == "made anew: what stood there did not say that Daybook made it")
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
    }
  }

  @Test func ofAStateWithSomebodysCommentTheStateIsNamedAndNotItsView() async throws {
    try await Shop.with(views: Self.views("1")) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("comment on table shop.by_kind__state is 'large, see wiki'")
      let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
      let text = error?.description ?? ""
      #expect(text.contains("the table shop.by_kind__state has a name that Daybook needs"), "\(text)")
      #expect(text.contains("fix: if Daybook made it and somebody gave it its comment: comment on table"), "\(text)")
      try await shop.run("comment on table shop.by_kind__state is null")
      _ = try await shop.refresher.refresh(.all)
      #expect(try await shop.rows("select n from shop.by_kind") == ["1"])
    }
  }

  @Test func theViewOfAStateThatSomebodyRenamedIsMadeAnew() async throws {
    try await Shop.with(views: Self.views("1")) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      try await shop.run("alter table shop.by_kind__state rename to kept; update shop.kept set __n = 7")
      let details = try await shop.refresher.refresh(.all).map(\.detail)
      #expect(details.first == "made anew: what it was made of was gone")
      #expect(try await shop.rows("select n from shop.by_kind") == ["1"])
      #expect(try await shop.rows("select __n from shop.kept") == ["7"])
    }
  }

  /// What stood there before a view was made for the first time is not an earlier definition of it.
  @Test func nothingThatStoodThereFirstIsTaken() async throws {
    try await Shop.with(views: Self.views("1")) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      // A view of one's own over a table of one's own, under both names.
      try await shop.run(
        "create table shop.by_kind__state as select 7 as mine; create view shop.by_kind as table shop.by_kind__state")
      await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
      #expect(try await shop.rows("table shop.by_kind") == ["7"])
      try await shop.run("drop view shop.by_kind; drop table shop.by_kind__state")
      let mine: KeyValuePairs = [
        "by_kind__state": "table", "by_kind__v0": "table", "by_kind": "view", "doubled": "materialized view",
      ]
      for (name, kind) in mine {
        try await shop.run("create \(kind) shop.\(name) as select 7 as mine")
        let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
        let text = error?.description ?? ""
        #expect(text.contains("the \(kind) shop.\(name) has a name that Daybook needs"), "\(text)")
        #expect(try await shop.rows("select mine from shop.\(name)") == ["7"])
        try await shop.run("drop \(kind) shop.\(name)")
      }
      _ = try await shop.refresher.refresh(.all)
      try await shop.run(
        """
        create table shop.doubled__state as select 7 as mine;
        create table shop.by_kind__v7 as select 7 as mine; comment on table shop.by_kind__v7 is 'by hand'
        """)
      var new = shop
      new.project.views = Self.views("2")
      _ = try await new.refresher.refresh(.all)
      #expect(try await shop.rows("table shop.doubled__state union all table shop.by_kind__v7") == ["7", "7"])

      // Without the ledger's word the relations themselves say whose they are.
      try await shop.run("delete from daybook.view_state")
      #expect(try await new.refresher.refresh(.all).map(\.view) == ["by_kind", "doubled"])
      #expect(try await shop.rows("table shop.doubled__state union all table shop.by_kind__v7") == ["7", "7"])
    }
  }
}
