// Nights whose views follow what the ingest journaled: each is brought up to date by its changes, equals a recompute, and
// one that was tampered with is found, named and mended.

import Foundation
import TestSupport
import Testing

@Suite struct FollowedNights {
  @Test(arguments: ["copy", "insert"])
  func rollupsFollowTheJournalAndEqualARecompute(_ load: String) async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        let folder = project.root + "/Jobs/feeds"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
          let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
          let others = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            .filter { !$0.hasPrefix("load:") && !$0.hasPrefix("rejects:") }
          try (others + ["load: \(load)", "rejects: { limit: 20% }", ""]).joined(separator: "\n")
            .write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        let views = try FileManager.default.contentsOfDirectory(atPath: project.root + "/Jobs/views")
        let rollups = views.count { $0.hasSuffix(".yaml") }
        let feeds = project.root + "/feeds"
        _ = try await project.sample(to: feeds, transactions: 4_000, nights: 3, dirty: "0.01")
        var followed = 0
        for day in ["2024-12-28", "2024-12-29", "2024-12-30", "2024-12-31"] {
          try project.deliver(from: feeds) { $0.contains(day) }
          let night = try await project.daybook("run", "nightly", "--as-of", day)
          #expect(night.status == 0, "\(night.stderr)")
          followed += night.stderr.split(separator: "\n").count { $0.contains("by delta: ") }
          let verified = try await project.daybook("refresh", "--verify")
          #expect(verified.status == 0, "\(verified.stderr)")
          #expect(verified.stderr.contains("\(rollups) comparisons, no difference"), "\(verified.stderr)")
        }
        #expect(followed >= 2 * rollups, "\(followed) views by delta")
        _ = try await database.psql(
          "update finance.revenue_daily__state set gross__sum = gross__sum + 1 where business_date = '2024-12-24'")
        let wrong = try await project.daybook("refresh", "--verify")
        wrong.expectFailure(
          65, saying: "revenue_daily: recompute: ", "groups differ from a recompute: business_date 2024-12-24",
          "daybook refresh --full revenue_daily")
        #expect(try await project.daybook("refresh", "--full", "revenue_daily").status == 0)
        #expect(try await project.daybook("refresh", "--verify").status == 0)
      }
    }
  }
}
