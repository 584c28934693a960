// Hashes change with meaning and with nothing else.
// A hash that changes without reason rebuilds views for nothing; one that stays hides a change.
// The project under test is that of Samples, with one edit each.

internal import Definitions
internal import Testing

@Suite struct HashTests {
  private func load(_ path: String, _ edit: (String) -> String) throws -> Project {
    var files = Samples.shop
    let before = try #require(files[path])
    let after = edit(before)
    #expect(before != after, "the edit changes nothing")
    files[path] = after
    return try ProjectFixture(files).load()
  }

  @Test func commentsAndWhiteSpaceChangeNoHash() throws {
    let good = try ProjectFixture(Samples.shop).load()
    for path in Samples.shop.keys where path.hasSuffix(".yaml") {
      let same = try load(path) { "# a remark\n\n" + $0.replacing(": ", with: ":   ") + "\n# the end\n" }
      #expect(same.configurationHash == good.configurationHash, "\(path)")
    }
    let sql = try load("Jobs/views/trend.sql") { $0.replacing("select d", with: "select  /* x */\n\td") }
    #expect(sql.configurationHash == good.configurationHash)
  }

  @Test(arguments: [
    ("Jobs/feeds/payments.yaml", "max: 1000000", "max: 1000001"),
    ("Jobs/feeds/payments.yaml", "required: false", "required: true"),
    ("Jobs/feeds/payments.yaml", "watch: true", "watch: false"),
    ("Jobs/feeds/payments.yaml", "one_of: [payment, refund]", "one_of: [refund, payment]"),
    ("Jobs/views/daily.yaml", "kind = 'refund'", "kind = 'fee'"),
    ("Jobs/views/trend.sql", "index: currency\n", "index: net\n"),
    ("Jobs/views/trend.sql", "2026-01-01", "2025-01-01"),
    ("Jobs/reports/customers.yaml", "top: 25", "top: 26"),
    ("Jobs/nightly.yaml", "timeout: 30m", "timeout: 31m"),
    ("Jobs/checks/sound.yaml", "max: 5000", "max: 5001"),
    ("Jobs/checks/sound.yaml", "factor: 6", "factor: 7"),
    ("Jobs/checks/sound.yaml", "severity: warn", "severity: error"),
    ("Jobs/checks/sound.yaml", "where daily.net", "where daily.total"),
    ("Jobs/daybook.yaml", "starts: april", "starts: may"),
    ("Jobs/daybook.yaml", "journal: 90d", "journal: 91d"),
    ("Jobs/daybook.yaml", "sunday }", "sunday }\nclose: { late: adjust }"),
    ("Jobs/feeds/payments.yaml", "required: false", "required: false\nperiod: paid_at"),
  ])
  func aChangeOfMeaningChangesTheHash(path: String, old: String, new: String) throws {
    let good = try ProjectFixture(Samples.shop).load()
    let changed = try load(path) { $0.replacing(old, with: new) }
    #expect(changed.configurationHash != good.configurationHash)
    let before = Dictionary(uniqueKeysWithValues: good.views.map { ($0.name, $0.definitionHash) })
    let after = Dictionary(uniqueKeysWithValues: changed.views.map { ($0.name, $0.definitionHash) })
    if path.contains("reports") || path.contains("nightly") { #expect(before == after) }
    if path.contains("trend") { #expect(before["daily"] == after["daily"] && before["trend"] != after["trend"]) }
  }

  @Test func aRollupOfDaysDependsOnTheTimeZone() throws {
    let good = try ProjectFixture(Samples.shop).load()
    let moved = try load("Jobs/daybook.yaml") { $0.replacing("Europe/Paris", with: "UTC") }
    #expect(good.view(named: "daily")?.definitionHash != moved.view(named: "daily")?.definitionHash)
    #expect(good.view(named: "trend")?.definitionHash == moved.view(named: "trend")?.definitionHash)
  }

  // By its words nobody knows which SQL makes a day of a moment.
  @Test(arguments: ["extract(hour from paid_at) = 3", "note::timestamptz < '2026-03-01'", "kind = 'fee'"])
  func aConditionDependsOnTheTimeZone(condition: String) throws {
    var files = Samples.shop
    files["Jobs/views/hours.yaml"] = """
      view: hours
      from: payments
      group_by: { currency: currency }
      measures: { n: { count: true, where: "\(condition)" } }
      """
    files["Jobs/feeds/payments.yaml"] = files["Jobs/feeds/payments.yaml"]?.replacing(
      "type: timestamp, format: dd.MM.yyyy HH:mm", with: "type: timestamptz")
    let good = try ProjectFixture(files).load()
    files["Jobs/daybook.yaml"] = files["Jobs/daybook.yaml"]?.replacing("Europe/Paris", with: "UTC")
    let moved = try ProjectFixture(files).load()
    #expect(good.view(named: "hours")?.definitionHash != moved.view(named: "hours")?.definitionHash)
  }

  @Test func whatTiesGoByBelongsToAFirstAndALastValueAndToNothingElse() throws {
    var files = Samples.shop
    for (name, measure) in [("latest", "last: amount, by: paid_at"), ("greatest", "max: amount")] {
      files["Jobs/views/\(name).yaml"] = """
        view: \(name)
        from: payments
        group_by: { currency: currency }
        measures: { m: { \(measure) } }
        """
    }
    let good = try ProjectFixture(files).load()
    files["Jobs/feeds/payments.yaml"] = files["Jobs/feeds/payments.yaml"]?.replacing(
      "key: [payment_id]", with: "key: [currency, payment_id]")
    let moved = try ProjectFixture(files).load()
    #expect(good.feed(named: "payments")?.key != moved.feed(named: "payments")?.key)
    #expect(good.view(named: "latest")?.definitionHash != moved.view(named: "latest")?.definitionHash)
    #expect(good.view(named: "greatest")?.definitionHash == moved.view(named: "greatest")?.definitionHash)
  }

  @Test func aRemarkAtTheEndOfAConditionEndsWithItsLine() throws {
    var files = Samples.shop
    files["Jobs/views/daily.yaml"] = files["Jobs/views/daily.yaml"]?.replacing(
      "kind = 'payment'", with: "kind = 'payment' -- not the others")
    let project = try ProjectFixture(files).load()
    guard case .rollup(let rollup)? = project.view(named: "daily")?.kind else {
      Issue.record("daily is no rollup")
      return
    }
    #expect(rollup.measures.first?.condition == "kind = 'payment' -- not the others\n")
  }

  @Test func theAddressOfTheDatabaseAndTheFolderChangeNoHash() throws {
    let one = try ProjectFixture(Samples.shop, environment: ["DATABASE_URL": "postgresql://a"]).load()
    let other = try ProjectFixture(Samples.shop, environment: ["DATABASE_URL": "postgresql://b"]).load()
    #expect(one.root != other.root)
    #expect(one.configurationHash == other.configurationHash)
  }
}
