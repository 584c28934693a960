// The verbs of the cache around a real night: what it was good for, forgetting, and two processes that make every result
// once between them.

import Foundation
import TestSupport
import Testing

@Suite struct CachedNights {
  private func object(_ outcome: ProgramOutcome) throws -> [String: Any] {
    #expect(outcome.status == 0, "\(outcome.stderr)")
    return try #require(try JSONSerialization.jsonObject(with: Data(outcome.stdout.utf8)) as? [String: Any])
  }

  private func counts(_ object: [String: Any]) -> [String: Int] { object.compactMapValues { $0 as? Int } }

  @Test func resultsAreKeptForgottenAndMadeOnceByProcessesSideBySide() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        _ = try await project.sample(
          to: project.inbox, orders: 300, transactions: 600, nights: 1, dirty: "0")
        let date = "2024-12-31"
        let none = try object(try await project.daybook("cache", "stats", "--json"))
        #expect((none["tiers"] as? [Any])?.isEmpty == true)
        let night = try await project.night(asOf: date)
        #expect(night.exitCode == 0)
        let stats = try object(try await project.daybook("cache", "stats", "--json"))
        let tiers = try #require(stats["tiers"] as? [[String: Any]])
        #expect(tiers.compactMap { $0["tier"] as? String } == ["memory", "postgresql"])
        var sections = 0
        for tier in tiers {
          let last = counts(try #require(tier["last"] as? [String: Any]))
          #expect(last["gets"] == (last["hits"] ?? 0) + (last["misses"] ?? 0) && last["failures"] == 0)
          sections = last["puts"] ?? 0
          #expect(sections > 10 && last["entries"] == sections)
        }

        // Nothing has changed: no question, and so no new use.
        let published = try project.publishedFiles()
        #expect(try await project.night(asOf: date).exitCode == 0)
        #expect(try project.changedFiles(since: published) == [])
        let again = try object(try await project.daybook("cache", "stats", "--json"))
        #expect((again["tiers"] as? [[String: Any]])?.allSatisfy { $0["programs"] as? Int == 1 } == true)

        let some = try object(try await project.daybook("cache", "clear", "customer_cohorts", "--json"))
        let forgotten = try #require(some["forgotten"] as? Int)
        #expect(forgotten > 0 && forgotten < sections)
        let rest = try object(try await project.daybook("cache", "clear", "--json"))
        #expect(rest["forgotten"] as? Int == sections - forgotten)
        let wrong = try await project.daybook("cache", "clear", "customer_cohort")
        #expect(wrong.status == 64 && wrong.stderr.contains("did you mean \"customer_cohorts\"?"))

        // Processes side by side: each result is made by one of them and found by the others.
        let outcomes = try await withThrowingTaskGroup(of: ProgramOutcome.self) { group in
          for _ in 0..<3 {
            group.addTask { try await project.daybook("cache", "warm", "--as-of", date, "--json") }
          }
          return try await group.reduce(into: []) { $0.append($1) }
        }
        let warmed = try outcomes.map { counts(try object($0)) }
        #expect(warmed.reduce(0) { $0 + ($1["made"] ?? 0) } == sections, "\(warmed)")
        #expect(warmed.reduce(0) { $0 + ($1["kept"] ?? 0) } == 2 * sections, "\(warmed)")

        let forced = try await project.daybook("report", "--force", "--as-of", date)
        #expect(forced.status == 0, "\(forced.stderr)")
        let words = try await project.daybook("cache", "stats")
        #expect(
          words.stdout.contains("postgresql  last: ")
            && words.stdout.contains("held in postgresql: \(sections) results"))
      }
    }
  }
}
