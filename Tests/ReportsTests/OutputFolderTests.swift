// Publication on a real file system: swaps, links, left-overs, obstacles.
// No database takes part: sets are a few small files.
// Inodes tell whether a file was written anew.

import Definitions
import Finding
import Foundation
import Glibc
import Money
import TestSupport
import Testing
import Workbook

@testable import Reports

private let day = CivilDate("2026-11-20") ?? CivilDate(daysSince1970: 0)

private func bytes(_ text: String) -> OutputFolder.Content { .bytes(Array(text.utf8)) }

private func manifest(_ files: [(String, String)]) -> SetManifest {
  SetManifest(
    project: "p", asOf: day.description, state: "COMPLETE", runID: "r", generatedAt: "g", reports: [],
    files: files.map { .init(path: $0.0, bytes: $0.1.utf8.count, sha256: ContentHash.sha256(Array($0.1.utf8))) })
}

private func inode(_ path: String) -> UInt {
  var status = stat()
  return lstat(path, &status) == 0 ? UInt(status.st_ino) : 0
}

private func names(in path: String) -> [String] {
  ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
}

@discardableResult
private func publish(_ folder: OutputFolder, _ files: [(String, String)], on date: CivilDate = day) throws -> Int {
  try folder.publishNewest(
    files.map { ($0.0, bytes($0.1)) } + [(SetManifest.fileName, .bytes(manifest(files).json))], asOf: date,
    replacing: folder.intactManifest(for: date)
  ).written
}

