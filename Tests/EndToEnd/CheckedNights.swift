// Nights with checks: one that fails keeps reports from publishing and says what to type, one that warns does not; a view
// that lies is found in its slice, mended, and told.

import Foundation
import TestSupport
import Testing

@Suite struct CheckedNights {
  private func write(_ text: String, _ path: String, in project: NightProject) throws {
    let folder = project.root + "/" + path.split(separator: "/").dropLast().joined(separator: "/")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(filePath: project.root + "/" + path))
  }

  @Test func aFailedCheckKeepsReportsFromPublishingUntilItIsMadeGood() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        _ = try await project.sample(to: project.inbox, nights: 2, dirty: "0.004")
        let good = try await project.daybook("run", "--as-of", "2024-12-31")
        #expect(good.status == 0, "\(good.stderr)")
        let published = try project.publishedFiles()

        let path = "Jobs/checks/names.yaml"
        try write(
          """
          check: names
          on: customers
          tests:
            - none: "select customer_id, '<script>alert(''x'')</script>' as name from customers"
            - none: "select nobody from customers"

          """, path, in: project)
        let failed = try await project.daybook("run", "--as-of", "2024-12-31")
        failed.expectFailure(
          65, saying: "error: Jobs/checks/names.yaml:4:5: names: none: ", "rows where none should be",
          "for example customer_id ", "name <script>alert('x')</script>", "Jobs/checks/names.yaml:5:5",
          "SQLSTATE 42703", "stage: check all", "not run: report all",
          "fix: correct the rows or the test, then: daybook retry ", "fix: correct the test, then: daybook retry ",
          "Output/latest is still as of 2024-12-31, and says that it is STALE", "next: daybook runs show ")
        #expect(failed.stderr.contains("stage: check all\n"))
        #expect(failed.stderr.split(separator: "\n").last?.contains("next: daybook runs show ") == true)
        let touched = try project.changedFiles(since: published)
        #expect(touched.contains("2024-12-31/index.html") && !touched.contains { $0.hasPrefix("2024-12-31/data/") })
        let shown = try await project.daybook("runs", "show")
        #expect(shown.stdout.split(separator: "\n").count { $0.contains("name <script>") } == 10)
        #expect(shown.stdout.contains("SQLSTATE 42703"))

        try write(
          """
          check: names
          severity: warn
          tests:
            - none: "select customer_id, '<script>alert(''x'')</script>' as name from customers where customer_id = 1"

          """, path, in: project)
        let retried = try await project.daybook("retry")
        #expect(retried.status == 0, "\(retried.stderr)")
        #expect(retried.stderr.contains("warning: Jobs/checks/names.yaml:4:5: names: none: 1 row where none should be"))
        #expect(retried.stderr.contains("1 warning: names: none"), "\(retried.stderr)")
        let quality = try project.published("latest/data-quality.html")
        #expect(quality.contains(" passed, 1 warned and 0 failed.") && quality.contains("What the checks found"))
        #expect(quality.contains("&lt;script&gt;alert(") && !quality.contains("<script>alert("))
        let outcomes = try project.published("latest/data/check_outcomes.csv").split(separator: "\n")
        #expect(
          outcomes[1].hasPrefix("names,none,warned,warn,1,") && outcomes[1].hasSuffix("Jobs/checks/names.yaml:4:5"))
        #expect(outcomes.dropFirst(2).allSatisfy { $0.contains(",passed,") })
        #expect(outcomes.contains { $0.hasPrefix("revenue_daily,equal to its table,passed,") })
        #expect(try project.published("latest/data/check_examples.csv").contains("customer_id 1, name <script>"))
        let report = try await project.daybook("runs", "show", "--json")
        #expect(report.stdout.contains("\"status\":\"warning\"") || report.stdout.contains("\"status\": \"warning\""))
      }
    }
  }

  @Test func aViewThatLiesIsFoundInItsSliceMendedAndTold() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        _ = try await project.sample(to: project.inbox, nights: 0, dirty: "0")
        #expect(try await project.daybook("run", "--as-of", "2024-12-31").status == 0)
        // No total holds an extreme: only a recompute can see it.
        _ = try await database.psql("update finance.revenue_daily__state set largest_payment__max = 1e9")
        let found = try await project.daybook("run", "--as-of", "2025-01-01")
        found.expectFailure(
          65, saying: "revenue_daily: slice ", "differ from a recompute: business_date 20", "rebuilt from the table",
          "rebuilt revenue_daily",
          "not run: report all", "next: daybook retry ")
        let shown = try await project.daybook("runs", "show")
        #expect(shown.stdout.contains("error, repaired"), "\(shown.stdout)")
        let retried = try await project.daybook("retry")
        #expect(retried.status == 0, "\(retried.stderr)")
        #expect(try await project.daybook("refresh", "--verify").status == 0)
      }
    }
  }
}
