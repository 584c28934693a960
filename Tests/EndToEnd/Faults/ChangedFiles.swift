// A file that is written to, cut short or replaced while it is read.
// Invariant: what is in the table is what stands in one version of the file. The file is larger than what the load reads
// ahead, so that the change happens to bytes that are still to be read. The reference is the file itself.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct ChangedFiles {
  enum Change: String, Sendable {
    case appended, truncated, rewritten, replaced
  }

  @Test(arguments: [
    (Change.appended, false, true), (.truncated, false, false), (.rewritten, true, false), (.truncated, true, true),
  ])
  func aFileThatChangesWhileItIsReadIsRefusedAndTheNextRunLoadsWhatItBecame(
    _ change: Change, _ isCompressed: Bool, _ isFirst: Bool
  ) async throws {
    try await Self.withCustomers(isCompressed: isCompressed, isFirst: isFirst) { project, url, path, final in
      let outcome = try await FaultGate(.copy, of: "customers", having: "signed_up_on", at: url).striking(
        Self.start(project)
      ) { _, _, holder in
        try Self.change(path, change)
        await holder.open()
      }
      outcome.expectFailure(
        65, saying: "customers_2024-02-01.csv", "changed while it was read", "nothing of feed customers is committed",
        "run again", "next:")
      #expect(try await lines(FaultPicture.leftOvers, at: url) == [])
      #expect(
        try await lines("select name, status from daybook.file", at: url)
          == (isFirst ? [] : ["customers_2024-01-01.csv|loaded"])
          + ["customers_2024-02-01.csv\(isCompressed ? ".gz" : "")|refused"])
      if !isFirst { #expect(try await lines("select count(*) from finance.customers", at: url) == ["1"]) }

      try FileManager.default.removeItem(atPath: path)
      try FileManager.default.moveItem(atPath: final, toPath: path)
      try await Self.expectLoaded(project, url, path, isCompressed: isCompressed)
    }
  }

  /// The old file is held open, so it is whole, though its name is another's by now.
  @Test func aFileThatIsReplacedByRenameIsLoadedWholeAndTheNewOneByTheNextRun() async throws {
    try await Self.withCustomers(isCompressed: false, isFirst: true) { project, url, path, final in
      let old = try Self.records(path, isCompressed: false)
      let outcome = try await FaultGate(.copy, of: "customers", having: "signed_up_on", at: url).striking(
        Self.start(project)
      ) { _, _, holder in
        try #require(rename(final, path) == 0)
        await holder.open()
      }
      #expect(outcome.status == 0, "\(outcome.stderr)")
      #expect(try await Self.table(url) == old)
      try await Self.expectLoaded(project, url, path, isCompressed: false)
    }
  }

  /// Loads the customers, and says which process does.
  private static func start(
    _ project: NightProject
  ) -> @Sendable (@escaping @Sendable (Int32) -> Void) async throws -> ProgramOutcome {
    { started in try await project.daybook(["ingest", "customers"], started: started) }
  }

  private static let header = "customer_id,name,email,country,segment,signed_up_on"

  /// Lends a project with one large file of customers, and another version of it beside the inbox.
  private static func withCustomers(
    isCompressed: Bool, isFirst: Bool,
    _ body: @Sendable (_ project: NightProject, _ url: String, _ path: String, _ final: String) async throws -> Void
  ) async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        if !isFirst {
          try (header + "\n0,first,,US,consumer,2024-01-02\n").write(
            toFile: project.inbox + "/customers_2024-01-01.csv", atomically: true, encoding: .utf8)
          try #require(try await project.daybook("ingest", "customers").status == 0)
        }
        let path = project.inbox + "/customers_2024-02-01.csv" + (isCompressed ? ".gz" : "")
        let final = directory.appending("final")
        for target in [path, final] { try await makeCustomers(target, isCompressed: isCompressed) }
        try await body(project, database.url, path, final)
      }
    }
  }

  /// Makes 30,000 customers in 12 MB that do not compress to nothing.
  static func makeCustomers(_ path: String, isCompressed: Bool = false) async throws {
    let script = """
      { echo "$1"; head -c 9000000 /dev/urandom | base64 -w 400 | awk '{ print NR "," $0 ",,US,consumer,2024-01-02" }'; } \
        | $2 > "$3"
      """
    let outcome = try await ProgramRun.run(
      "/bin/sh", ["-c", script, "sh", header, isCompressed ? "gzip -1" : "cat", path],
      environment: ["PATH": "/usr/bin:/bin"], timeout: .seconds(300))
    try #require(outcome.status == 0, "\(outcome.stderr)")
  }

  private static func change(_ path: String, _ change: Change) throws {
    let file = open(path, O_RDWR | O_CLOEXEC)
    defer { close(file) }
    let size = lseek(file, 0, SEEK_END)
    try #require(file >= 0 && size > 4 << 20)
    let text = "\n999999,late,,US,consumer,2024-01-02\n"
    switch change {
    case .appended: try #require(write(file, text, text.utf8.count) == text.utf8.count)
    case .truncated: try #require(ftruncate(file, size - 1_000_003) == 0)
    case .rewritten: try #require(pwrite(file, text, text.utf8.count, size - 1_000_003) == text.utf8.count)
    case .replaced: break
    }
  }

  /// Runs again, and compares the table with the file.
  private static func expectLoaded(
    _ project: NightProject, _ url: String, _ path: String, isCompressed: Bool
  ) async throws {
    let outcome = try await project.daybook("ingest", "customers")
    #expect(outcome.status == 0, "\(outcome.stderr)")
    let (table, file) = (try await table(url), try records(path, isCompressed: isCompressed))
    #expect(table == file, "\(table.count) rows, \(file.count) records")
  }

  /// The rows of the table as the file writes them, sorted.
  static func table(_ url: String) async throws -> [String] {
    try await lines(
      """
      select concat_ws(',', customer_id, name, coalesce(email, ''), country, segment, signed_up_on)
      from finance.customers where customer_id > 0
      """, at: url)
  }

  /// The records of a file, sorted.
  static func records(_ path: String, isCompressed: Bool = false) throws -> [String] {
    var text = ""
    if isCompressed {
      let pipe = Pipe()
      let process = Process()
      process.executableURL = URL(filePath: "/bin/gzip")
      process.arguments = ["-dc", path]
      process.standardOutput = pipe
      try process.run()
      text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
    } else {
      text = try String(contentsOfFile: path, encoding: .utf8)
    }
    return text.split(separator: "\n").dropFirst().map(String.init).sorted()
  }
}