@Suite struct OutputFolderTests {
  @Test func setIsPublishedWholeAndLatestLeadsToIt() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.appending("a/Output"))
      try publish(folder, [("index.html", "one"), ("data/x.csv", "a\n")])
      #expect(names(in: folder.path) == ["2026-11-20", "latest"])
      #expect(try directory.read("a/Output/latest/data/x.csv") == "a\n")
      #expect(folder.latestTarget == "2026-11-20")
      #expect(folder.intactManifest(for: day) == manifest([("index.html", "one"), ("data/x.csv", "a\n")]))
    }
  }

  @Test func whatStandsInTheWayOfTheFolderIsNamed() throws {
    try TemporaryDirectory.with { directory in
      try directory.write("", to: "Output")
      for (path, reason) in [("Output", "it is not a directory"), ("Output/sets", "Not a directory")] {
        let error = #expect(throws: ReportError.self) {
          try publish(OutputFolder(path: directory.appending(path)), [("index.html", "one")])
        }
        #expect(error?.diagnostic.message == "cannot write \(directory.appending(path)): \(reason)")
      }
    }
  }

  @Test func noReportCanHaveTheNameOfAPageOfEverySet() {
    #expect(SetRenderer.builtIns == Set(ReportDefinition.builtInPages))
  }

  @Test func unchangedFilesKeepTheirInodeAndChangedOnesDoNot() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder, [("index.html", "one"), ("data/x.csv", "a\n"), ("data/gone.csv", "b\n")])
      let before = ["index.html", "data/x.csv"].map { inode(directory.appending("2026-11-20/\($0)")) }
      try publish(folder, [("index.html", "two"), ("data/x.csv", "a\n")])
      let after = ["index.html", "data/x.csv"].map { inode(directory.appending("2026-11-20/\($0)")) }
      #expect(before[0] != after[0])
      #expect(before[1] == after[1])
      #expect(names(in: directory.appending("2026-11-20/data")) == ["x.csv"])
      #expect(names(in: directory.path) == ["2026-11-20", "latest"])
    }
  }

  @Test func keptFilesAreLinked() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder, [("index.html", "one")])
      let before = inode(directory.appending("2026-11-20/index.html"))
      let written = try folder.publishNewest(
        [("index.html", .kept), ("new.html", bytes("12345"))], asOf: day, replacing: folder.intactManifest(for: day)
      ).written
      #expect(written == 5)
      #expect(inode(directory.appending("2026-11-20/index.html")) == before)
    }
  }

  @Test func filesThatOthersPutThereAreCarriedOver() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try directory.write("7\n", to: "2026-11-20/rejects/orders.csv")
      try publish(folder, [("index.html", "one")])
      try publish(folder, [("index.html", "two")])
      #expect(try directory.read("2026-11-20/rejects/orders.csv") == "7\n")
      #expect(names(in: directory.appending("2026-11-20")) == ["index.html", "manifest.json", "rejects"])
    }
  }

  @Test func leftOversOfKilledRunsAreSweptAndThoseOfLivingOnesAreNot() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try directory.write("x", to: ".daybook-set-1-dead/index.html")
      try directory.write("x", to: ".daybook-set-2-alive/index.html")
      symlink("2026-11-19", directory.appending(".daybook-latest-1-dead"))
      let descriptor = open(directory.appending(".daybook-set-2-alive"), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      #expect(flock(descriptor, LOCK_EX) == 0)
      try publish(folder, [("index.html", "one")])
      #expect(names(in: directory.path) == [".daybook-set-2-alive", "2026-11-20", "latest"])
      // Given back and not only closed: a child that another test starts at this moment has a copy of the descriptor
      // until it executes its program, and the lock lasts as long as any copy.
      flock(descriptor, LOCK_UN)
      close(descriptor)
      // Also by a run that finds nothing new.
      _ = try folder.publishNewest(nil, asOf: day, replacing: folder.intactManifest(for: day))
      #expect(names(in: directory.path) == ["2026-11-20", "latest"])
    }
  }

  @Test func linkInPlaceOfTheSetIsRefused() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.appending("Output"))
      try directory.write("mine", to: "elsewhere/index.html")
      try directory.write("", to: "Output/.keep")
      symlink(directory.appending("elsewhere"), directory.appending("Output/2026-11-20"))
      let error = #expect(throws: ReportError.self) { try publish(folder, [("index.html", "one")]) }
      #expect(error?.description.contains("a symbolic link stands in its place") == true)
      #expect(try directory.read("elsewhere/index.html") == "mine")
      #expect(folder.intactManifest(for: day) == nil)
    }
  }

  @Test func latestThatIsNotALinkStopsBeforeAnythingChanges() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try directory.write("mine", to: "latest/file")
      func state() -> String? {
        let error = #expect(throws: ReportError.self) { try publish(folder, [("index.html", "two")]) }
        #expect(error?.diagnostic.fix == "move \(folder.path)/latest away, then: daybook report")
        return error?.diagnostic.notes.first
      }
      #expect(state() == "state: nothing is published yet")
      #expect(names(in: directory.path) == ["latest"])
      // Sets that stand are not forgotten because their link was replaced.
      try FileManager.default.removeItem(atPath: directory.appending("latest"))
      try publish(folder, [("index.html", "one")])
      try FileManager.default.removeItem(atPath: directory.appending("latest"))
      try directory.write("mine", to: "latest")
      #expect(state() == "state: the newest set is that of 2026-11-20, as before, and no link leads to it")
      #expect(try directory.read("2026-11-20/index.html") == "one" && directory.read("latest") == "mine")
    }
  }

  @Test func fullDiskLeavesTheOldSetInPlace() async {
    // A file larger than the process may write stands for a disk that is full. The limit holds for a whole process,
    // so it is set in one of its own.
    await #expect(processExitsWith: .success) {
      try TemporaryDirectory.with { directory in
        let folder = OutputFolder(path: directory.path)
        try publish(folder, [("index.html", "one")])
        var small = rlimit(rlim_cur: 1 << 16, rlim_max: 1 << 30)
        signal(SIGXFSZ, SIG_IGN)
        #expect(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &small) == 0)
        let error = #expect(throws: ReportError.self) {
          try publish(folder, [("index.html", String(repeating: "x", count: 1 << 18))])
        }
        guard case .cannotWrite(_, let reason, let state, false) = error else {
          Issue.record("\(String(describing: error))")
          return
        }
        #expect(reason == "File too large")
        #expect(state.hasSuffix("latest leads to 2026-11-20, as before"))
        #expect(try directory.read("latest/index.html") == "one")
        #expect(names(in: directory.path) == ["2026-11-20", "latest"])
      }
    }
  }

  @Test func workbookThatCannotBeMadeNamesItsPlaceAndLeavesNothing() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.appending("Output"))
      let error = #expect(throws: ReportError.self) {
        try folder.workbook("daybook.xlsx", for: day) { scratch throws(WorkbookError) in
          throw .incomplete(path: scratch, part: "xl/worksheets/sheet1.xml")
        }
      }
      guard case .cannotWrite(let path, let reason, _, false) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(path == directory.appending("Output/2026-11-20/daybook.xlsx"))
      #expect(reason == "the part xl/worksheets/sheet1.xml was cut off; the disk is full?")
      #expect(names(in: folder.path).isEmpty)
      let made = try folder.workbook("daybook.xlsx", for: day) { scratch throws(WorkbookError) in
        // A run that sweeps meanwhile takes nothing that a living one holds.
        folder.sweep()
        return FileKind(of: scratch) == .directory ? [1] : []
      }
      #expect(made == [1] && names(in: folder.path).isEmpty)
    }
  }

  @Test func outputThatIsAFileCannotBeWritten() throws {
    try TemporaryDirectory.with { directory in
      try directory.write("", to: "Output")
      let error = #expect(throws: ReportError.self) {
        try publish(OutputFolder(path: directory.appending("Output")), [("index.html", "one")])
      }
      #expect(error?.diagnostic.code == "cannot_write_output")
    }
  }

  @Test func latestNeverGoesBackToAnOlderDate() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder, [("index.html", "new")])
      try publish(folder, [("index.html", "old")], on: day.adding(days: -1))
      #expect(try directory.read("latest/index.html") == "new")
      try publish(folder, [("index.html", "newer")], on: day.adding(days: 1))
      #expect(try directory.read("latest/index.html") == "newer")
      #expect(names(in: directory.path) == ["2026-11-19", "2026-11-20", "2026-11-21", "latest"])
    }
  }

  @Test func aSetIsReplacedWhereNamesCannotBeExchanged() throws {
    for code in [EINVAL, ENOSYS] {
      try TemporaryDirectory.with { directory in
        let folder = OutputFolder(path: directory.path, exchangeNames: { _, _ in code })
        try publish(folder, [("index.html", "one"), ("data/x.csv", "a\n")])
        let before = inode(directory.appending("2026-11-20/data/x.csv"))
        try publish(folder, [("index.html", "two"), ("data/x.csv", "a\n")])
        #expect(try directory.read("latest/index.html") == "two")
        #expect(inode(directory.appending("2026-11-20/data/x.csv")) == before)
        #expect(names(in: directory.path) == ["2026-11-20", "latest"])
      }
    }
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path, exchangeNames: { _, _ in EACCES })
      try publish(folder, [("index.html", "one")])
      let error = #expect(throws: ReportError.self) { try publish(folder, [("index.html", "two")]) }
      #expect(error?.description.contains("Permission denied") == true)
      #expect(try directory.read("latest/index.html") == "one")
      #expect(names(in: directory.path) == ["2026-11-20", "latest"])
    }
  }

  @Test func aSetThatAKilledRunPutAsideIsPutBackAndLatestStays() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      for days in -2 ... -1 { try publish(folder, [("index.html", "older")], on: day.adding(days: days)) }
      try publish(folder, [("index.html", "one")])
      // Killed between the two renames: the old set is aside, and the new one is not in its place.
      try directory.write("half", to: ".daybook-set-1-dead/index.html")
      _ = try folder.setAside(day)
      #expect(FileKind(of: folder.directory(for: day)) == .missing)
      // Whoever publishes another date next.
      try publish(folder, [("index.html", "old")], on: day.adding(days: -3))
      #expect(names(in: directory.path) == ["2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "latest"])
      #expect(try directory.read("latest/index.html") == "one")
      #expect(folder.intactManifest(for: day) != nil && folder.latestTarget == "2026-11-20")
      // Whoever looks before it is published anew.
      _ = try folder.setAside(day)
      folder.recover()
      #expect(folder.intactManifest(for: day) != nil)
    }
  }

  @Test func aSetThatWasPutAsideGoesOnlyWhenItsDateStands() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder, [("index.html", "one")])
      _ = try folder.setAside(day)
      let aside = names(in: directory.path).filter { $0 != "latest" }
      // What somebody put in its place meanwhile is no set.
      try directory.write("mine", to: "2026-11-20/notes.txt")
      folder.sweep()
      #expect(names(in: directory.path) == aside + ["2026-11-20", "latest"])
      try directory.write("{}", to: "2026-11-20/manifest.json")
      folder.sweep()
      #expect(names(in: directory.path) == ["2026-11-20", "latest"])
    }
  }

  @Test func whereLatestLeadsToNoSetTheNewestOneDecides() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      let older = day.adding(days: -1)
      let slip = day.adding(days: 46)
      for date in [older, day, slip] { try publish(folder, [("index.html", "\(date)")], on: date) }
      #expect(folder.latestTarget == slip.description)
      // What the program says to do about the slip, with what is published as it would be, and with something new.
      try FileManager.default.removeItem(atPath: folder.directory(for: slip))
      let unchanged = try folder.publishNewest(nil, asOf: older, replacing: folder.intactManifest(for: older))
      #expect(unchanged.hasMoved && folder.latestTarget == "2026-11-20")
      for wrong in [nil, "2027-01-05", "nowhere", "2026-11-19"] {
        unlink(directory.appending("latest"))
        if let wrong { symlink(wrong, directory.appending("latest")) }
        #expect(folder.current == (wrong == "2026-11-19" ? older : day))
        try publish(folder, [("index.html", "again \(wrong ?? "")")], on: older)
        #expect(folder.latestTarget == "2026-11-20")
      }
      // A set that cannot be told from others by a manifest is still what readers had.
      try FileManager.default.removeItem(atPath: directory.appending("2026-11-20/manifest.json"))
      try publish(folder, [("index.html", "old")], on: older)
      #expect(folder.latestTarget == "2026-11-20")
    }
  }

  @Test func damagedSetIsNotIntact() throws {
    try TemporaryDirectory.with { directory in
      let folder = OutputFolder(path: directory.path)
      try publish(folder, [("index.html", "one"), ("data/x.csv", "a\n")])
      try FileManager.default.removeItem(atPath: directory.appending("2026-11-20/data/x.csv"))
      #expect(folder.intactManifest(for: day) == nil)
    }
  }
}
