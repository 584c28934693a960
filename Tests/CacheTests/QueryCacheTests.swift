// Queries through the cache in a real database: checks 4, 5, 6 and 10 where only a server can tell.

import Ledger
import Postgres
import TestSupport
import Testing

@testable import Cache

@Suite struct QueryCacheTests {
  private static let inputs = [CacheInput("orders", version: 1)]

  private func inShop(
    _ body: nonisolated(nonsending) (PostgresConnection, TieredCache) async throws -> Void
  ) async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withConnection { connection in
        try await connection.executeScript(
          """
          create table orders (id int, amount numeric(14,2)); insert into orders select i, i * 1.10 from generate_series(1, 3) i;
          create function wild() returns int language sql volatile as 'select 1';
          create function calm() returns int language sql immutable as 'select 1';
          create function fx$rate() returns int language sql immutable as 'select 1';
          create function "gebÜhr"() returns int language sql immutable as 'select 1';
          create function "of all"(orders) returns int language sql immutable as 'select 1';
          create function plus(numeric, numeric) returns numeric language sql immutable as 'select $1 + $2';
          create operator |+| (leftarg = numeric, rightarg = numeric, function = plus);
          create extension citext;
          """)
        try await body(connection, TieredCache(tiers: [MemoryTier()]))
      }
    }
  }

  private func cache(_ cache: TieredCache, _ connection: PostgresConnection) async throws -> QueryCache {
    QueryCache(cache: cache, session: try await CacheSession.read(on: connection), codeVersion: "1")
  }

  private func word(_ source: QueryCache.Source) -> String {
    switch source {
    case .past(let reason): "past: \(reason)"
    case .made: "made"
    case .kept(let tier): "kept by \(tier)"
    case .stale: "stale"
    }
  }

  private func ask(_ queries: QueryCache, _ sql: String, _ connection: PostgresConnection) async throws -> (
    ResultRows, String
  ) {
    let (rows, source) = try await queries.rows(sql, inputs: Self.inputs, label: "test", on: connection)
    return (rows, word(source))
  }

  @Test func rowsAreAskedOnceAndAreTheServersOwn() async throws {
    try await inShop { connection, cache in
      let queries = try await self.cache(cache, connection)
      let sql = "select * from orders order by id"
      let (first, made) = try await ask(queries, sql, connection)
      try await connection.execute("update orders set amount = 0")
      let (second, kept) = try await ask(queries, sql, connection)
      #expect(made == "made" && kept == "kept by memory" && first == second)
      #expect(
        first
          == ResultRows(
            columns: ["id", "amount"], kinds: [.number, .number],
            rows: (1...3).map {
              [.int4(Int32($0)), .numeric(PostgresNumeric(coefficient: Int128($0 * 110), scale: 2))]
            }))
    }
  }

  @Test func settingsOfTheSessionAreInTheKey() async throws {
    try await inShop { connection, cache in
      let sql = "select to_char(timestamptz '2026-01-01 00:00+00', 'HH24:MI'), interval '1 day'::text"
      var seen: Set<String> = []
      for setting in [
        "TimeZone = 'UTC'", "TimeZone = 'Asia/Tokyo'", "IntervalStyle = 'iso_8601'", "search_path = public",
      ] {
        try await connection.execute("set \(setting)")
        let queries = try await self.cache(cache, connection)
        let (rows, source) = try await ask(queries, sql, connection)
        #expect(source == "made", "\(setting)")
        let own = try ResultRows(try await connection.query(sql))
        #expect(rows == own)
        seen.insert("\(own.rows)")
      }
      #expect(seen.count == 3)
      try await connection.execute("create role clerk_of_cache_test")
      try await connection.execute("set role clerk_of_cache_test")
      let clerk = try await self.cache(cache, connection)
      #expect(try await ask(clerk, sql, connection).1 == "made")
      try await connection.execute("reset role")
      try await connection.execute("drop role clerk_of_cache_test")
    }
  }

  /// What each of them changes is the server's: how values are written and read, how names are found, who may see what.
  @Test(
    arguments: [
      ("search_path", "public", "pg_catalog, public"), ("TimeZone", "'UTC'", "'Asia/Tokyo'"),
      ("timezone_abbreviations", "'Default'", "'India'"), ("DateStyle", "'ISO, MDY'", "'ISO, DMY'"),
      ("IntervalStyle", "postgres", "iso_8601"), ("extra_float_digits", "1", "0"), ("bytea_output", "hex", "escape"),
      ("lc_monetary", "'C'", "'POSIX'"), ("lc_numeric", "'C'", "'POSIX'"), ("lc_time", "'C'", "'POSIX'"),
      ("default_text_search_config", "'pg_catalog.simple'", "'pg_catalog.english'"), ("array_nulls", "on", "off"),
      ("transform_null_equals", "off", "on"), ("standard_conforming_strings", "on", "off"),
      ("backslash_quote", "safe_encoding", "off"), ("xmlbinary", "base64", "hex"),
      ("xmloption", "content", "document"), ("row_security", "on", "off"), ("quote_all_identifiers", "off", "on"),
    ])
  func whatIsKeptUnderOneValueOfASettingIsNoAnswerUnderAnother(name: String, one: String, other: String) async throws {
    try await inShop { connection, cache in
      for value in [one, other] {
        try await connection.execute("set \(name) = \(value)")
        let queries = try await self.cache(cache, connection)
        #expect(try await ask(queries, "select sum(amount) from orders", connection).1 == "made", "\(value)")
      }
      try await connection.execute("set \(name) = \(one)")
      let queries = try await self.cache(cache, connection)
      #expect(try await ask(queries, "select sum(amount) from orders", connection).1 == "kept by memory")
    }
  }

  @Test func functionsThatAreNotImmutableOrThatSomebodyMadeAreNotKept() async throws {
    try await inShop { connection, cache in
      let queries = try await self.cache(cache, connection)
      let refused = [
        ("select wild() from orders", "\"wild\" is a function that somebody made"),
        ("select calm() from orders", "\"calm\" is a function that somebody made"),
        ("select Fx$Rate() from orders", "\"fx$rate\" is a function that somebody made"),
        ("select GEBÜHR() from orders", "\"gebÜhr\" is a function that somebody made"),
        ("select orders.\"of all\" from orders", "\"of all\" is a function that somebody made"),
        ("select amount |+| 1 from orders", "\"|+|\" is an operator that somebody made"),
        ("select inet_client_addr() from orders", "\"inet_client_addr\" is a function that is not immutable"),
        ("select now() from orders", "it says \"now\""), ("show timezone", "it is no query"),
      ]
      for (sql, reason) in refused {
        for _ in 0..<2 { #expect(try await ask(queries, sql, connection).1 == "past: \(reason)") }
      }
      for sql in [
        "select date_trunc('month', timestamptz '2026-01-05'), to_char(1, '9') from orders",
        "select count(*), sum(amount), max(id), string_agg(id::text, ',' order by id) from orders",
        "select id::numeric / 3, date '2026-01-05'::timestamp, extract(year from date '2026-01-05') from orders",
        "with o as (select *, row_number() over (order by id) as n from orders) select round(amount / 3, 2) from o",
      ] {
        #expect(try await ask(queries, sql, connection).1 == "made", "\(sql)")
        #expect(try await ask(queries, sql, connection).1 == "kept by memory", "\(sql)")
      }
      // A cast is called by no word.
      try await connection.executeScript(
        """
        create type grade as enum ('a'); create function ranked(grade) returns int language sql immutable as 'select 1';
        create cast (grade as int) with function ranked(grade) as implicit
        """)
      #expect(
        try await ask(queries, "select id + 7 from orders", connection).1
          == "past: somebody made a cast, grade AS integer")
    }
  }

  @Test func oneLookSaysOfManyStatementsWhatItSaysOfEach() async throws {
    try await inShop { connection, _ in
      func reasons(_ statements: [String], _ calls: StatementCalls) async throws -> [String?] {
        var reasons: [String?] = []
        for sql in statements { reasons.append(try await calls.reason(sql, on: connection)) }
        return reasons
      }
      let statements = [
        "select id, amount as calmly from orders", "select calm() from orders", "select Fx$Rate() from orders",
        "select orders.\"of all\" from orders", "select amount |+| 1 from orders", "select count(*) from orders",
        "select inet_client_addr() from orders", "select count(*) from orders",
      ]
      let foreseen = StatementCalls(foreseen: statements)
      let alone = try await reasons(statements, StatementCalls())
      #expect(try await reasons(statements, foreseen) == alone)
      #expect(alone.map { $0 == nil } == [true, false, false, false, false, true, false, true])
      // What is said holds for the snapshot; what nobody foresaw is looked up.
      try await connection.execute("drop operator |+| (numeric, numeric)")
      #expect(try await reasons(statements, foreseen) == alone)
      #expect(try await foreseen.reason("select amount |+| 2 from orders", on: connection) == nil)
      try await connection.executeScript(
        """
        create type grade as enum ('a'); create function ranked(grade) returns int language sql immutable as 'select 1';
        create cast (grade as int) with function ranked(grade) as implicit
        """)
      let cast = try await reasons(statements, StatementCalls(foreseen: statements))
      #expect(cast.allSatisfy { $0 != nil } && cast.contains("somebody made a cast, grade AS integer"))
    }
  }

  @Test func sessionThatSeesSomethingOfItsOwnGoesPast() async throws {
    try await inShop { connection, cache in
      let sql = "select count(*) from orders"
      let before = try await self.cache(cache, connection)
      let (three, _) = try await ask(before, sql, connection)
      #expect(three.rows == [[.int8(3)]])
      // Its own transaction writes: before the write the kept answer, after it its own.
      try await connection.withTransaction { transaction in
        let queries = try await self.cache(cache, transaction)
        #expect(try await ask(queries, sql, transaction).1 == "kept by memory")
        try await transaction.execute("insert into orders values (4, 4)")
        let (four, source) = try await ask(queries, sql, transaction)
        #expect(four.rows == [[.int8(4)]] && source == "past: its transaction has written")
        let later = try await self.cache(cache, transaction)
        #expect(
          try await ask(later, "select max(id) from orders", transaction).1 == "past: its transaction has written")
      }
      // Nothing of that transaction was kept.
      #expect(try await ask(before, "select max(id) from orders", connection).1 == "made")
      try await connection.execute("create temporary table orders (id int)")
      let shadowed = try await self.cache(cache, connection)
      let (none, source) = try await ask(shadowed, sql, connection)
      #expect(none.rows == [[.int8(0)]] && source == "past: it has temporary tables")
    }
  }

  @Test func failureThatPassesIsAnsweredByOlderRowsAndLeavesTheTransactionUsable() async throws {
    try await inShop { connection, cache in
      let sql = "select count(*) from orders"
      let old = try await self.cache(cache, connection)
      _ = try await old.rows(sql, inputs: [CacheInput("orders", version: 0)], label: "", on: connection)
      try await connection.withTransaction { transaction in
        try await transaction.execute("set local statement_timeout = '50ms'")
        let queries = try await self.cache(cache, transaction)
        let slow = "select count(*) from orders, generate_series(1, 100000000)"
        let failure = await #expect(throws: PostgresError.self) { try await ask(queries, slow, transaction) }
        #expect(failure?.sqlState == "57014")
        #expect(try await ask(queries, sql, transaction).0.rows == [[.int8(3)]])
      }
      try await connection.execute("alter table orders rename to parted")
      let queries = try await self.cache(cache, connection)
      // A statement that is wrong is a mistake to mend, whatever is kept of the time before.
      let wrong = await #expect(throws: PostgresError.self) {
        try await queries.rows(sql, inputs: [CacheInput("orders", version: 7)], label: "", on: connection)
      }
      #expect(wrong?.sqlState == "42P01")
      for state in ["57014", "53100", "53200", "58030", "XX001", "40001", "55P03"] {
        #expect(QueryCache.isPassing(PostgresError(.server, "", sqlState: state)), "\(state)")
      }
      for state in ["42P01", "42601", "22012", "28000", "25P02"] {
        #expect(!QueryCache.isPassing(PostgresError(.server, "", sqlState: state)), "\(state)")
      }
    }
  }

  @Test func rowsFromBeforeTheLastChangeAreMarked() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.psql("create table orders as select 1 as id")
      let cache = TieredCache(tiers: [MemoryTier()])
      let sql = "select count(*) from orders"
      try await database.withConnection { connection in
        let first = QueryCache(cache: cache, session: try await .read(on: connection), codeVersion: "1")
        _ = try await first.rows(sql, inputs: Self.inputs, label: "", on: connection)
        try await connection.execute("set lock_timeout = '50ms'")
        try await database.withConnection { other in
          try await other.withTransaction { holder in
            try await holder.execute("lock table orders in access exclusive mode")
            let (rows, source) = try await first.rows(
              sql, inputs: [CacheInput("orders", version: 2)], label: "", on: connection)
            #expect(rows.rows == [[.int8(1)]])
            guard case .stale(let standIn, let error) = source else {
              Issue.record("\(source)")
              return
            }
            #expect(standIn.since <= .now() && standIn.day == nil && (error as? PostgresError)?.sqlState == "55P03")
          }
        }
        #expect(try await ask(first, sql, connection).1 == "kept by memory")
      }
    }
  }

  @Test func rowsOfTheNightBeforeStandInForALaterDayAndNeverForAnEarlierOne() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.psql("create table orders as select 1 as id, date '2026-11-19' as day")
      let cache = TieredCache(tiers: [MemoryTier()])
      let sql = "select count(*) from orders where day <= $1 and day > $2"
      // The second is a date of the definition, and not that of the night.
      func ask(_ day: Int32, _ version: Int64, _ connection: PostgresConnection) async throws -> (
        [[PostgresValue]], QueryCache.Source
      ) {
        let queries = QueryCache(cache: cache, session: try await .read(on: connection), codeVersion: "1", day: day)
        let (rows, source) = try await queries.rows(
          sql, [.date(daysSince1970: day), .date(daysSince1970: 20_000)],
          inputs: [CacheInput("orders", version: version)], label: "", on: connection)
        return (rows.rows, source)
      }
      try await database.withConnection { connection in
        try await connection.execute("set lock_timeout = '50ms'")
        _ = try await ask(20_776, 1, connection)
        try await database.withConnection { other in
          try await other.withTransaction { holder in
            try await holder.execute("lock table orders in access exclusive mode")
            let (rows, source) = try await ask(20_777, 2, connection)
            #expect(rows == [[.int8(1)]])
            guard case .stale(let standIn, _) = source else {
              Issue.record("\(source)")
              return
            }
            #expect(standIn.day == 20_776)
            let failure = await #expect(throws: PostgresError.self) { try await ask(20_775, 2, connection) }
            #expect(failure?.sqlState == "55P03")
          }
        }
        // The other day is another question as long as the server answers.
        #expect(try await word(ask(20_777, 1, connection).1) == "made")
      }
    }
  }
}
