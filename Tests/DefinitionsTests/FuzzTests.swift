// Whatever the bytes of a definition, the outcome is a project or a diagnostic with a place; never a crash.
// The mutations are drawn from a fixed seed, so that a failure comes back.
// What each single error says is elsewhere (BrokenDefinitionTests).

internal import Definitions
internal import Finding
internal import Foundation
internal import TestSupport
internal import Testing

@Suite struct FuzzTests {
  private static let fragments = [
    "${", "${A", "}", "&a ", "*a", "? ", "- ", "[", "{", "\t", "\0", "\"", "'", "|\n", ">\n", "---\n", "!!int ",
    "%YAML", "#",
    ": ", "decimal(", "{9999999}", "\\", "$$", "/*", "--", "\u{FEFF}", "\u{E000}", "\u{2028}", "\r", "\r\n", "~",
    "<<: ",
    "99999999999999999999", "\u{301}", "🧾",
  ]

  private func mutate(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let at = Int.random(in: 0...bytes.count, using: &random)
      let end = min(bytes.count, at + Int.random(in: 0...12, using: &random))
      switch Int.random(in: 0...4, using: &random) {
      case 0: bytes.removeSubrange(at..<end)
      case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
      case 2: bytes.insert(contentsOf: Array(Self.fragments.randomElement(using: &random)!.utf8), at: at)
      case 3: bytes.insert(contentsOf: Array(bytes[at..<end]), at: Int.random(in: 0...bytes.count, using: &random))
      default: if at < bytes.count { bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &random) }
      }
    }
    return bytes
  }

  @Test(arguments: 0..<8)
  func mutatedDefinitionsGiveDiagnosticsOrAProject(seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed) &* 7919 &+ 1)
    let good = ProjectFixture(Samples.shop).files
    let paths = good.keys.sorted()
    var errors = 0
    try ProjectFixture(Samples.shop).onDisk { root in
      for _ in 0..<150 {
        let path = try #require(paths.randomElement(using: &random))
        let bytes = mutate(try #require(good[path]), &random)
        try Data(bytes).write(to: URL(fileURLWithPath: "\(root)/\(path)"))
        let (project, diagnostics) = Project.check(root: root, environment: ["A": "x"])
        let found = diagnostics.filter { $0.severity == .error }
        errors += found.count
        #expect((project == nil) == !found.isEmpty)
        for diagnostic in found {
          let line = diagnostic.position?.line
          #expect(line.map { $0 >= 1 } ?? (diagnostic.code == "no_project"), "\(diagnostic)")
        }
        try Data(good[path] ?? []).write(to: URL(fileURLWithPath: "\(root)/\(path)"))
      }
    }
    // Mutations that break nothing would prove nothing.
    #expect(errors > 50)
  }
}
