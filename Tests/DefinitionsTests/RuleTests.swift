// Small rules, each as a table.
// Durations, limits, names, patterns, names inside SQL, and the order of dependencies.
// Whole files are read in SampleProjectTests.

internal import Finding
internal import Money
internal import Testing

@testable internal import Definitions

@Suite struct RuleTests {
  @Test(arguments: [
    ("500ms", Duration.milliseconds(500)), ("10s", .seconds(10)), ("30m", .seconds(1800)), ("2h", .seconds(7200)),
    ("1d", .seconds(86_400)), ("0s", nil), ("", nil), ("s", nil), ("10", nil), ("1.5h", nil), ("-1s", nil),
    ("1 h", nil),
    ("9999999999999999999s", nil), ("9223372036854775807d", nil), ("367d", nil), ("٣s", nil),
  ])
  func durationsAreAWholeNumberAndAUnit(text: String, expected: Duration?) {
    #expect(Duration(definition: text) == expected)
  }

  @Test(arguments: [
    ("0", 0), ("65536", 65_536), ("64KiB", 65_536), ("1MiB", 1 << 20), ("10GiB", 10 << 30), ("1TiB", 1 << 40),
    ("1024GiB", 1 << 40), ("1KB", nil), ("1kib", nil), ("1 MiB", nil), ("-1", nil), ("+1", nil), ("1.5MiB", nil),
    ("", nil), ("MiB", nil), ("9223372036854775807KiB", nil), ("99999999999999999999", nil), ("٣", nil), ("0x10", nil),
  ])
  func sizesAreAWholeNumberAndAUnitOfTheRightSpelling(text: String, expected: Int?) {
    #expect(byteCount(definition: text) == expected)
  }

  @Test(arguments: [(1 << 40, "1TiB"), (3 << 20, "3MiB"), (1025, "1025"), (0, "0"), (65_536, "64KiB")])
  func sizesAreShownInTheUnitThatStatesThem(count: Int, expected: String) {
    #expect(shownBytes(count) == expected)
    #expect(byteCount(definition: expected) == count)
  }

  @Test(arguments: [
    ("utf-8", TextEncoding.utf8), ("UTF8", .utf8), ("utf-16le", .utf16LittleEndian), ("UTF-16BE", .utf16BigEndian),
    ("cp1252", .windows1252), ("windows-1252", .windows1252), ("iso-8859-1", .latin1), ("latin-1", .latin1),
    ("Latin1", .latin1),
  ])
  func encodingsAreKnownByTheNamesPeopleUse(word: String, encoding: TextEncoding) throws {
    var files = Samples.shop
    let path = "Jobs/feeds/payments.yaml"
    files[path] = try #require(files[path]).replacing("cp1252", with: word)
    #expect(try ProjectFixture(files).load().feed(named: "payments")?.format.encoding == encoding)
  }

  @Test(arguments: ["\\t", "\\u0001", "\\x1F", "|", "~", "^", " ", "\\u007F", ";"])
  func anyByteThatNoValueNeedsCanSeparate(written: String) throws {
    var files = Samples.shop
    let path = "Jobs/feeds/payments.yaml"
    files[path] = try #require(files[path]).replacing("delimiter: \";\"", with: "delimiter: \"\(written)\"")
    #expect(try ProjectFixture(files).rendered() == "")
  }

  @Test(arguments: [
    ("0", "0"), ("100", "100"), ("1%", "1%"), ("0.5%", "0.5%"), ("100%", "100%"), ("0%", "0%"), ("100.1%", nil),
    ("-1", nil), ("+1", nil), ("1.5", nil), ("%", nil), ("1 %", nil), ("", nil), ("-1%", nil), ("0.0000001%", nil),
  ])
  func limitsAreACountOrAShare(text: String, expected: String?) {
    #expect(Limit(definition: text)?.description == expected)
  }

  @Test(arguments: [
    ("1%", 1, 100, true), ("1%", 2, 100, false), ("1%", 1, 99, false), ("0%", 0, 0, true), ("0%", 1, 10, false),
    ("3", 3, 3, true), ("3", 4, 1_000_000, false), ("33.333333%", 1, 3, false), ("100%", 7, 7, true),
    ("1%", 0, 0, true), ("0.5%", 50_000_000, 10_000_000_000, true),
  ])
  func aLimitItselfIsWithinTheLimit(limit: String, count: Int, total: Int, isAllowed: Bool) throws {
    #expect(try #require(Limit(definition: limit)).allows(count, of: total) == isAllowed)
  }

