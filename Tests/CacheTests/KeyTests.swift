// Check 4 of the cache: the key holds everything that can change an answer, and no two questions are the same bytes.
// Check 5, the part that needs no server: what is never kept.

import Postgres
import Testing

@testable import Cache

@Suite struct KeyTests {
  @Test func everyPartOfAQuestionIsInItsKey() {
    let other = CacheSession(role: "clerk", database: "daybook", settings: plainSession.settings)
    let elsewhere = CacheSession(role: "books", database: "other", settings: plainSession.settings)
    func set(_ name: String, _ value: String) -> CacheSession {
      CacheSession(
        role: "books", database: "daybook",
        settings: plainSession.settings.map { $0.name == name ? .init(name, value) : $0 })
    }
    let questions = [
      question(), question("select 2"), question("select 1 "), question("select 1", [.int8(1)]),
      question("select 1", [.int4(1)]), question("select 1", [.text("1")]), question("select 1", [.null]),
      question("select 1", [.bool(true)]), question("select 1", [.date(daysSince1970: 1)]),
      question("select 1", [.numeric(PostgresNumeric(coefficient: 10, scale: 1))]),
      question("select 1", [.numeric(PostgresNumeric(coefficient: 100, scale: 2))]),
      question("select 1", [.timestamp(microsecondsSince1970: 1)]),
      question("select 1", [.timestamptz(microsecondsSince1970: 1)]),
      question("select 1", [.int8(1), .int8(2)]), question("select 1", [.int8(2), .int8(1)]),
      question(session: other), question(session: elsewhere), question(session: set("search_path", "public")),
      question(session: set("TimeZone", "Europe/Berlin")), question(code: "2"),
      question(inputs: [CacheInput("orders", version: 2)]), question(inputs: [CacheInput("order", version: 1)]),
      question(inputs: [CacheInput("orders", version: 1, form: "x")]), question(inputs: []),
      question(inputs: [CacheInput("orders", version: 1), CacheInput("items", version: 1)]),
    ]
    #expect(Set(questions.map(\.key)).count == questions.count)
    #expect(question().key == question().key)
    // The order in which inputs are named is not part of the question.
    let two = [CacheInput("a", version: 1), CacheInput("b", version: 2)]
    #expect(question(inputs: two).key == question(inputs: two.reversed()).key)
  }

  @Test func noTextIsTakenForTwo() {
    let pairs: [([PostgresValue], [PostgresValue])] = [
      ([.text("a"), .text("b")], [.text("ab"), .text("")]), ([.text("a,b")], [.text("a"), .text("b")]),
      ([.textArray(["a", "b"])], [.textArray(["ab"])]), ([.textArray(["a", nil])], [.textArray(["a", ""])]),
      ([.bytes([1])], [.uuid([1])]), ([.text("\u{0}")], [.text("")]), ([.json("1")], [.text("1")]),
      ([.int8Array([1])], [.int8Array([1, nil])]),
    ]
    for (a, b) in pairs { #expect(question("select 1", a).key != question("select 1", b).key, "\(a) \(b)") }
    // What one part ends with, the next may begin with.
    #expect(question("select 1x", code: "1").key != question("select 1", code: "x1").key)
    let left = CacheSession(role: "ab", database: "c", settings: [])
    let right = CacheSession(role: "a", database: "bc", settings: [])
    #expect(question(session: left).key != question(session: right).key)
  }

  @Test func slotIsTheQuestionWhateverTheData() {
    let (old, new) = (
      question(inputs: [CacheInput("orders", version: 1)]), question(inputs: [CacheInput("orders", version: 2)])
    )
    #expect(old.slot == new.slot && old.key != new.key)
    #expect(old.slot != question("select 2").slot)
    #expect(CacheKey(bytes: old.key.bytes) == old.key && CacheKey(bytes: [1]) == nil)
    #expect(old.key.description.count == 64)
  }

  @Test func nextNightAsksTheSameForAnotherDay() {
    func ask(_ day: Int32?, _ dates: [Int32]) -> CacheQuestion {
      CacheQuestion(
        sql: "select $1, $2", parameters: dates.map { .date(daysSince1970: $0) }, day: day, session: plainSession,
        codeVersion: "1", inputs: [])
    }
    let questions = [ask(5, [5, 1]), ask(6, [6, 1]), ask(nil, [5, 1]), ask(1, [5, 1]), ask(5, [5, 2])]
    #expect(Set(questions.map(\.key)).count == questions.count)
    #expect(questions[0].slot == questions[1].slot)
    // What is asked without the day is the same question every night.
    #expect(ask(7, [5, 1]).key == ask(nil, [5, 1]).key)
    // A date that is not the night's is one of the question; so is where the night's stands.
    #expect(Set(questions.dropFirst().map(\.slot)).count == 4)
  }

  @Test(arguments: [
    ("select now()", "now"), ("select CURRENT_DATE", "current_date"), ("select random()", "random"),
    ("select * from t where at > 'today'::date", "today"), ("select current_user", "current_user"),
    ("with x as (insert into t values (1) returning 1) select * from x", "insert"),
    ("with x as (delete from t returning 1) select * from x", "delete"), ("select nextval('s')", "nextval"),
    ("select * into other from t", "into"), ("select * from pg_temp.t", "pg_temp"), ("select pg_sleep(1)", "pg_sleep"),
    ("select * from t tablesample system (10)", "tablesample"), ("select clock_timestamp ( )", "clock_timestamp"),
    ("select * from daybook.file", "daybook"), ("select current_setting('x')", "current_setting"),
    ("select user", "user"), ("select dblink('select 1')", "dblink"),
  ])
  func statementThatDependsOnMoreThanItsTablesIsNotKept(_ sql: String, _ word: String) {
    #expect(StatementRule.refusal(sql) == "it says \"\(word)\"")
  }

  @Test func wordsAreThoseThatAServerMayReadInAText() {
    #expect(
      StatementRule.words("select a1, 1a, A1, \"Of All\" from a1 where x = $b$c$b$") == [
        "select", "a1", "a1", "A1", "of", "Of", "all", "All", "from", "where", "x", "$b$c$b$", "b", "c",
      ])
    #expect(StatementRule.words("GebÜhr(fx$rate)") == ["gebÜhr", "GebÜhr", "gebühr", "fx$rate", "fx", "rate"])
    // Two spellings of one letter are two names.
    #expect(StatementRule.words("caf\u{E9} cafe\u{301}").map { Array($0.utf8).count } == [5, 5, 5, 6, 6, 6])
  }

  @Test func otherRefusalsSayWhy() {
    for sql in ["show timezone", "explain select 1", "", "begin", "update t set a = 1"] {
      #expect(StatementRule.refusal(sql) == "it is no query", "\(sql)")
    }
    #expect(StatementRule.refusal("select \"My Function\" (1)") == "it may call a function by a quoted name")
    #expect(StatementRule.refusal("select U&\"n\\006Fw\"()") != nil)
    for sql in [
      "select a, share from t where b between $1::date and $2::date", "with p as (select 1 as snow) select * from p",
      "  \n-- a comment\nselect count(*) from t", "values (1)", "table t", "select \"a\", \"b\" from t",
      "/* of the shop */ (select 1)",
    ] {
      #expect(StatementRule.refusal(sql) == nil, "\(sql)")
    }
    // A word of a comment counts as one of the statement.
    #expect(StatementRule.refusal("-- as of now\nselect 1") == "it says \"now\"")
  }
}
