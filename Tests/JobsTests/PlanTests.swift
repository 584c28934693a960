// A plan is a value: what is asked for becomes stages in order, and prints the same every time.

import Definitions
import Finding
import Ingest
import Ledger
import Testing

@testable import Jobs

@Suite struct PlanTests {
  let project = Fixture.project()

  @Test func aJobBecomesItsStagesInOrder() throws {
    let plan = try Fixture.plan(project)
    #expect(plan.stages.map(\.kind) == [.ingest, .refresh, .check, .report])
    #expect(plan.stages[0].items == ["customers", "orders", "products"])
    #expect(plan.stages[1].items == ["daily", "trend"])
    #expect(plan.stages[3].items == ["revenue"])
    #expect(plan.timeout == .seconds(7200))
  }

  @Test func namedFeedsFollowTheOrderOfReferences() throws {
    let request = PlanRequest(work: .ingest(["products", "orders", "customers"], files: .inbox), asOf: Fixture.asOf)
    #expect(try Plan(request, project: project).stages[0].items == ["customers", "orders", "products"])
  }

  @Test func aNamedViewBringsTheViewsItReads() throws {
    let request = PlanRequest(work: .refresh(["trend"]), asOf: Fixture.asOf)
    #expect(try Plan(request, project: project).stages[0].items == ["daily", "trend"])
  }

  @Test func stagesBeforeTheOneAskedForAreLeftOut() throws {
    let request = PlanRequest(work: .job("nightly"), asOf: Fixture.asOf, fromStage: .check)
    #expect(try Plan(request, project: project).stages.map(\.kind) == [.check, .report])
  }

  @Test(
    arguments: [
      (PlanRequest.Work.job("nighty"), "did you mean \"nightly\"?"),
      (.ingest(["order"], files: .inbox), "did you mean \"orders\"?"),
      (.refresh(["zzz"]), "Jobs/views defines daily, trend"),
      (.report(["revenues"]), "did you mean \"revenue\"?"),
    ])
  func anUnknownNameIsAUsageErrorThatNamesTheNearest(work: PlanRequest.Work, fix: String) {
    do {
      _ = try Plan(PlanRequest(work: work, asOf: Fixture.asOf), project: project)
      Issue.record("\(work) was planned")
    } catch {
      #expect(error.exitCode == .usage)
      #expect(error.diagnostics.first?.fix == fix)
    }
  }

  @Test func aPlanWithoutForecastPrintsWhatDecides() throws {
    let project = Fixture.project(stageTimeout: .seconds(90))
    #expect(
      try Fixture.plan(project).text(project: project) == """
        nightly as of 2026-11-20, project acme
          1 ingest, at most 1m 30s
              customers  files customers_*.csv
              orders     files orders_*.csv
              products   files products_*.csv
          2 refresh
              daily      when orders changed
              trend      when daily changed
          3 check
              daily      when it changed since it was checked
              trend      when it changed since it was checked
          4 report
              revenue    when its figures changed
          everything within 2h
        """)
  }

  @Test func aForecastFollowsNewFilesThroughViewsToReports() throws {
    let plan = try Fixture.plan(project)
    var knowledge = LedgerKnowledge()
    knowledge.loaded = ["customers": [InboxFile(name: "customers_1.csv", bytes: 10)]]
    knowledge.versions = ["orders": 3, "daily": 2]
    knowledge.views = [
      "daily": ViewState(definitionHash: "h-daily", inputVersions: ["orders": 3]),
      "trend": ViewState(definitionHash: "h-trend", inputVersions: ["daily": 2]),
    ]
    let inbox = [
      "customers": [InboxFile(name: "customers_1.csv", bytes: 10)],
      "orders": [InboxFile(name: "orders_2.csv", bytes: 5)],
    ]
    let forecast = plan.forecast(project: project, inbox: inbox, knowledge: knowledge)
    #expect(forecast.outlook(.ingest, "customers") == .init(.skip, "nothing new: 1 file loaded"))
    #expect(forecast.outlook(.ingest, "orders") == .init(.load, "orders_2.csv", files: ["orders_2.csv"]))
    #expect(forecast.outlook(.ingest, "products") == .init(.skip, "no file ever came"))
    #expect(forecast.outlook(.refresh, "trend") == .init(.refresh, "daily changed"))
    #expect(forecast.outlook(.report, "revenue") == .init(.publish, "trend changed"))

    knowledge.conditions = ["orders": LoadConditions(tableRows: 4_000)]
    #expect(
      plan.forecast(project: project, inbox: inbox, knowledge: knowledge).outlook(.ingest, "orders")?.reason
        == "orders_2.csv; by copy: 5 B for a table of about 4000 rows; nothing is measured yet")
    knowledge.halfLoaded = ["orders": ["orders_2.csv"]]
    #expect(
      plan.forecast(project: project, inbox: inbox, knowledge: knowledge).outlook(.ingest, "orders")?.reason
        == "orders_2.csv; by insert: a file is part way in and goes on where it stopped")

    let quiet = plan.forecast(project: project, inbox: [:], knowledge: knowledge)
    #expect(quiet.outlook(.ingest, "orders") == .init(.fail, "required, and no file ever came"))
    #expect(quiet.outlook(.refresh, "daily") == .init(.skip, "up to date"))
    #expect(quiet.outlook(.report, "revenue") == nil)
  }

  @Test func thePlanAsJSONHasTheShapeOfARun() throws {
    let request = PlanRequest(work: .refresh(["daily"]), asOf: Fixture.asOf, isFullRefresh: true)
    let plan = try Plan(request, project: project)
    let forecast = plan.forecast(project: project, inbox: [:], knowledge: nil)
    #expect(
      plan.json(project: project, forecast: forecast).text
        == #"{"run_id": null, "job": "refresh", "as_of": "2026-11-20", "status": "planned", "exit_code": 0, "#
        + #""wall_ms": 0, "dry_run": true, "stages": [{"stage": "refresh", "name": "daily", "status": "planned", "#
        + #""action": "refresh", "reason": "refresh: in full, as asked", "files": []}], "reports": [], "findings": []}"#
    )
  }

  @Test func aCheckStageSelectsChecksByNameAndByWhatTheyLookAt() throws {
    var project = Fixture.project()
    project.checks = [("sound", "daily"), ("whole", "orders")].map { name, relation in
      CheckDefinition(
        name: name, relation: relation,
        tests: [CheckTest(kind: .notNull(["id"]), inputs: [relation], position: Fixture.position)],
        position: Fixture.position, definitionHash: name)
    }
    func items(_ selection: StageDefinition.Selection) throws -> [String] {
      project.jobs[0].stages = [StageDefinition(kind: .check, selection: selection)]
      return try Fixture.plan(project).stages[0].items
    }
    #expect(try items(.all) == ["daily", "trend", "sound", "whole"])
    #expect(try items(.named(["whole"])) == ["whole"])
    #expect(try items(.named(["daily"])) == ["daily", "sound"])
    #expect(try items(.named(["orders", "trend"])) == ["trend", "whole"])
    // A verification is of views alone.
    let verified = try Plan(
      PlanRequest(work: .refresh([]), asOf: Fixture.asOf, isVerified: true), project: project)
    #expect(verified.stages.map(\.items) == [["daily", "trend"], ["daily", "trend"]])
  }
}
