// What happens to readers when a definition changes, and to groups whose keys no index can hold.

import Definitions
import Ledger
import Postgres
import Testing

@testable import Views

@Suite struct RedefinitionTests {
  private static let gate = 3_141_592

  /// A rollup of sales by kind that a new definition makes by way of `condition`.
  private static func byKind(_ condition: String, hash: String) -> ViewDefinition {
    Shop.rollup(
      "by_kind", groups: [RollupGroup(name: "kind", source: .column("kind"))],
      measures: [RollupMeasure(name: "n", function: .count, condition: condition)], hash: hash)
  }

  private static func doubled(_ condition: String, hash: String) -> ViewDefinition {
    Shop.native(
      "doubled", "select kind, n * 2 as twice from by_kind where \(condition)", inputs: ["by_kind"], unique: ["kind"],
      indexes: [["twice"]], hash: hash)
  }

  /// An immutable function that waits while somebody holds the gate.
  private static let wait = """
    create function shop.passes(anything anyelement) returns boolean immutable language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(\(gate));
      return true;
    end $$
    """

  @Test func readersReadTheOldViewsWhileNewOnesAreMade() async throws {
    let old = [Self.byKind("true", hash: "1"), Self.doubled("true", hash: "1")]
    try await Shop.with(views: old) { shop in
      try await shop.change(
        "insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01'), (2, 1, 'fee', 1, 1, '2026-01-02')")
      try await shop.run(Self.wait)
      _ = try await shop.refresher.refresh(.all)

      for changed in 0...1 {
        var new = shop
        new.project.views = [
          Self.byKind(changed == 0 ? "passes(kind)" : "true", hash: changed == 0 ? "2" : "1"),
          Self.doubled(changed == 1 ? "passes(kind)" : "true", hash: changed == 1 ? "2" : "1"),
        ]
        let refresher = new.refresher
        if changed == 1 { _ = try await shop.refresher.refresh(.all) }
        try await shop.pool.withConnection { holder in
          try await holder.execute("select pg_advisory_lock(\(Self.gate))")
          let refresh = Task { try await refresher.refresh(.all) }
          var isWaiting = false
          for _ in 0..<200 where !isWaiting {
            let waiting = try await holder.query(
              "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = \(Self.gate)")
            isWaiting = try waiting.first?.decode(0, as: Int.self) == 1
            if !isWaiting { try await Task.sleep(for: .milliseconds(10)) }
          }
          #expect(isWaiting, "nobody waits at the gate")
          try await holder.execute("set statement_timeout = '2s'")
          for view in ["by_kind", "doubled"] {
            let seen = try await holder.query("select count(*) from shop.\(view)")
            let count = try seen.first?.decode(0, as: Int.self)
            #expect(count == 2, "\(view)")
          }
          try await holder.execute("select pg_advisory_unlock(\(Self.gate))")
          let outcomes = try await refresh.value
          #expect(outcomes[changed].status == .created)
        }
        #expect(try await shop.rows("select * from shop.doubled order by kind") == ["fee|2", "payment|2"])
      }
      let indexes = try await shop.rows(
        "select indexname from pg_indexes where schemaname = 'shop' and tablename = 'doubled' order by 1")
      #expect(indexes == ["doubled_kind_idx", "doubled_twice_idx"])
    }
  }

  @Test func anIndexThatSomebodyDroppedIsMadeAgain() async throws {
    try await Shop.with(views: [Self.byKind("true", hash: "1"), Self.doubled("true", hash: "1")]) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      for hasMoved in [false, true] {
        try await shop.run("drop index shop.doubled_twice_idx")
        if hasMoved { try await shop.change("insert into shop.sales values (2, 1, 'payment', 5, 1, '2026-01-01')") }
        let outcomes = try await shop.refresher.refresh(.all)
        if !hasMoved { #expect(outcomes[1].detail == "its index on twice was gone, and was made again") }
        #expect(try await shop.rows("select 1 as n from pg_indexes where indexname = 'doubled_twice_idx'") == ["1"])
        #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      }
    }
  }

  @Test func aRefreshByNameMakesTheReadersOfAChangedViewToo() async throws {
    try await Shop.with(views: [Self.byKind("true", hash: "1"), Self.doubled("true", hash: "1")]) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      var new = shop
      new.project.views[0] = Self.byKind("amount > 100", hash: "2")
      let outcomes = try await new.refresher.refresh(.named(["by_kind"]))
      #expect(outcomes.map(\.view) == ["by_kind", "doubled"])
      #expect(try await shop.rows("select * from shop.doubled") == ["payment|0"])
    }
  }

