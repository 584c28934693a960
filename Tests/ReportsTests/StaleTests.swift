// What a failed night writes into the newest set, and that it goes away again without a trace.
// No database takes part: sets are a few small files of the kinds that carry a mark.
// That a good night takes the mark away is also held with real reports: ContentsTests.

import Definitions
import Foundation
import Glibc
import Markup
import Money
import TestSupport
import Testing

@testable import Reports

private let day = CivilDate("2026-11-20") ?? CivilDate(daysSince1970: 0)
private let next = day.adding(days: 1)

private let files: [(String, String)] = [
  ("index.html", "<html><body>\n<main class=\"x\">\n<div class=\"banner good\">COMPLETE</div></main></body></html>\n"),
  ("sales.html", "<main></main>"), ("definitions/sales.html", "<main></main>"), ("data/x.csv", "a\n1\n"),
  ("report.json", "{\n  \"schema_version\": 1,\n  \"state\": \"COMPLETE\",\n  \"reports\": []\n}\n"),
  ("summary.txt", "acme: 20 Nov 2026 – COMPLETE\n\nNet: 1\n"),
]

@discardableResult
private func publish(_ folder: OutputFolder, on date: CivilDate = day, state: String = "COMPLETE") throws -> String? {
  let files = files.map { ($0.0, $0.0 == "report.json" ? $0.1.replacing("COMPLETE", with: state) : $0.1) }
  let manifest = SetManifest(
    project: "p", asOf: date.description, state: state, runID: "r", generatedAt: "g", reports: [],
    files: files.map { .init(path: $0.0, bytes: $0.1.utf8.count, sha256: ContentHash.sha256(Array($0.1.utf8))) })
  return try folder.publishNewest(
    files.map { ($0.0, .bytes(Array($0.1.utf8))) } + [(SetManifest.fileName, .bytes(manifest.json))], asOf: date,
    replacing: folder.standing(for: date)?.manifest
  ).staleness
}

private func mark(
  _ folder: OutputFolder, _ date: CivilDate = next, at moment: String = "2026-11-21 04:15",
  reason: String = "ingest orders: 40 of 51 records were refused"
) throws -> StaleOutcome {
  try folder.markStale(
    failedAsOf: date, at: moment, run: "r2", reason: reason, next: "daybook rejects list --feed orders")
}

/// Every file of the folder with its bytes.
private func contents(_ path: String) throws -> [String: Data] {
  var result: [String: Data] = [:]
  for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
    guard case .file = FileKind(of: "\(path)/\(name)") else { continue }
    result[name] = try Data(contentsOf: URL(filePath: "\(path)/\(name)"))
  }
  return result
}

