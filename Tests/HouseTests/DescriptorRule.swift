// The rule that no descriptor of ours lives on in a child: a lock or the end of a pipe that a server inherits is held
// for as long as the server runs.
// What opens a descriptor says O_CLOEXEC; what cannot say it sets FD_CLOEXEC within a few lines, or closes at once.

import FoundationEssentials
import Testing

extension HouseRules {
  /// Calls that open a descriptor which a child would inherit.
  static func inheritedDescriptors(_ source: SourceText) -> [Breach] {
    let near = 8
    let words = ["open(", "mkstemp(", "pipe(", "socket(", "accept(", "dup(", "dup2("]
    return source.lines.enumerated().compactMap { index, line in
      // Patterns are slow, and few lines have these words.
      guard words.contains(where: { line.contains($0) }), !line.drop(while: { $0 == " " }).hasPrefix("//") else {
        return nil
      }
      let behind = source.lines[index..<min(source.lines.count, index + near)]
      let isOpen = line.contains(/\bopen\(.*\bO_[A-Z]+/) && !line.contains("O_CLOEXEC")
      let isOther = line.contains(/\b(?:mkstemp|pipe|socket|accept|dup|dup2|fopen)\(/)
      guard isOpen || isOther else { return nil }
      let isClosed = behind.contains {
        $0.contains("FD_CLOEXEC") || $0.contains(/^\s*close\(/) || $0.contains(/fopen\(.*"[rwa]e"/)
      }
      return isClosed ? nil : Breach(file: source.path, line: index + 1, what: "a child inherits what this opens")
    }
  }
}

@Suite struct DescriptorRuleTests {
  @Test func noDescriptorIsInheritedByChildren() throws {
    for (_, source) in try HouseTests.sources("Sources") {
      for breach in HouseRules.inheritedDescriptors(source) { Issue.record("\(breach)") }
    }
  }

  @Test(arguments: [
    ("let a = open(path, O_RDONLY)", true), ("let a = open(path, O_RDONLY | O_CLOEXEC)", false),
    ("let a = mkstemp(&template)", true), ("let a = mkstemp(&t)\n_ = fcntl(a, F_SETFD, FD_CLOEXEC)", false),
    ("let a = mkstemp(&t)\nclose(a)", false), ("let a = fopen(path, \"r\")", true),
    ("let a = fopen(path, \"re\")", false), ("inbox.open(name)", false), ("// open(path, O_RDONLY)", false),
  ])
  func anInheritedDescriptorIsFound(text: String, isBreach: Bool) {
    #expect(HouseRules.inheritedDescriptors(SourceText(path: "x", text: text)).isEmpty != isBreach)
  }
}