  @Test func whatWasMadeOfADefinitionThatIsGoneIsNotInTheWay() async throws {
    let further = Shop.native("further", "select sum(twice) as n from doubled", inputs: ["doubled"])
    let views = [Self.byKind("true", hash: "1"), Self.doubled("true", hash: "1"), further]
    try await Shop.with(views: views) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      var new = shop
      new.project.views = [Self.byKind("amount > 100", hash: "2")]
      // What somebody made themselves stays, and says so.
      try await shop.run("create view shop.mine as select * from shop.further")
      let refresher = new.refresher
      let error = await #expect(throws: ViewError.self) { try await refresher.refresh(.all) }
      #expect(error?.description.contains("view mine depends on what is there") == true, "\(String(describing: error))")
      try await shop.run("drop view shop.mine")
      #expect(try await refresher.refresh(.all).map(\.status) == [.created])
      #expect(try await shop.rows("select n from shop.by_kind") == ["0"])
      #expect(try await shop.rows("select relname from pg_class where relname in ('doubled', 'further')") == [])
    }
  }

  @Test func whoMayReadAViewMayReadTheNewOne() async throws {
    try await Shop.with(views: [Self.byKind("true", hash: "1"), Self.doubled("true", hash: "1")]) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      let role = "Clerk " + (try await shop.rows("select current_database() as a")).joined()
      try await shop.run(
        """
        create role "\(role)"; grant select on shop.by_kind to public; grant select (twice) on shop.doubled to "\(role)";
        grant select on shop.doubled to "\(role)" with grant option
        """)
      let granted = """
        select relname, relacl::text, (select attacl::text from pg_attribute where attrelid = c.oid and attname = 'twice')
        from pg_class c where relname in ('by_kind', 'doubled') order by 1
        """
      let before = try await shop.rows(granted)
      var new = shop
      new.project.views[0] = Self.byKind("amount > 1", hash: "2")
      _ = try await new.refresher.refresh(.all)
      #expect(try await shop.rows(granted) == before)
      #expect(before.joined().contains("r*/"), "\(before)")
      new.project.views[1] = Self.doubled("true ", hash: "2")
      _ = try await new.refresher.refresh(.all)
      #expect(try await shop.rows(granted) == before)
      #expect(try await shop.rows("select relname from pg_class where relname ~ '^grants |__grants$'") == [])
    }
  }

  @Test func aViewReplacedByHandIsPutBack() async throws {
    try await Shop.with(views: [Self.byKind("true", hash: "1"), Self.doubled("true", hash: "1")]) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      for (number, more) in ["", ", 1 as more"].enumerated() {
        try await shop.run(
          "create or replace view shop.by_kind as select kind, 0::bigint as n\(more) from shop.by_kind__state")
        if number == 0 { try await shop.change("insert into shop.sales values (2, 1, 'payment', 5, 1, '2026-01-01')") }
        let outcomes = try await shop.refresher.refresh(.all)
        #expect(outcomes[0].detail.hasPrefix("its view was not the one that Daybook made, and was put back"))
        #expect(try await shop.rows("select * from shop.by_kind") == ["2|payment"])
        #expect(try await shop.rows("select twice from shop.doubled") == ["4"])
        #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      }
      // A state that an older program left says nothing of its view; the view is made anew, and nothing is claimed.
      try await shop.run("comment on table shop.by_kind__state is null")
      #expect(try await shop.refresher.refresh(.all).allSatisfy { !$0.isChanged })
      #expect(try await shop.rows("select obj_description('shop.by_kind__state'::regclass) is null as a") == ["false"])
    }
  }

  @Test func oneReaderWhoStaysDoesNotKeepOthersWaiting() async throws {
    try await Shop.with(views: [Self.byKind("true", hash: "1")]) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      let refresher = shop.refresher
      try await shop.withOtherPool(max: 2) { others in
        try await others.withConnection { holder in
          try await holder.execute("begin")
          _ = try await holder.query("select * from shop.by_kind")
          let refresh = Task { try await refresher.refresh(.all, full: true) }
          try await shop.waitForWaiting(where: "mode = 'AccessExclusiveLock'")
          try await others.withConnection { reader in
            try await reader.execute("set statement_timeout = '2s'")
            _ = try await reader.query("select * from shop.by_kind")
          }
          // Who never finds a moment says who was there.
          let error = try await others.withConnection { impatient in
            await #expect(throws: PostgresError.self) {
              try await impatient.withTransaction { connection in
                try await connection.lockPatiently([QualifiedName(schema: "shop", name: "by_kind")], for: .zero)
              }
            }
          }
          #expect(error?.sqlState == "55P03" && error?.message.contains("in the way: session ") == true)
          // Who has waited as long as there is to be does not begin again.
          #expect(error?.isTransient == false)
          try await holder.execute("commit")
          let outcomes = try await refresh.value
          #expect(outcomes.map(\.detail) == ["rebuilt and swapped: asked for in full"])
        }
      }
    }
  }

  @Test func aRefreshByNameLosesNoReaderOfWhatItMakesAnew() async throws {
    func views(_ hash: String) -> [ViewDefinition] {
      let groups = [RollupGroup(name: "kind", source: .column("kind"))]
      return [
        Shop.rollup(
          "by_kind", groups: groups, measures: [RollupMeasure(name: "n", function: .distinct("customer"))], hash: hash),
        Shop.rollup("fq", groups: groups, measures: [RollupMeasure(name: "n", function: .count)], hash: hash),
        Shop.native("a_sql", "select n from by_kind", inputs: ["by_kind"]),
        Shop.native("r1", "select b.n from by_kind b join fq using (kind)", inputs: ["by_kind", "fq"]),
        Shop.native("r2", "select n from fq", inputs: ["fq"]),
      ]
    }
    try await Shop.with(views: views("1")) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      var new = shop
      new.project.views = views("2")
      let redefined = try await new.refresher.refresh(.named(["a_sql"]))
      #expect(redefined.map(\.view) == ["by_kind", "fq", "a_sql", "r1", "r2"])
      #expect(try await shop.rows("select r1.n, r2.n as m from shop.r1, shop.r2") == ["1|1"])
      try await shop.run("drop table shop.by_kind__v0")
      let mended = try await new.refresher.refresh(.named(["by_kind"]))
      #expect(
        mended.map(\.detail).filter { $0.hasPrefix("made") } == [
          "made anew: what it was made of was gone", "made anew: it was gone, or went with what it reads",
          "made anew: it was gone, or went with what it reads",
        ])
      #expect(try await shop.rows("select a.n, r1.n as m from shop.a_sql a, shop.r1") == ["1|1"])
    }
  }

  @Test func viewsRedefinedSideBySideLetOneReaderGoTogether() async throws {
    func views(_ hash: Int) -> [ViewDefinition] {
      let sides = ["left_side", "right_side"].map {
        Shop.native($0, "select \(hash) as n from sales", inputs: ["sales"], hash: "\(hash)")
      }
      let sql = "select l.n from left_side l, right_side"
      return sides + [Shop.native("zz", sql, inputs: ["left_side", "right_side"])]
    }
    try await Shop.with(views: views(0)) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      for hash in 0...6 {
        var new = shop
        new.project.views = views(hash)
        _ = try await new.refresher.refresh(.all)
        #expect(try await shop.rows("select n from shop.zz") == ["\(hash)"])
      }
    }
  }

  @Test func whatTheServerSaysInSeveralLinesIsReadable() {
    var error = PostgresError(.server, "no", sqlState: "P0001")
    error.hint = "first this\nthen that"
    error.context = "PL/pgSQL function f()\nSQL statement"
    let text = ViewError.server(view: "v", at: Shop.position, error).description
    #expect(text.contains("fix: first this then that"))
    #expect(!text.contains("\\n"), "\(text)")
  }

  @Test func keysThatNoIndexHoldsAreGroupsLikeOthers() async throws {
    let view = Shop.rollup(
      "by_kind", groups: [RollupGroup(name: "kind", source: .column("kind"))],
      measures: [
        RollupMeasure(name: "n", function: .count), RollupMeasure(name: "who", function: .distinct("customer")),
      ])
    try await Shop.with(views: [view]) { shop in
      try await shop.keepJournal()
      try await shop.batch("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      // Not to be compressed below the 2.7 kB of an index entry.
      let long = "(select string_agg(md5(i::text), '') from generate_series(1, 400) i)"
      for (number, statement) in [
        "insert into shop.sales values (2, 1, \(long), 7, 1, '2026-01-02')",
        "insert into shop.sales values (3, 1, \(long), 7, 1, '2026-01-02'), (4, 1, 'fee', 7, 1, '2026-01-02')",
        "delete from shop.sales where id in (2, 3)",
        "insert into shop.sales values (5, 1, \(long) || 'x', 7, 1, '2026-01-02'); delete from shop.sales where id = 5",
      ].enumerated() {
        try await shop.batch(statement)
        let outcomes = try await shop.refresher.refresh(.all)
        #expect(outcomes[0].detail.contains(number == 0 ? "too long for the index" : "by delta"))
        let different = try await shop.difference(
          "select kind, n, who from shop.by_kind",
          "select kind, count(*), count(distinct customer) from shop.sales group by kind")
        #expect(different == 0)
      }
    }
  }
}
