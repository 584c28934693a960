// What somebody made on a view is there on the view that is made anew, or is named and written down.

import Definitions
import Finding
import Postgres
import Testing
import Views

@Suite struct KeepsakeTests {
  private static func byKind(_ hash: String, _ measure: String = "n") -> ViewDefinition {
    Shop.rollup(
      "by_kind", groups: [RollupGroup(name: "kind", source: .column("kind"))],
      measures: [
        RollupMeasure(name: measure, function: .count), RollupMeasure(name: "paid", function: .sum("amount")),
      ], hash: hash)
  }

  private static func doubled(_ hash: String, _ column: String = "twice", indexes: [[String]] = []) -> ViewDefinition {
    Shop.native(
      "doubled", "select kind, paid * 2 as \(column) from by_kind", inputs: ["by_kind"], unique: ["kind"],
      indexes: indexes, hash: hash)
  }

  private static func with(_ body: (Shop) async throws -> Void) async throws {
    try await Shop.with(views: [byKind("1"), doubled("1", indexes: [["twice", "kind"]])]) { shop in
      try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
      _ = try await shop.refresher.refresh(.all)
      try await body(shop)
    }
  }

  private static func dropping(_ role: String) -> String {
    #"reassign owned by "\#(role)" to current_user; drop owned by "\#(role)"; drop role "\#(role)""#
  }

