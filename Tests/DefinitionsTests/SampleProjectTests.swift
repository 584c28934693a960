// Every key of every kind of definition, read into the value it stands for.
// The project is that of Samples: every key appears in it at least once, and none of it is what the default
// would be, so that a key that is not read fails here.

internal import Definitions
internal import Finding
internal import Money
internal import Testing

@Suite struct SampleProjectTests {
  private func shop(_ environment: [String: String] = [:]) throws -> Project {
    try ProjectFixture(Samples.shop, environment: environment).load()
  }

  @Test func theSampleProjectHasNothingToReport() throws {
    #expect(try ProjectFixture(Samples.shop).rendered() == "")
  }

  @Test func settingsOfTheProjectAreRead() throws {
    let project = try shop()
    #expect(project.inbox == "/srv/in")
    #expect(project.output == project.root + "/Out")
    #expect(project.calendar == CalendarSettings(timeZone: "Europe/Paris", fiscalYearStartMonth: 4, weekStart: .sunday))
    #expect(project.retention == RetentionSettings(journalDays: 90))
    #expect(
      project.database.pool
        == PoolDefinition(
          min: 0, max: 8, acquireTimeout: .milliseconds(500), maxAge: .seconds(86_400), idleTimeout: .seconds(300)))
  }

  @Test func everyKeyOfAFeedIsRead() throws {
    let feed = try #require(try shop().feed(named: "payments"))
    #expect(feed.filePattern == "payments_*.csv*")
    #expect(
      feed.format
        == FeedFormat(
          delimiter: UInt8(ascii: ";"), quote: nil, encoding: .windows1252, nullTokens: ["", "NULL", "n/a"],
          decimalMark: UInt8(ascii: ","), groupingMark: UInt8(ascii: "."), negatives: [.trailingMinus],
          maxRecordBytes: 64 << 10, maxRecordLines: 20, maxFileBytes: 10 << 30))
    #expect(!feed.keepsProvenance && feed.isWatched && feed.controlFile == .required)
    #expect(
      feed.trailer
        == TrailerRule(
          marker: "TRL", rowsField: 2,
          sums: [
            TrailerRule.Sum(column: "amount", group: "EUR", field: 3),
            TrailerRule.Sum(column: "amount", group: nil, field: 4),
          ]))
    #expect(feed.drift == DriftRules(extra: .ignore, missing: .refuse))
    #expect(feed.mode == .snapshot(maxDeletes: .ratio(try #require(ExactDecimal("0.005")))))
    #expect(feed.load == .copy)
    #expect(feed.onConflict == .reject)
    #expect(!feed.isRequired)
    #expect(feed.rejectLimit == .count(100))
    #expect(feed.columns.map(\.name) == ["payment_id", "kind", "amount", "currency", "paid_at", "channel", "note"])
    let id = feed.columns[0]
    #expect(id.sourceName == "Payment No" && id.acceptsIntegralDecimal && !id.isOptional)
    #expect(feed.columns[1].oneOf == ["payment", "refund"])
    #expect(feed.columns[1].isTrimmed && feed.columns[1].nullTokens == ["-"])
    #expect(!feed.columns[2].isTrimmed && feed.columns[2].nullTokens == nil)
    #expect(feed.columns[2].minimum == .number(try #require(ExactDecimal("-5.50"))))
    #expect(feed.columns[3].isIndexed && feed.columns[3].pattern == "^[A-Z]{3}$")
    let paid = feed.columns[4]
    #expect(paid.minimum == .day(try #require(CivilDate("2020-01-01"))))
    #expect(
      paid.format?.parts == [
        .day(minimumDigits: 2), .literal(0x2E), .month(minimumDigits: 2), .literal(0x2E), .year, .literal(0x20),
        .hour(minimumDigits: 2), .literal(0x3A), .minute,
      ])
    #expect(feed.columns[5].constant == "web")
    #expect(feed.columns[6].isOptional)
  }

  @Test func aRollupIsReadAsWritten() throws {
    let view = try #require(try shop().view(named: "daily"))
    #expect(view.inputs == ["payments"])
    guard case .rollup(let rollup) = view.kind else {
      Issue.record("daily is no rollup")
      return
    }
    #expect(rollup.groups.map(\.source) == [.date("paid_at"), .column("currency"), .expression("upper(kind)")])
    #expect(
      rollup.measures.map(\.function) == [
        .sum("amount"), .sum("amount"), .count, .last("amount", by: "paid_at"), .distinct("payment_id"),
      ])
    #expect(rollup.measures[0].condition == "kind = 'payment'")
    #expect(rollup.derived.map(\.name) == ["net", "share"])
  }

  @Test func aNativeViewIsReadWithItsHeaderAndItsInputs() throws {
    let project = try shop()
    #expect(project.views.map(\.name) == ["daily", "trend"])
    let view = project.views[1]
    // `from nowhere`, `join payments` and `from payments` stand in comments and strings.
    #expect(view.inputs == ["daily"])
    guard case .native(let native) = view.kind else {
      Issue.record("trend is not native")
      return
    }
    #expect(native.uniqueKey == ["business_date", "currency"])
    #expect(native.indexes == [["currency"], ["business_date", "currency_name"]])
    #expect(native.sql.hasSuffix("$q$ join payments $q$"))
  }

  @Test func aReportIsReadAsWritten() throws {
    let report = try #require(try shop().report(named: "customers"))
    #expect(report.inputs == ["daily", "trend"])
    #expect(report.sections.map(\.title) == ["This month", "Net revenue", "Top currencies", "How to read this", ""])
    #expect(
      report.sections.map(\.kind) == [
        .kpi, .chart(ChartDefinition(type: .line, x: "business_date", y: ["net"], series: "currency")), .table, .text,
        .note,
      ])
    let table = report.sections[2]
    #expect(table.source == .view("daily"))
    #expect(table.orderBy == [OrderTerm(column: "total", isDescending: true)])
    #expect(table.top == 25 && table.csv == "daily")
    #expect(table.columns.map(\.label) == ["Day", "Total", "Share"])
    #expect(table.columns.map(\.kind) == [.date, .money(currencyColumn: "currency"), .decimal(2)])
    let net = report.sections[0].columns.first { $0.column == "net" }
    #expect(net?.kind == .money(currencyColumn: "currency"))
    #expect(report.sections[3].text == "Refunds count on the day they are made.")
  }

  @Test func aJobIsReadAsWritten() throws {
    let job = try #require(try shop().job(named: "nightly"))
    #expect(job.timeout == .seconds(7200))
    #expect(
      job.stages == [
        StageDefinition(kind: .ingest, timeout: .seconds(1800)),
        StageDefinition(kind: .refresh, selection: .named(["daily", "trend"])),
        StageDefinition(kind: .check), StageDefinition(kind: .report, selection: .named(["customers"])),
      ])
  }

  @Test func theDatabaseAddressComesFromTheEnvironmentAndIsNeverDescribed() throws {
    let url = "postgresql://app:hunter2@db/shop"
    let project = try shop(["DATABASE_URL": url])
    #expect(project.database.url == .url(url))
    var dumped = "\(project) \(project.database) \(project.database.url)"
    dump(project, to: &dumped)
    #expect(!dumped.contains("hunter2"))
  }

  @Test func anEmptyVariableGivesTheDefault() throws {
    #expect(try shop(["DATABASE_URL": ""]).database.url == .embedded)
  }

  @Test func aReportSaysWhatMovedWhatItTiesToAndWhatIsMadeOfIt() throws {
    var files = GoldenCase.good
    files["Jobs/daybook.yaml"] = "project: shop\nlocale: { decimal_mark: \",\", dates: dd.MM.yyyy }\n"
    files["Jobs/reports/money.yaml"] = """
      report: money
      title: Money
      outputs: [json, html]
      sections:
        - moves: What moved
          query: select customer_id, amount as now, 0 as before, currency from payments
          now: now
          before: before
          against: nothing
          columns:
            now: { format: money(currency), better: down }
        - table: All
          view: payments
          columns:
            amount: { format: money(currency), ties_to: { figure: payments.amount, where: amount > 0 } }
            payment_id: { format: integer, ties_to: payments.customer_id }
      """
    let project = try ProjectFixture(files).load()
    #expect(project.locale == LocaleSettings(decimalMark: ",", groupingMark: ".", datePattern: "dd.MM.yyyy"))
    let report = try #require(project.report(named: "money"))
    #expect(report.outputs == [.html, .json])
    #expect(report.sections[0].kind == .moves(MovesDefinition(now: "now", before: "before", against: "nothing")))
    #expect(report.sections[0].columns[0].better == .down)
    #expect(
      report.sections[1].columns.map(\.tie) == [
        FigureTie(relation: "payments", column: "amount", condition: "amount > 0"),
        FigureTie(relation: "payments", column: "customer_id"),
      ])
    // What reports are shown to be made by: the text of every file but the one that may name a database.
    #expect(project.sources["Jobs/reports/money.yaml"] == files["Jobs/reports/money.yaml"])
    #expect(project.sources["Jobs/daybook.yaml"] == nil && project.sources.count == 4)
    // Each of them is part of what a report means.
    for (before, after) in [
      ("better: down", "better: up"), ("amount > 0", "amount > 1"), ("[json, html]", "[json]"), ("nothing", "zero"),
    ] {
      var changed = files
      changed["Jobs/reports/money.yaml"] = files["Jobs/reports/money.yaml"]?.replacing(before, with: after)
      let other = try ProjectFixture(changed).load()
      #expect(other.report(named: "money")?.definitionHash != report.definitionHash, "\(before)")
    }
    files["Jobs/daybook.yaml"] = "project: shop\n"
    #expect(try ProjectFixture(files).load().configurationHash != project.configurationHash)
  }
}
