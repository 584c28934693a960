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
        let published = try project.publishedFiles()
        let before = try await digest(of: "finance.transactions", at: database.url)

        let good = try String(contentsOfFile: feeds + "/" + night, encoding: .utf8)
        let spoilt = good + String(repeating: "not,a,transaction\n", count: good.split(separator: "\n").count / 20 + 1)
        try Data(spoilt.utf8).write(to: URL(filePath: project.inbox + "/" + night))
        let refused = try await project.night(asOf: "2024-12-31")
        #expect(refused.exitCode == 65)
        #expect(try await digest(of: "finance.transactions", at: database.url) == before)
        // The refused records are put where a person can see them; nothing that was published is touched.
        #expect(try project.changedFiles(since: published).allSatisfy { $0.hasPrefix("rejects") })

        try Data(good.utf8).write(to: URL(filePath: project.inbox + "/" + night))
        try project.deliver(from: feeds) { $0.hasSuffix("_2024-12-31.csv") && $0 != night }
        #expect(try await project.night(asOf: "2024-12-31").exitCode == 0)
        try await expected.expectIn(database.url)
        #expect(try project.changedFiles(since: published) != [])
      }
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
