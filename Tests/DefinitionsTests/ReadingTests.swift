// Files that are no definitions at all: each is an error with a place, and none hangs or crashes.
// The limits of size and depth, encodings, links and pipes are here; wrong words in good YAML are in
// BrokenDefinitionTests.

internal import Definitions
internal import Finding
internal import Foundation
internal import Glibc
internal import Testing

@Suite struct ReadingTests {
  private func said(_ bytes: [UInt8]) throws -> String {
    var fixture = ProjectFixture(GoldenCase.good)
    fixture.files["Jobs/nightly.yaml"] = bytes
    return try fixture.rendered()
  }

  /// What is said when `place` puts something else where the job's file was.
  private func said(_ place: (String) throws -> Void) throws -> String {
    var files = GoldenCase.good
    files["Jobs/nightly.yaml"] = nil
    return try ProjectFixture(files).onDisk { root in
      try place("\(root)/Jobs/nightly.yaml")
      return Project.check(root: root, environment: [:]).diagnostics
        .map(DiagnosticRenderer(color: false).render).joined(separator: "\n")
    }
  }

  @Test func invalidUTF8IsReportedAtItsCharacter() throws {
    #expect(
      try said(Array("job: nightly\n# é ".utf8) + [0xFF, 0x0A])
        == "error: Jobs/nightly.yaml:2:5: a byte here is not UTF-8\n  fix: save the file as UTF-8")
    #expect(try said([0xC3]).hasPrefix("error: Jobs/nightly.yaml:1:1: a byte here is not UTF-8"))
  }

  @Test func utf16IsNamed() throws {
    let bytes: [UInt8] = [0xFF, 0xFE] + Array("job: nightly\n".utf8).flatMap { [$0, 0] as [UInt8] }
    #expect(try said(bytes).contains("save the file as UTF-8, not UTF-16"))
  }

  @Test func aByteOrderMarkAndCarriageReturnsAreRead() throws {
    let text = "job: nightly\r\nstages:\r\n  - { ingest: all }\r\nstages: 1\r\n"
    #expect(
      try said([0xEF, 0xBB, 0xBF] + Array(text.utf8)).hasPrefix(
        "error: Jobs/nightly.yaml:4:1: the key \"stages\" is here twice"))
  }

  @Test func aHugeFileIsRefusedByName() throws {
    #expect(
      try said([UInt8](repeating: 0x23, count: 3 << 20))
        == "error: Jobs/nightly.yaml:1:1: is larger than 1048576 bytes, the most a definition may have")
  }

  @Test(arguments: ["[", "{", "- ", "? ", "{a: ", "[{a: [", "!!x ", "&a ", "'", "\"", "a: - "])
  func deepNestingIsRefused(piece: String) throws {
    #expect(try said(Array(String(repeating: piece, count: 50_000).utf8)).hasPrefix("error: Jobs/nightly.yaml:1:"))
  }

  @Test func deepIndentationIsRefused() throws {
    let text = (0..<700).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
    #expect(try said(Array(text.utf8)).hasPrefix("error: Jobs/nightly.yaml:"))
  }

  @Test func manyDuplicateKeysEndInTime() throws {
    let text = (0..<2_000).map { _ in "job: x\n" }.joined()
    #expect(try said(Array(text.utf8)).contains("twice"))
  }

  @Test func aFolderInPlaceOfAFileIsNamed() throws {
    let text = try said { try FileManager.default.createDirectory(atPath: $0, withIntermediateDirectories: false) }
    #expect(text == "error: Jobs/nightly.yaml:1:1: is a folder, not a definition file")
  }

  @Test func aPipeDoesNotHang() throws {
    #expect(try said { _ = mkfifo($0, 0o600) } == "error: Jobs/nightly.yaml:1:1: is not a regular file")
  }

  @Test func aLinkThatLeadsNowhereIsNamed() throws {
    let text = try said {
      try FileManager.default.createSymbolicLink(atPath: $0, withDestinationPath: "/nowhere/at/all")
    }
    #expect(text == "error: Jobs/nightly.yaml:1:1: cannot be read: No such file or directory")
  }

  @Test func starsInSQLAreNoAliases() throws {
    var files = Samples.shop
    files["Jobs/views/daily.yaml"] = try #require(files["Jobs/views/daily.yaml"]).replacing(
      "net: total - refunds", with: "net: |\n    total\n      *total - refunds\n  also: \"total *count\"")
    #expect(try ProjectFixture(files).rendered() == "")
  }

  @Test func aReferenceMayBeEscaped() throws {
    var files = GoldenCase.good
    files["Jobs/reports/r.yaml"] =
      "report: r\ntitle: '$${HOME} costs $5 and ${NAME:-a: [b}'\nsections: [ { note: x } ]\n"
    let project = try ProjectFixture(files).load()
    #expect(project.reports[0].title == "${HOME} costs $5 and a: [b")
  }
}
