// The rules of the house over the real sources, and each rule tried on a text that breaks it.
// The manifest is read with a scratch path of its own: the one of the running tests is locked.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite struct HouseTests {
  static let root = String(#filePath.dropLast("/Tests/HouseTests/HouseTests.swift".count))

  static func sources(_ directory: String) throws -> [(room: String, source: SourceText)] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(directory)").sorted()
    return try names.filter { $0.hasSuffix(".swift") }.map { name in
      let text = try String(contentsOfFile: "\(root)/\(directory)/\(name)", encoding: .utf8)
      let room = String(name.prefix { $0 != "/" })
      return (room, SourceText(path: "\(directory)/\(name)", text: text))
    }
  }

  private static func table() throws -> HouseTable {
    HouseTable(markdown: try String(contentsOfFile: "\(root)/Sources/README.md", encoding: .utf8))
  }

  private static func manifest() async throws -> Manifest {
    let environment = ProcessInfo.processInfo.environment
    let path = environment["PATH"] ?? ""
    let candidates: [String] = path.split(separator: ":").map { "\($0)/swift" }
    let swift = try #require(candidates.first { access($0, X_OK) == 0 }, "no swift in PATH")
    return try await TemporaryDirectory.with { scratch in
      let outcome = try await ProgramRun.run(
        swift, ["package", "--package-path", root, "--scratch-path", scratch.path, "dump-package"],
        environment: ["PATH": path, "HOME": environment["HOME"] ?? scratch.path], timeout: .seconds(300))
      try #require(outcome.status == 0, "\(outcome.stderr)")
      return try JSONDecoder().decode(Manifest.self, from: Data(outcome.stdout.utf8))
    }
  }

  /// One issue for each breach, so that the list is read without a debugger.
  private func report(_ breaches: [Breach], at location: SourceLocation = #_sourceLocation) {
    for breach in breaches { Issue.record("\(breach)", sourceLocation: location) }
  }

  // MARK: - The house as it stands

  @Test func manifestAndTableNameTheSameRoomsAndDependencies() async throws {
    let (table, manifest) = (try Self.table(), try await Self.manifest())
    #expect(table.order.count > 10)
    #expect(table.differences(from: manifest) == [])
    let products = Set(manifest.targets.flatMap(\.dependencies).filter(\.isProduct).map(\.name))
    #expect(table.breachesOfOrder(packages: products) == [])
  }

  @Test func everyImportIsAllowedByItsRoomsRow() throws {
    let table = try Self.table()
    report(try Self.sources("Sources").flatMap { table.forbiddenImports($0.source, room: $0.room) })
  }

  @Test func noFileIsLongerThanItsLimit() throws {
    report(try (Self.sources("Sources") + Self.sources("Tests")).flatMap { HouseRules.tooLong($0.source) })
  }

  @Test func noSourceTrapsOnDataOrPutsWorkOff() throws {
    report(try Self.sources("Sources").flatMap { HouseRules.forbiddenWords($0.source) })
  }

  @Test func noTypeIsNamedLikeItsModule() throws {
    report(try Self.sources("Sources").flatMap { HouseRules.namesakes($0.source, module: $0.room) })
  }

  @Test func everyPublicDeclarationIsDocumented() throws {
    report(try Self.sources("Sources").flatMap { HouseRules.undocumented($0.source) })
  }

  // MARK: - The rules themselves

  private func text(_ lines: String...) -> SourceText {
    SourceText(path: "Sources/X/X.swift", text: lines.joined(separator: "\n") + "\n")
  }

  @Test func importsAreReadInEveryForm() {
    let source = text(
      "import A", "public import B", "@preconcurrency internal import C", "import struct D.E", "@testable import F",
      "  import G", "// import H", "let important = 1", "@_spi(Inner) import I.J")
    #expect(source.imports.map(\.module) == ["A", "B", "C", "D", "F", "G", "I"])
    #expect(source.imports.map(\.line) == [1, 2, 3, 4, 5, 6, 9])
  }

  @Test func importOutsideTheRowIsFound() {
    let table = HouseTable(markdown: Self.smallTable)
    let source = text("import Glibc", "internal import A", "import B")
    #expect(table.forbiddenImports(source, room: "C").map(\.line) == [3])
    #expect(table.forbiddenImports(source, room: "Unknown").map(\.line) == [2, 3])
  }

  static let smallTable = """
    words

    | target | purpose | may import |
    |---|---|---|
    | `A` `B` | below | – |
    | `C` | above | `A` |

    | other | table |
    """

  @Test(arguments: [
    (#"{"targets": [T("A"), T("B"), T("C", "A")]}"#, []),
    (
      #"{"targets": [T("A"), T("B"), T("C", "B")]}"#,
      [
        "C depends on B, which its row does not name", "C's row names A, on which it does not depend",
      ]
    ),
    (#"{"targets": [T("A"), T("C", "A")]}"#, ["B stands in the table but is no target"]),
    (#"{"targets": [T("A"), T("B"), T("C", "A"), T("D")]}"#, ["D is a target but does not stand in the table"]),
  ])
  func differencesOfManifestAndTableAreFound(manifest: String, differences: [String]) throws {
    let json = manifest.replacing(/T\("(\w)"(?:, "(\w)")?\)/) { match in
      let dependency = match.output.2.map { #"{"byName": ["\#($0)", null]}"# } ?? ""
      return #"{"name": "\#(match.output.1)", "type": "regular", "dependencies": [\#(dependency)]}"#
    }
    let decoded = try JSONDecoder().decode(Manifest.self, from: Data(json.utf8))
    #expect(HouseTable(markdown: Self.smallTable).differences(from: decoded) == differences)
  }

  @Test func roomThatStandsAboveWhatItImportsIsFound() {
    let table = HouseTable(markdown: Self.smallTable.replacing("| below | – |", with: "| below | `C` `P` |"))
    #expect(table.breachesOfOrder(packages: ["P"]).count == 2)
  }

  @Test func longFileIsFound() {
    let atLimit = String(repeating: "\n", count: HouseRules.lineLimit)
    #expect(HouseRules.tooLong(SourceText(path: "x", text: atLimit)) == [])
    #expect(HouseRules.tooLong(SourceText(path: "x", text: atLimit + "\n")).count == 1)
  }

  @Test func trapsAndPostponedWorkAreFound() {
    let source = text(
      "let a = try! f()", "let b = c as! D", "fatalError()", "// TODO: later", "try f() // alas! mastodon")
    #expect(HouseRules.forbiddenWords(source).map(\.line) == [1, 2, 3, 4])
  }

  @Test func namesakeIsFound() {
    let source = text("public struct X: Sendable {", "struct XY {}", "// struct X", "  enum X {}", "let x: X")
    #expect(HouseRules.namesakes(source, module: "X").map(\.line) == [1, 4])
  }

  @Test func undocumentedPublicDeclarationIsFound() {
    let source = text(
      "/// Good.", "public struct A {", "  public var b: Int", "  /// Good.", "  @discardableResult",
      "  public func c() {}",
      "  public var description: String", "  public static func < (a: A, b: A) -> Bool { true }", "}",
      "public import B",
      "@frozen public enum C {}", "public extension A {}", "nonisolated(unsafe) public var d = 1")
    #expect(HouseRules.undocumented(source).map(\.line) == [3, 11, 13])
  }
}