@Suite struct StaleTests {
  @Test func readerIsToldSinceWhenWhyAndWhatToDoInOneSentence() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder)
      let before = try contents(folder.directory(for: day))
      #expect(try mark(folder) == .marked("2026-11-20"))
      let sentence =
        "Since 2026-11-21 04:15 UTC, when the night of 21 Nov 2026 failed (ingest orders: 40 of 51 records were refused): "
        + "these are still the figures of 20 Nov 2026; to mend it type: daybook rejects list --feed orders."
      let index = try directory.read("latest/index.html")
      #expect(index.contains("<strong>STALE</strong>") && index.contains(sentence))
      #expect(index.hasPrefix("<html><body>\n<main class=\"x\"><div class=\"banner draft stale\""))
      #expect(try directory.read("latest/sales.html").contains("STALE"))
      #expect(
        try directory.read("latest/summary.txt") == "STALE. \(sentence)\n\nacme: 20 Nov 2026 – STALE\n\nNet: 1\n")
      let json =
        try JSONSerialization.jsonObject(with: Data(directory.read("latest/report.json").utf8)) as? [String: Any]
      #expect(json?["state"] as? String == "STALE")
      #expect((json?["stale"] as? [String: Any])?["since"] as? String == "2026-11-21 04:15")
      // Every page says it; nothing else of the set is touched, and its manifest is true.
      let after = try contents(folder.directory(for: day))
      #expect(after["data/x.csv"] == before["data/x.csv"])
      #expect(try directory.read("latest/definitions/sales.html").contains("STALE"))
      let manifest = try #require(folder.intactManifest(for: day))
      #expect(manifest.state == "STALE" && manifest.stale?.was == "COMPLETE")
      for file in manifest.files {
        let bytes = [UInt8](try #require(after[file.path]))
        #expect(ContentHash.sha256(bytes) == file.sha256 && bytes.count == file.bytes, "\(file.path)")
      }
      // And it goes away without a trace.
      try folder.removeMark(from: day)
      #expect(try contents(folder.directory(for: day)) == before)
    }
  }

  @Test func secondFailedNightKeepsSinceWhen() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder, state: "DRAFT")
      let before = try contents(folder.directory(for: day))
      _ = try mark(folder)
      #expect(
        try mark(folder, day.adding(days: 2), at: "2026-11-22 04:15", reason: "no server") == .marked("2026-11-20"))
      let index = try directory.read("latest/index.html")
      #expect(index.components(separatedBy: "STALE").count == 2)
      #expect(
        index.contains(
          "Since 2026-11-21 04:15 UTC, and at 2026-11-22 04:15 the night of 22 Nov 2026 failed (no server)"))
      try folder.removeMark(from: day)
      #expect(try contents(folder.directory(for: day)) == before)
    }
  }

  /// A night that failed may have been the second of its date.
  @Test func figuresOfTheNightThatFailedAreFromBeforeIt() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder)
      _ = try mark(folder, day)
      let text = try directory.read("latest/index.html")
      #expect(text.contains("these are still the figures from before; to mend it type: "), "\(text)")
    }
  }

  @Test func markOfAFailedNightIsGolden() throws {
    let mark = StaleMark(
      since: "2026-11-21 04:15", failedAsOf: "2026-11-21", failedAt: "2026-11-22 04:15", runID: "r2",
      reason: "ingest orders: \"x\" <y> is no decimal", next: "daybook rejects list --feed orders", was: "COMPLETE",
      files: [])
    let marked = try files.map { path, text in
      guard StaleMark.isMarked(path) else { return "\(path)\n\(text)" }
      return try "\(path)\n"
        + String(decoding: #require(mark.written(into: Array(text.utf8), path: path, asOf: day)), as: UTF8.self)
    }
    try expectGolden(Array(marked.joined(separator: "\n").utf8), "stale.txt")
  }

  @Test func whatFailedIsOnlyText() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder)
      let before = try contents(folder.directory(for: day))
      _ = try mark(folder, reason: "<script>x</script></div>\n\n\u{202E}\"state\": \"GOOD\",\u{7}")
      let index = try directory.read("latest/index.html")
      #expect(!index.contains("<script") && index.contains("&lt;script&gt;") && !index.contains("\u{202E}"))
      #expect(
        (try JSONSerialization.jsonObject(with: Data(directory.read("latest/report.json").utf8)) as? [String: Any])?[
          "state"]
          as? String == "STALE")
      try folder.removeMark(from: day)
      #expect(try contents(folder.directory(for: day)) == before)
    }
  }

  @Test func onlyANewestSetOfThatNightOrBeforeIsMarked() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.appending("Output"))
      #expect(try mark(folder) == .nothingPublished)
      #expect(FileKind(of: folder.path) == .missing)
      try publish(folder)
      // A backfill that fails says nothing about the newest night.
      #expect(try mark(folder, day.adding(days: -1)) == .newerSet("2026-11-20"))
      #expect(try mark(folder, day) == .marked("2026-11-20"))
      try directory.write("{}", to: "Output/2026-11-20/manifest.json")
      #expect(try mark(folder) == .damaged("2026-11-20"))
    }
  }

  /// Whoever opens a CSV or the workbook and saves it must not keep the others from hearing of the failed night.
  @Test func aFileThatSomebodySavedDoesNotSilenceTheOthers() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder)
      // As many bytes as before: only its time and its hash tell.
      try directory.write("a\n2\n", to: "2026-11-20/data/x.csv")
      let before = try contents(folder.directory(for: day))
      for failed in [next, day.adding(days: 2)] {
        #expect(try mark(folder, failed) == .marked("2026-11-20", changed: ["data/x.csv"]))
        for name in ["index.html", "sales.html", "definitions/sales.html", "report.json", "summary.txt"] {
          #expect(try directory.read("latest/\(name)").contains("STALE"), "\(name)")
        }
        #expect(folder.manifest(for: day)?.state == "STALE")
        #expect(try directory.read("latest/data/x.csv") == "a\n2\n")
        // It is not taken for what was published only because a manifest was written since.
        #expect(folder.intactManifest(for: day) == nil && folder.standing(for: day) == nil)
      }
      // The good night takes it away all the same.
      #expect(try publish(folder, on: day.adding(days: 2)) == nil)
      #expect(try contents(folder.directory(for: day)) == before)
      #expect(folder.standing(for: day) == nil)
    }
  }

  @Test func aPageThatSomebodyChangedSaysItWhereItHasAPlaceForIt() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder)
      try directory.write("<main>my notes</main>", to: "2026-11-20/index.html")
      try directory.write("nothing", to: "2026-11-20/sales.html")
      try FileManager.default.removeItem(atPath: directory.appending("2026-11-20/report.json"))
      let before = try contents(folder.directory(for: day))
      let told = StaleOutcome.marked(
        "2026-11-20", changed: ["index.html", "report.json", "sales.html"], silent: ["sales.html"])
      for failed in [next, day.adding(days: 2)] {
        #expect(try mark(folder, failed) == told)
        let index = try directory.read("latest/index.html")
        #expect(index.components(separatedBy: "STALE").count == 2 && index.hasSuffix("my notes</main>"))
        #expect(folder.standing(for: day) == nil)
      }
      #expect(try publish(folder, on: day.adding(days: 2)) == nil)
      #expect(try contents(folder.directory(for: day)) == before)
    }
  }

  @Test func theNewestSetIsMarkedWhereLatestLeadsToNone() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder, on: day.adding(days: -1))
      try publish(folder)
      for link in [nil, "2027-01-05"] {
        unlink(directory.appending("latest"))
        if let link { symlink(link, directory.appending("latest")) }
        #expect(try mark(folder) == .marked("2026-11-20"))
        #expect(try folder.latestTarget == "2026-11-20" && directory.read("latest/index.html").contains("STALE"))
      }
      // Killed while it was replaced on a disk that cannot exchange names.
      _ = try folder.setAside(day)
      #expect(try mark(folder, at: "2026-11-21 05:00") == .marked("2026-11-20"))
      #expect(try directory.read("latest/index.html").contains("and at 2026-11-21 05:00"))
    }
  }

  @Test func aSetThatAKilledRunLeftWithoutItsLinkTakesOverTheMark() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder)
      _ = try mark(folder, day.adding(days: 2))
      unlink(directory.appending("latest"))
      try publish(folder, on: next)
      try folder.removeMark(from: next)
      // As it was before the link followed.
      unlink(directory.appending("latest"))
      symlink("2026-11-20", directory.appending("latest"))
      _ = try mark(folder, day.adding(days: 2), at: "2026-11-22 05:00")
      #expect(try publish(folder, on: day.adding(days: -1)) == nil)
      #expect(folder.latestTarget == "2026-11-21")
      let index = try directory.read("latest/index.html")
      #expect(index.contains("Since 2026-11-22 05:00 UTC, when the night of 22 Nov 2026 failed"))
      #expect(try !directory.read("2026-11-20/index.html").contains("STALE"))
    }
  }

  @Test func onlyTheNightThatFailedOrALaterOneTakesTheMarkAway() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      func said(_ date: CivilDate) -> StaleMark? {
        var mark = folder.standing(for: date)?.mark
        mark?.was = ""
        mark?.files = []
        return mark
      }
      try publish(folder)
      let before = try contents(folder.directory(for: day))
      _ = try mark(folder, day.adding(days: 2))
      let told = try #require(said(day))
      // The same date again, unchanged and changed.
      let marked = try contents(folder.directory(for: day))
      let again = try folder.publishNewest(nil, asOf: day, replacing: folder.standing(for: day)?.manifest)
      #expect(again.written == 0 && again.staleness == told.sentence(of: day))
      #expect(try contents(folder.directory(for: day)) == marked)
      #expect(try publish(folder, state: "DRAFT") == told.sentence(of: day))
      #expect(said(day) == told && folder.standing(for: day)?.mark?.was == "DRAFT")
      #expect(try publish(folder) == told.sentence(of: day))
      #expect(try contents(folder.directory(for: day)) == marked)
      // What fails for an earlier date meanwhile does not bring the end nearer.
      _ = try mark(folder, next, at: "2026-11-23 09:00")
      #expect(try contents(folder.directory(for: day)) == marked)
      // An older set is not the one that people open.
      #expect(try publish(folder, on: day.adding(days: -1)) == nil)
      #expect(said(day) == told && said(day.adding(days: -1)) == nil)
      // A newer set of before the night that failed says it in place of the one before.
      #expect(try publish(folder, on: next) == told.sentence(of: next))
      #expect(said(next) == told && folder.latestTarget == "2026-11-21")
      #expect(try contents(folder.directory(for: day)) == before)
      #expect(try directory.read("latest/summary.txt").hasPrefix("STALE. Since 2026-11-21 04:15 UTC, "))
      // A link that was lost leads to the set with its mark again.
      try FileManager.default.removeItem(atPath: "\(folder.path)/latest")
      _ = try folder.publishNewest(nil, asOf: next, replacing: folder.standing(for: next)?.manifest)
      #expect(said(next) == told && folder.latestTarget == "2026-11-21")
      // The night itself.
      #expect(try publish(folder, on: day.adding(days: 2)) == nil)
      #expect(said(next) == nil && said(day.adding(days: 2)) == nil)
      #expect(
        try contents(folder.directory(for: next)).values.allSatisfy {
          !String(decoding: $0, as: UTF8.self).contains("STALE")
        })
    }
  }

  @Test func aSetThatWasChangedByHandSinceItWasMarkedIsNotTakenForWhatItWas() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder)
      _ = try mark(folder)
      let index = try directory.read("2026-11-20/index.html")
      try directory.write(index.replacing("COMPLETE", with: "COMPLETE".lowercased()), to: "2026-11-20/index.html")
      #expect(folder.intactManifest(for: day) == nil)
      #expect(folder.standing(for: day) == nil)
    }
  }

  @Test func keptFilesOfAMarkedSetAreKeptAsTheyWerePublished() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder)
      let before = try contents(folder.directory(for: day))
      _ = try mark(folder)
      let standing = try #require(folder.standing(for: day))
      #expect(standing.mark?.failedAsOf == "2026-11-21")
      _ = try folder.replace(
        standing.manifest.files.map { ($0.path, .kept) } + [(SetManifest.fileName, .bytes(standing.manifest.json))],
        asOf: day, replacing: standing.manifest)
      #expect(try contents(folder.directory(for: day)) == before)
    }
  }

  /// Killed at any moment, the folder holds the set as it was or the set with the mark, whole.
  @Test(arguments: [3, 11, 24])
  func aKillWhileMarkingLeavesAWholeSet(milliseconds: Int) async throws {
    // The child finds the folder by its parent's number: nothing can be handed to its closure.
    let path = "/tmp/daybook-stale-\(getpid())-\(milliseconds)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let folder = OutputFolder(path: path)
    try publish(folder)
    let before = try contents(folder.directory(for: day))
    switch milliseconds {
    case 3: await #expect(processExitsWith: .signal(SIGKILL)) { try markUntilKilled(after: 3) }
    case 11: await #expect(processExitsWith: .signal(SIGKILL)) { try markUntilKilled(after: 11) }
    default: await #expect(processExitsWith: .signal(SIGKILL)) { try markUntilKilled(after: 24) }
    }
    let standing = try #require(folder.standing(for: day))
    #expect(standing.manifest.state == "COMPLETE")
    for file in standing.manifest.files {
      let bytes = standing.unmarked[file.path].map { Data($0) }
      #expect(try bytes ?? Data(contentsOf: URL(filePath: "\(path)/latest/\(file.path)")) == before[file.path])
    }
    // The next one sweeps what is left and marks it.
    #expect(try mark(folder) == .marked("2026-11-20"))
    folder.sweep()
    #expect(try FileManager.default.contentsOfDirectory(atPath: path).sorted() == ["2026-11-20", "latest"])
  }
}

/// Marks and unmarks the set over and over, until this process is killed.
private func markUntilKilled(after milliseconds: Int) throws {
  let folder = OutputFolder(path: "/tmp/daybook-stale-\(getppid())-\(milliseconds)")
  Thread.detachNewThread {
    usleep(UInt32(milliseconds) * 1_000)
    kill(getpid(), SIGKILL)
  }
  while true {
    _ = try mark(folder)
    try folder.removeMark(from: day)
  }
}