  @Test(arguments: [
    ("a", true), ("_a1", true), ("a-b", false), ("A", false), ("1a", false), ("", false), ("é", false), ("a b", false),
    ("x__state", false), ("daybook_x", false), ("daybook", true), (String(repeating: "a", count: 55), true),
    (String(repeating: "a", count: 56), false), ("a\u{0}", false), ("revenue__next", false), ("revenue__old", false),
  ])
  func relationNamesNeedNoQuotesInSQL(name: String, isGood: Bool) {
    #expect((NameKind.relation.problem(with: name) == nil) == isGood)
  }

  @Test(arguments: ["_daybook_line", "_daybook_offset", "_daybook_record", "daybook_x"])
  func aColumnCannotHaveANameThatStagingNeeds(name: String) {
    #expect(NameKind.column.problem(with: name)?.contains("Daybook's own") == true)
  }

  @Test(arguments: [
    ("^[A-Z]{3}$", true), ("^[^@]+@[^@]+\\.[a-z]{2,}$", true), ("^(a|b)*$", true), ("^[]a]+$", true), ("(", false),
    ("a{2", false), ("\\1", false), ("(?i)a", false), ("a{1,99999}", false),
    (String(repeating: "(", count: 400), false),
    (String(repeating: "(", count: 30) + "a" + String(repeating: "+)", count: 30), false), ("", false),
    ("((a{50}){50}){50}", false), ("[0-9]{4}-[0-9]{2}-[0-9]{2}", true), ("\\d", false), ("\\\\d", true),
    ("[\\w.]", false), ("[^]\\]", false), ("[]a]\\.", true),
  ])
  func patternsArePOSIXAndBounded(pattern: String, isGood: Bool) {
    #expect((PatternCheck.problem(with: pattern) == nil) == isGood)
  }

  @Test(arguments: [
    ("select 1 from a", ["a"]), ("select a from b, c as d join e on b.f = e.g", ["b", "c", "e"]),
    ("select * from (select * from x) y, z", ["x", "z"]), ("select count(a, b) from only \"C\"", ["C"]),
    ("select 'from a' from b -- from c\n join d on true", ["b", "d"]), ("select E'\\' from a' from b", ["b"]),
    ("select $$ from a $$, $t$ from $$ b $t$ from c", ["c"]), ("select /* /* from a */ from b */ 1 from c", ["c"]),
    ("select * from generate_series(1, 2) s, lateral (select s) t, b", ["b"]), ("table a", ["a"]),
    ("select a.b, c from s.t where x in (select y from u)", ["t", "u"]),
    ("select 1 from a where b, c", ["a"]), ("select 1 from (a join b on true)", ["a", "b"]),
    ("select 1 from a union select 2 from b", ["a", "b"]), ("SELECT 1 FROM A", ["a"]),
  ])
  func relationsAreFoundWhereTablesStand(sql: String, expected: [String]) throws {
    #expect(try ScannedSQL(sql).relations.map(\.name) == expected)
  }

  /// It is one from the next query of its WITH on, to the end of what the WITH belongs to.
  @Test(arguments: [
    ("with x as (select 1 from a) select * from x", ["a"]),
    ("with a as (select * from a), b as (select * from a) select * from b, c", ["a", "c"]),
    ("with recursive t(n) as (select 1 from b union all select n from t) select * from t", ["b"]),
    ("with recursive a as (select * from b), b as (select * from c) select 1 from a, b", ["c"]),
    ("with a as (select * from b), b as (select 1) select 1 from a, b", ["b"]),
    ("select * from (with a as (select 1) select * from a) as x, a", ["a"]),
    ("with x as (with y as (select * from z) select * from y) select * from y, x", ["z", "y"]),
    ("with x as (select 1) select (select max(n) from x), s.n from s.x as s", ["x"]),
    ("with x (a, b) as not materialized (select 1, 2) table x", []), ("with \"X\" as (select 1) table x", ["x"]),
    ("with x as (delete from a returning *) select * from x", ["a"]),
    ("select * from unnest(n) with ordinality, json_to_record((select j from a)) as (n int)", ["a"]),
  ])
  func aCommonTableIsNoRelationWhereItIsSeen(sql: String, expected: [String]) throws {
    #expect(try ScannedSQL(sql).relations.map(\.name) == expected)
  }

  @Test(arguments: [
    ("select extract(year from a), trim(both from b), substring(c from 2 for 3) from d", ["d"]),
    ("select a is distinct from b, a is not distinct from c from d", ["d"]), ("select distinct from a", ["a"]),
    ("select extract(day from (select a from b)) from c", ["b", "c"]),
  ])
  func aWordFromThatBeginsNoListOfTablesNamesNone(sql: String, expected: [String]) throws {
    #expect(try ScannedSQL(sql).relations.map(\.name) == expected)
  }