  private static let made = #"""
    create index "by ""twice" on shop.doubled (twice desc) where kind <> 'fee';
    create unique index once on shop.doubled (upper(kind));
    comment on index shop.once is 'it''s mine';
    create statistics shop.pairs on kind, twice from shop.doubled;
    comment on statistics shop.pairs is 'of mine';
    alter materialized view shop.doubled set (fillfactor = 50);
    alter materialized view shop.doubled alter column twice set statistics 500;
    comment on column shop.doubled.twice is 'euro';
    comment on view shop.by_kind is 'the board reads this';
    comment on column shop.by_kind.paid is 'euro, too';
    alter view shop.by_kind set (security_barrier = true);
    alter view shop.by_kind alter column paid set default 3;
    create function shop.refuse() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger "no writing" instead of update on shop.by_kind for each row execute function shop.refuse();
    create rule quiet as on insert to shop.by_kind do instead nothing;
    comment on rule quiet on shop.by_kind is 'no more'
    """#

  private static let standing = """
    select pg_get_indexdef(indexrelid) || coalesce(' ' || obj_description(indexrelid, 'pg_class'), '') as it
    from pg_index where indrelid = 'shop.doubled'::regclass
    union all select pg_get_statisticsobjdef(oid) || obj_description(oid, 'pg_statistic_ext') from pg_statistic_ext
    union all select pg_get_triggerdef(oid) from pg_trigger where tgrelid = 'shop.by_kind'::regclass
    union all select pg_get_ruledef(oid) || coalesce(obj_description(oid, 'pg_rewrite'), '') from pg_rewrite
      where ev_class = 'shop.by_kind'::regclass and rulename <> '_RETURN'
    union all select concat_ws(' ', relname, reloptions, relowner::regrole, obj_description(oid, 'pg_class')) from pg_class
      where relname in ('by_kind', 'doubled')
    union all select concat_ws(' ', attname, attstattarget, col_description(attrelid, attnum),
        (select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = attrelid and adnum = attnum))
      from pg_attribute where attrelid in ('shop.by_kind'::regclass, 'shop.doubled'::regclass) and attnum > 0
    order by 1
    """

  @Test func whatSomebodyMadeOnViewsIsOnTheNewOnes() async throws {
    try await Self.with { shop in
      let role = "Owner " + (try await shop.rows("select current_database() as a")).joined()
      try await shop.run(
        """
        \(Self.made); create role "\(role)"; grant usage on schema shop to "\(role)";
        grant select on shop.by_kind__state, shop.by_kind to "\(role)";
        alter view shop.by_kind owner to "\(role)"; alter materialized view shop.doubled owner to "\(role)"
        """)
      let before = try await shop.rows(Self.standing)
      #expect(before.joined().contains("security_barrier"))
      // The reader goes with the rollup; then the rollup with its own rows; then the reader alone.
      var new = shop
      for (number, full) in [(2, false), (2, true), (3, false)] {
        new.project.views = [
          Self.byKind("2"), Self.doubled(number == 3 ? "2" : "1", indexes: [["twice", "kind"]]),
        ]
        let outcomes = try await new.refresher.refresh(.all, full: full)
        #expect(outcomes.allSatisfy { $0.isChanged || number == 3 } && outcomes.flatMap(\.lost).isEmpty, "\(outcomes)")
        #expect(try await shop.rows(Self.standing) == before, "\(number) \(full)")
        #expect(try await shop.rows("select * from shop.by_kind") == ["1|payment|5.00"])
      }
      #expect(try await shop.rows("table daybook.view_keepsake") == [])
      #expect(try await shop.rows("select 1 as a from pg_class where relname like 'grants %'") == [])
      // What the definition declares is not there twice, and goes with it.
      let indexes = "select indexname::text from pg_indexes where tablename = 'doubled' order by 1"
      let count = "select count(*)::text as n from pg_indexes where tablename = 'doubled' and indexdef ~ 'twice, kind'"
      try await shop.run("create index mine on shop.doubled (twice)")
      new.project.views[1] = Self.doubled("3", indexes: [["twice"]])
      _ = try await new.refresher.refresh(.all)
      #expect(try await shop.rows(count) == ["0"])
      #expect(
        try await shop.rows(indexes) == ["by \"twice", "doubled_kind_idx", "doubled_twice_idx", "once"])
      try await shop.run(Self.dropping(role))
    }
  }

  @Test func whatCannotBePutBackIsNamedAndItsSQLIsKept() async throws {
    try await Self.with { shop in
      try await shop.run(
        """
        create index by_twice on shop.doubled (twice); comment on column shop.by_kind.n is 'how many';
        create index by_kind_too on shop.doubled (kind)
        """)
      var new = shop
      new.project.views = [Self.byKind("2", "many"), Self.doubled("2", "two")]
      let outcomes = try await new.refresher.refresh(.all)
      #expect(
        outcomes.map(\.lost) == [
          [#"the comment on column n (column "n" of relation "shop.by_kind" does not exist)"#],
          [#"index by_twice (column "twice" does not exist)"#],
        ])
      #expect(outcomes[1].finding?.message.contains("this could not be put back on it: index by_twice") == true)
      let kept = try await shop.rows(
        "select view, statement from daybook.view_keepsake where refused is not null order by keepsake_id")
      #expect(
        kept == [
          "doubled|CREATE INDEX by_twice ON shop.doubled USING btree (twice)",
          #"by_kind|comment on column "shop"."by_kind".n is 'how many'"#,
        ])
      let names = "select indexname::text from pg_indexes where tablename = 'doubled' order by 1"
      #expect(try await shop.rows(names) == ["by_kind_too", "doubled_kind_idx"])
      #expect(try await new.refresher.refresh(.all, full: true).flatMap(\.lost) == [])
    }
  }

  @Test func aViewOfAnotherOwnerTellsWhatToDo() async throws {
    try await Self.with { shop in
      let role = "Clerk " + (try await shop.rows("select current_database() as a")).joined()
      try await shop.run(#"create role "\#(role)"; alter materialized view shop.doubled owner to "\#(role)""#)
      try await shop.change("insert into shop.sales values (2, 1, 'payment', 5, 1, '2026-01-01')")
      let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
      let text = error?.description ?? ""
      #expect(text.contains(#"alter materialized view "shop"."doubled" owner to "#), "\(text)")
      #expect(text.contains(#"grant "\#(role)" what it lacks"#), "\(text)")
      try await shop.run(Self.dropping(role))
    }
  }

  @Test func aGroupOfATypeWithoutAnOrderTellsWhatToWrite() async throws {
    for type in ["xid", "json"] {
      let view = Shop.rollup(
        "by_it", groups: [RollupGroup(name: "it", source: .expression("customer::text::\(type)"))],
        measures: [RollupMeasure(name: "n", function: .count)])
      try await Shop.with(views: [view]) { shop in
        try await shop.change("insert into shop.sales values (1, 1, 'payment', 5, 1, '2026-01-01')")
        let error = await #expect(throws: ViewError.self) { try await shop.refresher.refresh(.all) }
        let text = error?.description ?? ""
        #expect(text.contains("write a text of it, such as column::text"), "\(text)")
      }
    }
  }
}
