// A new feed in a minute, as a person does it: infer, save, check, preview, ingest. No server is started for the first
// four, and every way to go wrong has its exit code and its one object with --json.

import Foundation
import TestSupport
import Testing

@Suite struct NewFeed {
  /// A project without feeds.
  private func project(_ directory: TemporaryDirectory, database: TestDatabase? = nil) throws -> NightProject {
    _ = try directory.write(
      "project: new\ndatabase: { url: \"${DATABASE_URL:-embedded}\", schema: finance }\n"
        + "inbox: ${DAYBOOK_INBOX:-.daybook/inbox}\noutput: Output\ncalendar: { time_zone: America/New_York }\n",
      to: "source/Jobs/daybook.yaml")
    return try NightProject(copying: directory.appending("source"), into: directory, database: database)
  }

  @Test func sampleFeedsLoadWithWhatWasInferred() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try project(directory, database: database)
        _ = try await project.sample(to: project.inbox, orders: 800, transactions: 1_500, nights: 0, dirty: "0")
        for feed in ["customers", "products", "orders", "transactions"] {
          let file = project.inbox + "/\(feed)_2024-12-31.csv"
          let inferred = try await project.daybook("feed", "infer", file)
          #expect(inferred.status == 0, "\(inferred.stderr)")
          _ = try directory.write(inferred.stdout, to: "project/Jobs/feeds/\(feed).yaml")
        }
        let check = try await project.daybook("check")
        #expect(check.status == 0, "\(check.stderr)")
        let object = try await project.daybook("ingest", "customers", "products", "orders", "transactions", "--json")
        let report = try NightReport(object)
        for feed in ["customers", "products", "orders", "transactions"] {
          let rows = report.ingested(feed)
          let bytes = try Data(contentsOf: URL(filePath: project.inbox + "/\(feed)_2024-12-31.csv"))
          let records = plainCSV(Array(bytes)).count - 1
          #expect(rows.read == records, "\(feed)")
          #expect(rows.inserted == records, "\(feed): \(rows)")
          #expect(rows.rejected == 0)
          let count = try await database.psql("select count(*) from finance.\(feed)")
          #expect(count == "\(records)\n")
        }
      }
    }
  }

  @Test func inferAndPreviewNeedNoServerAndChangeNothing() async throws {
    try await TemporaryDirectory.with { directory in
      let project = try project(directory)
      let file = try directory.write(
        "Id;Amount;Paid on\n1;1.203,50;31/12/2026\n2;7,00;01/02/2026\n", to: "shop_2026-11-20.csv")
      let inferred = try await project.daybook("feed", "infer", file)
      #expect(inferred.status == 0)
      #expect(inferred.stderr.contains("next: save it as Jobs/feeds/shop.yaml"))
      #expect(inferred.stdout.contains("Tried on all 2 records of the file: none is refused."))
      let object = try await project.daybook("feed", "infer", file, "--json", "--name", "till")
      let json = try JSONSerialization.jsonObject(with: Data(object.stdout.utf8)) as? [String: Any]
      #expect(json?["feed"] as? String == "till")
      #expect((json?["columns"] as? [[String: Any]])?.map { $0["name"] as? String } == ["id", "amount", "paid_on"])
      _ = try directory.write(inferred.stdout, to: "project/Jobs/feeds/shop.yaml")
      let check = try await project.daybook("check")
      #expect(check.status == 0, "\(check.stderr)")

      let preview = try await project.daybook("feed", "preview", "shop", file)
      #expect(preview.status == 0)
      #expect(
        preview.stdout
          == "id   amount  paid_on\n──  ───────  ──────────\n 1  1203.50  2026-12-31\n 2     7.00  2026-02-01\n")
      #expect(preview.stderr.contains("2 records: 2 would be loaded, 0 refused"))
      let csv = try await project.daybook("feed", "preview", "shop", file, "--format", "csv")
      #expect(csv.stdout == "Id,Amount,Paid on\r\n1,\"1.203,50\",31/12/2026\r\n2,\"7,00\",01/02/2026\r\n")
      let rows = try await project.daybook("feed", "preview", "shop", file, "--rows", "1", "--json")
      let shown = try JSONSerialization.jsonObject(with: Data(rows.stdout.utf8)) as? [String: Any]
      #expect((shown?["rows"] as? [[String: Any]])?.count == 1)
      #expect(shown?["records"] as? Int == 2)
      #expect(!FileManager.default.fileExists(atPath: project.root + "/.daybook/postgres"))
      #expect(!project.isServerRunning)
    }
  }

  @Test func standardInputIsAFileToo() async throws {
    try await TemporaryDirectory.with { directory in
      let project = try project(directory)
      let file = try directory.write("id,v\n1,x\n2,y\n", to: "v.csv")
      let program = try BuiltProgram()
      for command in [
        "cat '\(file)' | '\(program.path)' feed infer - --name v",
        "'\(program.path)' feed infer - --name v < '\(file)'",
      ] {
        let outcome = try await ProgramRun.run(
          "/bin/sh", ["-c", command], environment: ["PATH": "/usr/bin:/bin"], timeout: .seconds(120))
        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(outcome.stdout.contains("feed: v\nfiles: v_*.csv*"), "\(outcome.stdout)")
        _ = try directory.write(outcome.stdout, to: "project/Jobs/feeds/v.yaml")
      }
      let outcome = try await ProgramRun.run(
        "/bin/sh", ["-c", "cat '\(file)' | '\(program.path)' feed preview v - --project '\(project.root)'"],
        environment: ["PATH": "/usr/bin:/bin"], timeout: .seconds(120))
      #expect(outcome.stdout == "id  v\n──  ─\n 1  x\n 2  y\n", "\(outcome.stderr)")
    }
  }

  @Test func mistakesHaveTheirExitCodes() async throws {
    try await TemporaryDirectory.with { directory in
      let project = try project(directory)
      let good = try directory.write("id,v\n1,x\n", to: "v.csv")
      let empty = try directory.write("", to: "empty.csv")
      let headless = try directory.write("1,2026-11-20\n2,2026-11-21\n", to: "headless.csv")
      let inferred = try await project.daybook("feed", "infer", good)
      _ = try directory.write(inferred.stdout, to: "project/Jobs/feeds/v.yaml")
      let mistakes: [([String], Int)] = [
        (["feed", "infer", empty], 65), (["feed", "infer", headless], 65), (["feed", "infer", directory.path], 65),
        (["feed", "infer", "/nowhere.csv"], 66), (["feed", "infer"], 64), (["feed", "infer", good, "--rows", "0"], 64),
        (["feed", "infer", good, "--name", "Big Name"], 64), (["feed", "preview", "w", good], 78),
        (["feed", "preview", "v", "/nowhere.csv"], 66), (["feed", "preview", "v", headless], 65),
        (["feed", "preview", "v"], 64), (["feed", "preview", "v", good, "--format", "xml"], 64),
      ]
      for (words, status) in mistakes {
        let outcome = try await project.daybook(words + ["--json"])
        #expect(outcome.status == status, "\(words): \(outcome.stderr)")
        let object = try JSONSerialization.jsonObject(with: Data(outcome.stdout.utf8)) as? [String: Any]
        #expect(object?["exit_code"] as? Int == status, "\(words): \(outcome.stdout)")
        #expect((1...15).contains(outcome.stderr.split(separator: "\n").count), "\(words): \(outcome.stderr)")
      }
      let unknown = try await project.daybook("feed", "preview", "w", good)
      // One letter that is another one is no likeness.
      #expect(unknown.stderr.contains("Jobs/feeds defines v"))
      let near = try await project.daybook("feed", "preview", "vv", good)
      #expect(near.stderr.contains("did you mean \"v\"?"))
    }
  }
}
