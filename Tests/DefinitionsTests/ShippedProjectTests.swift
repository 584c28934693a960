// The definitions in this repository's own Jobs/ load without a word.
// They are the first example that a user reads, so they load without warnings too, and every feed stands where
// the order of loading needs it.

internal import Definitions
internal import Finding
internal import Money
internal import Testing

@Suite struct ShippedProjectTests {
  private let outcome = Project.check(root: ProjectFixture.repository, environment: [:])

  @Test func theShippedDefinitionsHaveNothingToReport() {
    #expect(outcome.diagnostics.map { DiagnosticRenderer(color: false).render($0) } == [])
  }

  @Test func feedsStandAfterTheFeedsTheyReference() throws {
    let project = try #require(outcome.project)
    #expect(project.feeds.map(\.name) == ["customers", "products", "orders", "transactions"])
  }

  @Test func theProjectIsReadAsWritten() throws {
    let project = try #require(outcome.project)
    #expect(project.name == "acme")
    #expect(project.database.url == .embedded)
    #expect(project.database.schema == "finance")
    #expect(project.database.pool == PoolDefinition())
    #expect(project.inbox == ProjectFixture.repository + "/.daybook/inbox")
    #expect(project.output == ProjectFixture.repository + "/Output")
    #expect(project.calendar == CalendarSettings(timeZone: "America/New_York"))
    #expect(project.close == CloseSettings(late: .restate))
    #expect(project.jobs.map(\.name) == ["nightly"])
    #expect(project.jobs[0].timeout == .seconds(7200))
    #expect(project.jobs[0].stages.map(\.kind) == [.ingest, .refresh, .check, .report])
  }

  @Test func viewsOfClosedMonthsFollowThemAndTheJournal() throws {
    let project = try #require(outcome.project)
    #expect(project.view(named: "restatements")?.inputs == ["daybook.period", "revenue_monthly"])
    #expect(project.view(named: "restatement_batches")?.inputs == ["daybook.period", "transactions"])
    #expect(project.view(named: "revenue_reported")?.inputs == ["daybook.period", "revenue_monthly"])
  }

  @Test func aFeedIsReadAsWritten() throws {
    let feed = try #require(outcome.project?.feed(named: "transactions"))
    #expect(feed.format.nullTokens == ["", "NULL"])
    #expect(feed.rejectLimit.description == "1%")
    #expect(feed.mode == .delta)
    #expect(feed.key == ["transaction_id"])
    #expect(feed.periodColumn == "occurred_at")
    let amount = try #require(feed.column(named: "amount"))
    #expect(amount.type == .decimal(precision: 14, scale: 2))
    #expect(amount.minimum == .number(0))
    #expect(amount.control == ControlSum(groupedBy: "currency"))
    let order = try #require(feed.column(named: "order_id"))
    #expect(order.isOptional)
    #expect(order.reference == ColumnReference(feed: "orders", column: "order_id"))
    #expect(order.position.description == "Jobs/feeds/transactions.yaml:11:3")
  }
}
