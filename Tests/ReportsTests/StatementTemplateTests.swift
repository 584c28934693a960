// Parameters are found where PostgreSQL would find an expression, and nowhere else.
// Strings, comments, quoted names, casts, slices and dollar quotes hide what looks like a parameter.
// That PostgreSQL takes the result is shown by the shipped reports, which use both parameters.

import Money
import Postgres
import Testing

@testable import Reports

@Suite struct StatementTemplateTests {
  @Test(arguments: [
    ("select :as_of", "select $1::date"), ("select :as_of, :time_zone, :as_of", "select $1::date, $2::text, $1::date"),
    ("select :time_zone", "select $1::text"), ("select ':as_of'", "select ':as_of'"),
    ("select 'it''s :as_of', :as_of", "select 'it''s :as_of', $1::date"),
    (#"select E'\':as_of', :as_of"#, #"select E'\':as_of', $1::date"#),
    (#"select '\', :as_of"#, #"select '\', $1::date"#), (#"select ":as_of""#, #"select ":as_of""#),
    ("select 1 -- :as_of\n, :as_of", "select 1 -- :as_of\n, $1::date"),
    ("select /* :as_of /* nested */ :as_of */ 1", "select /* :as_of /* nested */ :as_of */ 1"),
    ("select $$ :as_of $$, $t$ :as_of $$ $t$", "select $$ :as_of $$, $t$ :as_of $$ $t$"),
    ("select now()::date, :as_of::text", "select now()::date, $1::date::text"),
    ("select (:as_of)", "select ($1::date)"), ("select a[1:2], b[x:y]", "select a[1:2], b[x:y]"),
    ("select 1;\n", "select 1"), ("select 1 -- end;", "select 1 -- end;"), ("select 1; -- end", "select 1"),
    ("select a[:as_of], b[1:as_of]", "select a[:as_of], b[1:as_of]"),
    ("select 'a';;", "select 'a'"), ("f(a := 1)", "f(a := 1)"),
  ])
  func parametersAreTyped(source: String, expected: String) {
    let template = StatementTemplate(source)
    #expect(template.sql == expected)
    #expect(template.unknownParameters.isEmpty)
  }

  @Test func unknownParameterIsNamed() {
    #expect(StatementTemplate("select :asof").unknownParameters == ["asof"])
  }

  @Test func valuesFollowTheNumbers() throws {
    let date = try #require(CivilDate("2026-11-20"))
    let values = StatementTemplate("select :time_zone, :as_of").values(asOf: date, timeZone: "UTC")
    #expect(values == [.text("UTC"), .date(daysSince1970: Int32(date.daysSince1970))])
  }

  @Test func anyTextIsScannedToItsEnd() {
    for source in ["'", "\"", "/*", "/* /*", "$$", "$t$", "--", "E'\\", ":", "::", "$", "e'", ":as_of'"] {
      #expect(StatementTemplate(source).sql.utf8.count >= source.utf8.count - 1)
    }
  }
}