  @Test func aViewMayNameACommonTableAsItself() throws {
    var files = Samples.shop
    files["Jobs/views/notes.sql"] = "with notes as (select amount from payments) select * from notes"
    #expect(try ProjectFixture(files).rendered() == "")
    let project = try ProjectFixture(files).load()
    #expect(project.view(named: "notes")?.inputs == ["payments"])
  }

  @Test(arguments: [("Europe/Paris", "Asia/Tokyo"), ("schema: shop", "schema: other"), ("min: 0", "min: 1")])
  func aTestIsAnotherOneInAnotherTimeZoneOrSchema(setting: String, other: String) throws {
    var files = Samples.shop
    files["Jobs/checks/early.yaml"] =
      "check: early\ntests:\n  - none: select from payments where paid_at < '2026-03-01'\n"
    func hash() throws -> String? {
      try ProjectFixture(files).load().checks.first { $0.name == "early" }?.tests.first?.hash
    }
    let before = try #require(try hash())
    let path = "Jobs/daybook.yaml"
    let settings = try #require(files[path])
    files[path] = settings.replacing(setting, with: other)
    #expect(files[path] != settings)
    let after = try hash()
    #expect((after == before) == other.hasPrefix("min"))
  }

  @Test(arguments: [
    ("a - b", ["a", "b"]), ("round(a, 2)::numeric", ["a"]), ("case when a > 0 then 'b' else c end", ["a", "c"]),
    ("t.a", []), ("extract(year from a at time zone 'UTC')", ["a"]), ("a is not distinct from null", ["a"]),
    ("(select x from y)", []), ("\"a\"", ["a"]), ("interval '1 day' * a", ["a"]),
    ("cast(a as double precision)", ["a"]),
  ])
  func columnsAreTheWordsThatCanBeNothingElse(sql: String, expected: [String]) throws {
    #expect(try ScannedSQL(sql).columnNames == expected)
  }

  @Test func dependencyOrderIsByNeedThenByName() {
    let order = DependencyOrder(["d": ["b", "c"], "c": ["a"], "b": ["a"], "a": [], "z": [], "0": ["z"]])
    #expect(order.names == ["a", "b", "c", "d", "z", "0"])
    #expect(order.cycles == [])
  }

  @Test func everyKnotGivesOneCircle() {
    let order = DependencyOrder([
      "a": ["b"], "b": ["c"], "c": ["a"], "x": ["x"], "y": ["x"], "p": ["q"], "q": ["p", "a"], "free": ["gone"],
    ])
    #expect(order.names == ["free", "a", "b", "c", "p", "q", "x", "y"])
    #expect(order.cycles.contains(["a", "b", "c", "a"]))
    #expect(order.cycles.contains(["x", "x"]))
  }

  @Test(arguments: [
    ("select * from t tablesample system (10)", "tablesample"), ("select setseed(0.5)", "setseed"),
    ("select current_schema, current_role", "current_schema"), ("select uuid_generate_v4()", "uuid_generate_v4"),
    ("select query_to_xml('select 1', true, true, '')", "query_to_xml"), ("select now()", "now"),
    ("select * from t where at > date 'Today'", "today"), ("select \"tablesample\", setseed, now from t", nil),
    ("-- now()\nselect 1", nil),
  ])
  func wordByWhichAStatementDependsOnMoreThanRowsIsSeen(sql: String, word: String?) throws {
    #expect(UnsteadyWords.first(in: try ScannedSQL(sql)) == word)
  }

  @Test(
    arguments: [
      ("currency", .text, "unit", "unit"), ("currency", .text, nil, "currency"), ("currency", .bigint, nil, nil),
      ("unit", .text, nil, nil), ("currency", .bigint, "unit", "unit"),
    ] as [(String, ColumnType, String?, String?)])
  func currencyOfAFeedIsThatOfItsControlSumOrTheTextCalledSo(
    name: String, type: ColumnType, control: String?, expected: String?
  ) {
    let position = SourcePosition(file: "feed.yaml")
    var amount = ColumnDefinition(name: "amount", type: .decimal(precision: 14, scale: 2), position: position)
    amount.control = control.map(ControlSum.init(groupedBy:))
    let feed = FeedDefinition(
      name: "sales", filePattern: "*.csv",
      columns: [
        amount, ColumnDefinition(name: "unit", type: .text, position: position),
        ColumnDefinition(name: name, type: type, position: position),
      ], position: position, definitionHash: "")
    #expect(feed.currencyColumn == expected)
  }
}
