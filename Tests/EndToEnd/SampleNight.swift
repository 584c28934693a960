// A night on generated feeds: what the program loads, against what the generator says it must.

import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct SampleNight {
  @Test func everyRowAndEveryAmountIsWhereTheGeneratorSaysAndTheSecondRunDoesNothing() async throws {
    try await TemporaryDirectory.with { directory in
      let project = try NightProject(copying: NightProject.repository, into: directory)
      let expected = try await project.sample(to: project.inbox, nights: 3, dirty: "0.005")
      #expect(expected.files.count == 16)
      let first = try await project.night(asOf: "2024-12-31")
      #expect(first.exitCode == 0)
      #expect(!project.isServerRunning)
      for feed in Set(expected.files.map(\.feed)) {
        let files = expected.files.filter { $0.feed == feed }
        func sum(_ outcome: String) -> Int { files.reduce(0) { $0 + ($1.rows[outcome] ?? 0) } }
        #expect(
          first.ingested(feed)
            == NightReport.Rows(
              read: sum("read"), inserted: sum("inserted"), updated: sum("updated"), unchanged: sum("unchanged"),
              deleted: 0, duplicate: sum("duplicate"), rejected: sum("rejected")), "\(feed)")
      }
      #expect(!first.reports.isEmpty)
      for name in ["index.html", "summary.txt"] {
        #expect(FileManager.default.fileExists(atPath: project.root + "/Output/latest/" + name))
      }

      let rejects = try await project.daybook("rejects", "list", "--json")
      let list = try JSONDecoder().decode(RejectList.self, from: Data(rejects.stdout.utf8)).rejects
      let found = list.map { "\(Self.baseName($0.file))|\($0.line)|\($0.column ?? "")|\($0.code)" }
      #expect(found.sorted() == expected.rejectLines)

      let published = try project.publishedFiles()
      let second = try await project.night(asOf: "2024-12-31")
      #expect(second.exitCode == 0)
      for feed in Set(expected.files.map(\.feed)) { #expect(second.ingested(feed).read == 0) }
      #expect(second.reports.allSatisfy { $0.cached })
      #expect(try project.changedFiles(since: published) == [])

      // The server is kept only to be asked.
      #expect(try await project.daybook("db", "start").status == 0)
      let url = try await project.daybook("db", "url").stdout.trimmingCharacters(in: .whitespacesAndNewlines)
      try await expected.expectIn(url)
      #expect(try await project.daybook("db", "stop").status == 0)
      #expect(!project.isServerRunning)
    }
  }

  @Test func fileOverTheRejectLimitIsRefusedAndNothingIsPublishedUntilItIsMended() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        let feeds = directory.appending("feeds")
        let expected = try await project.sample(to: feeds, nights: 1, dirty: "0")
        let night = "transactions_2024-12-31.csv"
        try project.deliver(from: feeds) { $0.hasSuffix("_2024-12-30.csv") }
        #expect(try await project.night(asOf: "2024-12-30").exitCode == 0)
        try await expectToldWithoutARun(project)
        let published = try project.publishedFiles()
        let before = try await digest(of: "finance.transactions", at: database.url)

        let good = try String(contentsOfFile: feeds + "/" + night, encoding: .utf8)
        let spoilt = good + String(repeating: "not,a,transaction\n", count: good.split(separator: "\n").count / 20 + 1)
        try Data(spoilt.utf8).write(to: URL(filePath: project.inbox + "/" + night))
        let refused = try await project.night(asOf: "2024-12-31")
        #expect(refused.exitCode == 65)
        #expect(try await digest(of: "finance.transactions", at: database.url) == before)
        // The refused records are put where a person can see them; of what was published no figure is touched, but every
        // page says that it is out of date.
        let touched = try project.changedFiles(since: published).filter { !$0.hasPrefix("rejects") }
        #expect(touched.contains("2024-12-30/index.html") && touched.contains("2024-12-30/summary.txt"))
        #expect(!touched.contains { $0.hasPrefix("2024-12-30/data/") || $0.hasSuffix(".xlsx") }, "\(touched)")
        let stale = try project.published("latest/index.html")
        #expect(
          stale.contains("<strong>STALE</strong>")
            && stale.contains("the night of 31 Dec 2024 failed (ingest transactions"))
        #expect(stale.contains("these are still the figures of 30 Dec 2024; to mend it type: daybook rejects list"))
        let list = try await project.daybook("report", "list", "--json")
        let state = try JSONSerialization.jsonObject(with: Data(list.stdout.utf8)) as? [String: Any]
        #expect(state?["state"] as? String == "STALE" && state?["as_of"] as? String == "2024-12-30")

        try Data(good.utf8).write(to: URL(filePath: project.inbox + "/" + night))
        try project.deliver(from: feeds) { $0.hasSuffix("_2024-12-31.csv") && $0 != night }
        #expect(try await project.night(asOf: "2024-12-31").exitCode == 0)
        try await expected.expectIn(database.url)
        #expect(try project.changedFiles(since: published) != [])
        // The good night took it back, in the set that it made and in the one that it replaced.
        for set in ["latest", "2024-12-30"] {
          #expect(try !project.published("\(set)/index.html").contains("STALE"), "\(set)")
        }
        try await expectWhatChanged(project)
      }
    }
  }

  /// A night that does not get as far as a run is one that failed, too: a definition is wrong, the database is gone.
  private func expectToldWithoutARun(_ project: NightProject) async throws {
    let path = project.root + "/Jobs/daybook.yaml"
    let good = try String(contentsOfFile: path, encoding: .utf8)
    defer { try? Data(good.utf8).write(to: URL(filePath: path)) }
    let gone = good.replacing("${DATABASE_URL:-embedded}", with: "postgresql://nobody@127.0.0.1:1/none")
    try #require(gone != good)
    try Data(gone.utf8).write(to: URL(filePath: path))
    let unreachable = try await project.daybook("run", "--as-of", "2024-12-31")
    #expect(unreachable.status == 69, "\(unreachable.stderr)")
    let first = try project.published("latest/index.html")
    #expect(first.contains("<strong>STALE</strong>"))
    #expect(first.contains("to mend it type: daybook doctor, then: daybook run --as-of 2024-12-31."))
    let feed = project.root + "/Jobs/feeds/orders.yaml"
    let text = try String(contentsOfFile: feed, encoding: .utf8)
    defer { try? Data(text.utf8).write(to: URL(filePath: feed)) }
    try Data((text + "kye: x\n").utf8).write(to: URL(filePath: feed))
    let broken = try await project.daybook("run", "--as-of", "2024-12-31")
    #expect(broken.status == 78)
    let second = try project.published("latest/index.html")
    #expect(second.contains("Jobs/feeds/orders.yaml"))
    #expect(second.contains("to mend it type: daybook check, then: daybook run --as-of 2024-12-31."))
    #expect(second.components(separatedBy: "<strong>STALE</strong>").count == 2)
    // A slip of the pen is no failed night.
    let typed = try await project.daybook("report", "revenu")
    #expect(typed.status == 78)
    #expect(try project.published("latest/index.html") == second)
  }

  /// The verbs about published reports.
  private func expectWhatChanged(_ project: NightProject) async throws {
    let opened = try await project.daybook("report", "open", "revenue")
    #expect(opened.status == 0 && opened.stdout.hasSuffix("/Output/2024-12-31/revenue.html\n"), "\(opened.stdout)")
    let wrong = try await project.daybook("report", "open", "revenu", "--as-of", "2024-12-30")
    #expect(wrong.status == 64 && wrong.stderr.contains("did you mean \"revenue\"?"))
    let missing = try await project.daybook("report", "diff", "2024-12-29", "latest")
    #expect(
      missing.status == 64 && missing.stderr.contains("published are 2024-12-30, 2024-12-31"), "\(missing.stderr)")
    let told = try await project.daybook("report", "diff", "2024-12-30", "latest")
    #expect(told.status == 0 && told.stdout.contains("revenue: Months"), "\(told.stderr)")
    #expect(told.stdout.contains("transactions: transactions_2024-12-31.csv, loaded"))
    let diff = try await project.daybook("report", "diff", "2024-12-30", "2024-12-31", "--json")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(diff.stdout.utf8)) as? [String: Any])
    let changes = try #require(object["changes"] as? [[String: Any]])
    let batches = try #require(object["batches"] as? [[String: Any]])
    #expect(batches.contains { $0["source"] as? String == "transactions_2024-12-31.csv" })
    #expect(!batches.contains { ($0["source"] as? String)?.hasSuffix("_2024-12-30.csv") == true })
    // What a figure changed by is the difference of what the two sets say.
    let months = changes.filter { $0["section"] as? String == "Months" && $0["column"] as? String == "gross" }
    #expect(!months.isEmpty)
    for change in months {
      let row = try #require(change["row"] as? [String])
      let values = try ["2024-12-30", "2024-12-31"].map { set in
        try project.published("\(set)/data/revenue_months.csv").split(separator: "\n").first { line in
          row.allSatisfy { line.contains($0.split(separator: " ").last ?? "?") }
        }?.split(separator: ",", omittingEmptySubsequences: false)[2]
      }
      #expect(values[0].map(String.init) == change["before"] as? String)
      #expect(values[1].map(String.init) == change["after"] as? String)
    }
    // Without one of the words above, and with one, reports are published.
    for words in [["report", "--force", "revenue"], ["report", "publish"]] {
      let outcome = try await project.daybook(words + ["--as-of", "2024-12-31", "--json"])
      #expect(outcome.status == 0, "\(outcome.stderr)")
      #expect(outcome.stdout.contains("\"job\": \"report\""), "\(outcome.stdout)")
    }
  }

  @Test func brokenDefinitionEndsTheRunBeforeAnythingIsTouched() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        let path = project.root + "/Jobs/feeds/transactions.yaml"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try Data((text + "on_conflct: update\n").utf8).write(to: URL(filePath: path))
        // What a check finds is its data; what stops a run is not.
        let check = try await project.daybook("check")
        let run = try await project.daybook("run", "nightly")
        for (outcome, text) in [(check, check.stdout), (run, run.stderr)] {
          #expect(outcome.status == 78)
          #expect(text.contains("Jobs/feeds/transactions.yaml:"))
          #expect(text.contains("on_conflict"))
        }
        #expect(try await lines("select 1 from pg_namespace where nspname = 'finance'", at: database.url) == [])
        #expect(try project.publishedFiles() == [:])
      }
    }
  }

  @Test func requiredFeedThatNeverCameIsMissing() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        let feeds = directory.appending("feeds")
        _ = try await project.sample(to: feeds, nights: 0, dirty: "0")
        try project.deliver(from: feeds) { !$0.hasPrefix("orders_") }
        let outcome = try await project.daybook("run", "nightly", "--as-of", "2024-12-31")
        #expect(outcome.status == 66)
        #expect(outcome.stderr.contains("orders"))
      }
    }
  }

  private static func baseName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
