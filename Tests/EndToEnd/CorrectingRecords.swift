// A person at the command line: data by standard input, refused records exported, corrected and requeued or dismissed,
// and the question where a row came from.

import Foundation
import TestSupport
import Testing

@Suite struct CorrectingRecords {
  private static let feed = """
    feed: words
    files: words_*.csv*
    required: false
    key: [id]
    columns:
      id: { type: bigint }
      word: { type: text }
      amount: { type: "decimal(10,2)", control: sum_by(currency) }
      currency: { type: text }
    rejects: { limit: 50% }
    """

  private func withProject(_ body: @Sendable (NightProject) async throws -> Void) async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        try Data(Self.feed.utf8).write(to: URL(filePath: project.root + "/Jobs/feeds/words.yaml"))
        try await body(project)
      }
    }
  }

  /// Whoever names a file must not move the cursor of whoever reads the list.
  @Test func aFileNameWithControlCharactersIsShownOnOneLine() async throws {
    try await withProject { project in
      let name = "words_\u{1B}[31m\n1.csv"
      try Data("id,word,amount,currency\n1,a,1.00,USD\nx,b,2.00,USD\n".utf8).write(
        to: URL(filePath: project.root + "/" + name))
      let loaded = try await project.daybook("ingest", "words", "--file", name)
      #expect(loaded.status == 0, "\(loaded.stderr)")
      let list = try await project.daybook("rejects", "list")
      #expect(list.stdout.split(separator: "\n").count == 1)
      #expect(!list.stdout.contains("\u{1B}") && list.stdout.contains("1.csv:3"))
    }
  }

  @Test func refusedRecordsAreCorrectedAndTheirRowsTraced() async throws {
    try await withProject { project in
      func write(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: project.root + "/" + name))
      }
      try write("id,word,amount,currency\n1,=a,1.00,USD\nx,b,2.00,USD\ny,c,3.00,EUR\n4,d,4.00,EUR\n", "words.csv")
      try write("rows,4\namount,USD,3\namount,EUR,7\n", "words.csv.ctl")
      let loaded = try await project.daybook("ingest", "words", "--file", "words.csv")
      #expect(loaded.status == 0, "\(loaded.stderr)")
      #expect(try await project.daybook("rejects", "export", "--output", "bad.csv").status == 0)
      let text = try String(contentsOfFile: project.root + "/bad.csv", encoding: .utf8)
      // What is all wrong still is no success; the half that the feed's limit allows is.
      try write(text.replacing(",x,b", with: ",z,b"), "bad.csv")
      let wrong = try await project.daybook("rejects", "requeue", "bad.csv")
      wrong.expectFailure(
        65, saying: "2 of 2 corrected records were refused again and stay open", "state: 0 are loaded", "bad.csv",
        "committed: nothing", "next: daybook rejects list --feed words")
      try write(text.replacing(",x,b", with: ",2,b"), "bad.csv")
      let requeued = try await project.daybook("rejects", "requeue", "bad.csv", "--json")
      #expect(requeued.status == 0, "\(requeued.stderr)")
      #expect(try NightReport(requeued).ingested("words").inserted == 1)
      #expect(try await project.daybook("rejects", "dismiss", "2", "--reason", "a test").status == 0)
      #expect(try await project.daybook("rejects", "list").stdout.isEmpty)
      #expect(try await project.daybook("rejects", "dismiss", "2", "--reason", "again").status == 64)

      let trace = try await project.daybook("trace", "words", "2", "--json")
      #expect(trace.status == 0, "\(trace.stderr)")
      let object = try JSONSerialization.jsonObject(with: Data(trace.stdout.utf8)) as? [String: Any]
      let event = (object?["events"] as? [[String: Any]])?.first
      #expect(event?["file"] as? String == "bad.csv" && event?["line"] as? Int == 2, "\(trace.stdout)")
      #expect(try await project.daybook("trace", "words", "1").stdout.contains("word: =a"))
      #expect(try await project.daybook("trace", "words", "77").status == 1)
      #expect(try await project.daybook("trace", "words", "one").status == 64)
      let near = try await project.daybook("trace", "wrods", "1")
      #expect(near.status == 78 && near.stderr.contains("did you mean \"words\"?"))
    }
  }

  @Test func standardInputIsLoadedOnceAndLeavesNothingBehind() async throws {
    try await withProject { project in
      let program = try BuiltProgram()
      func pipe(_ text: String, _ words: String = "--file -") async throws -> ProgramOutcome {
        try await ProgramRun.run(
          "/bin/sh", ["-c", "cd '\(project.root)' && printf '\(text)' | '\(program.path)' ingest words \(words)"],
          environment: [
            "PATH": "/usr/bin:/bin", "HOME": project.root, "LC_ALL": "C.UTF-8", "TZ": "UTC",
            "DATABASE_URL": project.databaseURL ?? "", "DAYBOOK_INBOX": project.inbox,
          ], timeout: .seconds(120))
      }
      let rows = #"id,word,amount,currency\n1,a,1.00,USD\n"#
      let first = try await pipe(rows)
      #expect(first.status == 0, "\(first.stderr)")
      let second = try await pipe(rows)
      #expect(second.status == 0 && second.stderr.contains("nothing new"), "\(second.stderr)")
      let bad = try await pipe(#"id,word\n1,a\n"#)
      #expect(bad.status == 65, "\(bad.stderr)")
      let retry = try await project.daybook("retry")
      #expect(retry.status == 64 && retry.stderr.contains("daybook ingest words --file -"), "\(retry.stderr)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: project.root + "/.daybook/spool").isEmpty)
      let missing = try await project.daybook("ingest", "words", "--file", "nowhere.csv")
      #expect(missing.status == 66, "\(missing.stderr)")
    }
  }

  /// More than the shell lets a program hold open at first.
  @Test func aFolderOfHundredsOfFilesIsLoadedWhateverTheShellsLimitOfOpenFiles() async throws {
    try await withProject { project in
      for file in 1...300 {
        try Data("id,word,amount,currency\n\(file),a,1.00,USD\n".utf8).write(
          to: URL(filePath: "\(project.inbox)/words_\(file).csv"))
      }
      let program = try BuiltProgram()
      let outcome = try await ProgramRun.run(
        "/bin/sh", ["-c", "ulimit -Sn 128; cd '\(project.root)' && '\(program.path)' ingest words"],
        environment: [
          "PATH": "/usr/bin:/bin", "HOME": project.root, "LC_ALL": "C.UTF-8", "TZ": "UTC",
          "DATABASE_URL": project.databaseURL ?? "", "DAYBOOK_INBOX": project.inbox,
        ], timeout: .seconds(300))
      #expect(outcome.status == 0, "\(outcome.stderr)")
      #expect(try await lines("select count(*) from finance.words", at: project.databaseURL ?? "") == ["300"])
    }
  }
}
