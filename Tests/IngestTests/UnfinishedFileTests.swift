// Files that are not whole yet: a writer who has them open, one who writes while they are read, and standard input.

import Definitions
import Finding
import Glibc
import Ledger
import Money
import Postgres
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Ingest

@Suite struct UnfinishedFileTests {
  static let at = "2026-11-19 10:00:00"
  static func lines(_ ids: ClosedRange<Int>) -> String {
    ids.map { "\($0),,payment,1.00,USD,\(at)\n" }.joined()
  }

  @Test func aFileThatSomebodyHasOpenForWritingWaitsAndTheOthersAreLoaded() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_1.csv", paymentsHeader + Self.lines(1...3))
      let path = try fixture.deliver("payments_2.csv", paymentsHeader + Self.lines(4...6))
      let writer = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
      try #require(writer >= 0)
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.rows.inserted == 3)
      #expect(outcome.findings.map(\.code) == ["being_written"])
      #expect(outcome.findings.first?.position?.file == "inbox/payments_2.csv")
      let named = await #expect(throws: IngestError.self) {
        try await fixture.ingest(payments(), .file(path, reload: false))
      }
      #expect(named?.kind == .fileRefused)
      #expect(named?.description.contains("still being written") == true)
      let more = Array(Self.lines(7...9).utf8)
      #expect(write(writer, more, more.count) == more.count)
      close(writer)
      #expect(try await fixture.ingest(payments()).rows == RowCounts(read: 6, inserted: 6))
    }
  }

  /// Appends to a file as soon as it is being parsed.
  private final class Appender: ProgressSink {
    let path: String
    let isDone = Mutex(false)
    init(_ path: String) { self.path = path }

    func progress(_ update: ProgressUpdate) {
      isDone.withLock { isDone in
        guard !isDone else { return }
        isDone = true
        let writer = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        let more = Array(UnfinishedFileTests.lines(900_000...900_000).utf8)
        _ = write(writer, more, more.count)
        close(writer)
      }
    }
  }

  @Test func aFileThatGrowsWhileItIsReadIsNotLoadedByHalf() async throws {
    try await FeedFixture.with { fixture in
      let path = try fixture.deliver("payments_1.csv", paymentsHeader + Self.lines(1...30_000))
      let outcome = try? await fixture.ingest(payments(), progress: Appender(path))
      // Either it was seen at once and waits, or what was read is refused.
      #expect(outcome == nil || outcome?.status != .loaded, "\(String(describing: outcome?.findings))")
      #expect(try await fixture.query("select count(*) from daybook.file where status = 'loaded'") == "0")
      #expect(try await fixture.ingest(payments()).rows.inserted == 30_001)
    }
  }

  @Test func aChangeTimeThatMovedAloneIsLookedInto() throws {
    try TemporaryDirectory.with { directory in
      let path = try directory.write("abc", to: "file")
      var times = [timespec(tv_sec: 1_000_000, tv_nsec: 0), timespec(tv_sec: 1_000_000, tv_nsec: 0)]
      try #require(utimensat(AT_FDCWD, path, &times, 0) == 0)
      let file = try OpenFile(path)
      let hash = try contentHash(of: file) { _ in }
      try #require(chmod(path, 0o600) == 0)
      #expect(try file.holds(hash))
      let writer = open(path, O_WRONLY | O_CLOEXEC)
      #expect(write(writer, "abd", 3) == 3)
      close(writer)
      try #require(utimensat(AT_FDCWD, path, &times, 0) == 0)
      #expect(!file.hasChanged)
      #expect(try !file.holds(hash))
    }
  }

  @Test func aFileThatIsNamedAndNotThereIsMissing() async throws {
    try await FeedFixture.with { fixture in
      let error = await #expect(throws: IngestError.self) {
        try await fixture.ingest(payments(), .file("/nowhere/payments.csv", reload: false))
      }
      #expect(error?.kind == .missingFile)
    }
  }

  // MARK: Standard input

  @Test func standardInputIsKeptPrivatelyAndLoadedLikeAFile() async throws {
    try await FeedFixture.with { fixture in
      let folder = fixture.directory.appending(InputSpool.folder)
      let spool = try await InputSpool.take(try Self.pipe(paymentsHeader + Self.lines(1...3)), into: folder)
      #expect(spool.path.hasPrefix("\(folder)/stdin-") && spool.path.hasSuffix(".csv"))
      var status = stat()
      #expect(stat(spool.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
      #expect(stat(folder, &status) == 0 && status.st_mode & 0o777 == 0o700)
      // Another process that sweeps leaves it alone.
      InputSpool.sweep(folder)
      #expect(try await fixture.ingest(payments(), .file(spool.path, reload: false)).rows.inserted == 3)
      #expect(try await fixture.query("select name ~ '^stdin-[0-9a-f]{12}.csv$' from daybook.file") == "t")
      spool.remove()
      #expect(access(spool.path, F_OK) != 0)
    }
  }

  @Test func whatAKilledProcessKeptIsSwept() async throws {
    try await TemporaryDirectory.with { directory in
      let folder = directory.appending("spool")
      for name in ["incoming-1", "stdin-0123456789ab.csv", "other"] { try directory.write("x", to: "spool/\(name)") }
      let spool = try await InputSpool.take(try Self.pipe("a\n1\n"), into: folder)
      #expect(access(folder + "/incoming-1", F_OK) != 0)
      #expect(access(folder + "/stdin-0123456789ab.csv", F_OK) != 0)
      #expect(access(folder + "/other", F_OK) == 0)
      spool.remove()
    }
  }

  @Test func withoutRoomNothingIsKept() async throws {
    try await TemporaryDirectory.with { directory in
      let folder = directory.appending("spool")
      let input = try Self.pipe("a\n1\n")
      let error = await #expect(throws: IngestError.self) {
        try await InputSpool.take(input, into: folder, reserve: Int.max / 2)
      }
      #expect(error?.kind == .output)
      let left = try FileManager.contents(folder)
      #expect(left.isEmpty)
    }
  }

  private static func pipe(_ text: String) throws -> Int32 {
    var ends: [Int32] = [-1, -1]
    try #require(Glibc.pipe(&ends) == 0)
    // A child of another test must not keep the end whose closing is waited for.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let bytes = Array(text.utf8)
    try #require(write(ends[1], bytes, bytes.count) == bytes.count)
    close(ends[1])
    return ends[0]
  }
}

private enum FileManager {
  static func contents(_ folder: String) throws -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names.filter { !$0.hasPrefix(".") }
  }
}
