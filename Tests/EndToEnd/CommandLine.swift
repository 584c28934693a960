// What is typed wrong is answered in the same way by every verb: data to standard output, words to standard error,
// and with --json one object that carries the exit code. None of it starts a server.

import Foundation
import TestSupport
import Testing

@Suite struct CommandLine {
  /// What is typed, and what the process exits with.
  static let mistakes: [([String], Int32)] = [
    (["nonsense"], 64), (["run", "--bad"], 64), (["run", "--as-of", "2026-13-01"], 64),
    (["run", "nighly"], 64), (["run", "--from-stage", "soon"], 64), (["ingest"], 64), (["ingest", "order"], 64),
    (["refresh", "revenue_dayly"], 64), (["report", "revenu"], 64), (["report", "open", "x"], 64),
    (["report", "diff", "2024-01-01", "latest"], 64), (["report", "diff", "latest"], 64),
    (["runs", "list", "--limit", "0"], 64),
    (["rejects", "list", "--all"], 64), (["rejects", "export"], 64), (["db", "psql"], 64), (["db", "url"], 69),
    (["cache", "clear", "order"], 64), (["cache", "warm", "--limit", "0"], 64), (["bench", "cache", "tier"], 64),
    (["check", "--project", "/nowhere"], 78), (["run", "--project", "/nowhere"], 78),
  ]

  @Test func mistakeIsOneObjectWithJSONAndAFewLinesOnStandardError() async throws {
    try await TemporaryDirectory.with { directory in
      let project = try NightProject(copying: NightProject.repository, into: directory)
      for (words, status) in Self.mistakes {
        let outcome = try await project.daybook(words + ["--json"])
        #expect(outcome.status == status, "\(words): \(outcome.stderr)")
        let object = try JSONSerialization.jsonObject(with: Data(outcome.stdout.utf8)) as? [String: Any]
        #expect(object?["exit_code"] as? Int32 == status, "\(words): \(outcome.stdout)")
        #expect(object?["status"] as? String == "failed")
        #expect(outcome.stdout.split(separator: "\n").count == 1)
        #expect((1...15).contains(outcome.stderr.split(separator: "\n").count), "\(words): \(outcome.stderr)")
      }
      #expect(!FileManager.default.fileExists(atPath: project.root + "/.daybook/postgres"))
    }
  }

  @Test func theServerIsStoppedWhateverIsWrongWithADefinition() async throws {
    try await TemporaryDirectory.with { directory in
      let project = try NightProject(copying: NightProject.repository, into: directory)
      #expect(try await project.daybook("db", "start").status == 0)
      try Data("viw: x\n".utf8).write(to: URL(filePath: project.root + "/Jobs/views/wrong.yaml"))
      #expect(try await project.daybook("check").status == 78)
      let stopped = try await project.daybook("db", "stop")
      #expect(stopped.status == 0 && stopped.stderr.contains("stopped"), "\(stopped.stderr)")
    }
  }

  @Test func sampleReplacesDeliveredFilesOnlyWhenAsked() async throws {
    try await TemporaryDirectory.with { directory in
      let project = try NightProject(copying: NightProject.repository, into: directory)
      let words = ["sample", "--customers", "5", "--products", "5", "--orders", "5", "--transactions", "5"]
      let dated = words + ["--end", "2024-12-31", "--nights", "0"]
      let delivered = project.inbox + "/orders_2024-12-31.csv"
      try Data("real".utf8).write(to: URL(filePath: delivered))
      let refused = try await project.daybook(dated)
      #expect(refused.status == 73)
      #expect(refused.stderr.contains("orders_2024-12-31.csv is there already"))
      #expect(try String(contentsOfFile: delivered, encoding: .utf8) == "real")
      #expect(try FileManager.default.contentsOfDirectory(atPath: project.inbox).count == 1)
      #expect(try await project.daybook(dated + ["--overwrite"]).status == 0)
      #expect(try String(contentsOfFile: delivered, encoding: .utf8).hasPrefix("order_id,"))
    }
  }
}
