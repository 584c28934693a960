// The rules of the house that a compiler does not hold, as pure functions from text to breaches.
// Invariant: a rule sees only what it is given, so each is tried on a text that breaks it. What the texts are, and the
// tests over the real sources, are in the files beside this one.

/// One place where a rule is broken.
struct Breach: Hashable, CustomStringConvertible {
  var file: String
  var line: Int
  var what: String

  var description: String { "\(file):\(line): \(what)" }
}

/// A source file, by lines.
struct SourceText {
  /// Relative to the package.
  var path: String
  var lines: [Substring]

  init(path: String, text: String) {
    self.path = path
    lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last == "" { lines.removeLast() }
  }

  /// The modules that its import lines name, with their lines.
  var imports: [(module: String, line: Int)] {
    let pattern =
      /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)/
    return lines.enumerated().compactMap { index, line in
      line.firstMatch(of: pattern).map { (String($0.output.1), index + 1) }
    }
  }
}

enum HouseRules {
  static let lineLimit = 450

  static func tooLong(_ source: SourceText) -> [Breach] {
    source.lines.count > lineLimit
      ? [Breach(file: source.path, line: source.lines.count, what: "longer than \(lineLimit) lines")] : []
  }

  /// Words that end a program on bad input, or put work off.
  static func forbiddenWords(_ source: SourceText) -> [Breach] {
    let words: [(name: String, pattern: Regex<Substring>)] = [
      ("fatalError", /\bfatalError\b/), ("try!", /\btry!/), ("as!", /\bas!/), ("TODO", /\bTODO\b/),
      ("FIXME", /\bFIXME\b/),
    ]
    return source.lines.enumerated().flatMap { index, line in
      words.filter { line.contains($0.pattern) }.map { word in
        Breach(file: source.path, line: index + 1, what: "says \(word.name)")
      }
    }
  }

  /// Types that a `Module.Type` could no longer name.
  static func namesakes(_ source: SourceText, module: String) -> [Breach] {
    let pattern = /\b(?:struct|class|enum|actor|protocol|typealias)\s+(\w+)/
    return source.lines.enumerated().compactMap { index, line in
      let code = line.drop { $0 == " " }
      guard !code.hasPrefix("//"), let match = code.firstMatch(of: pattern), match.output.1 == module else {
        return nil
      }
      return Breach(file: source.path, line: index + 1, what: "type \(module) is named like its module")
    }
  }

  /// Public declarations without a doc comment. What a standard protocol asks for needs none.
  static func undocumented(_ source: SourceText) -> [Breach] {
    let declaration =
      /^\s*(?:@[\w.]+(?:\([^)]*\))?\s+)*(?:[a-z]+(?:\([a-z]+\))?\s+)*?public\s+(?!import\b|extension\b)/
    let witness =
      /\b(?:var (?:description|debugDescription|hashValue|startIndex|endIndex|errorDescription|rawValue)\b|func (?:hash\(into|encode\(to|index\(|next\(\)|makeIterator\(\)|==|<|\+|-|\*|\+=|-=)|init\((?:from decoder|[a-zA-Z]+Literal|rawValue)|subscript\(position|typealias (?:Element|Index|Iterator|RawValue|\w+LiteralType)\b)/
    return source.lines.indices.compactMap { index in
      let line = source.lines[index]
      guard line.contains(declaration), !line.contains(witness) else { return nil }
      var above = index - 1
      while above >= 0, source.lines[above].drop(while: { $0 == " " }).hasPrefix("@") { above -= 1 }
      if above >= 0, source.lines[above].drop(while: { $0 == " " }).hasPrefix("///") { return nil }
      return Breach(file: source.path, line: index + 1, what: "public declaration without doc comment:\(line)")
    }
  }
}

/// The table of Sources/README.md: which room may import what, ground floor first.
struct HouseTable {
  var order: [String] = []
  var allowed: [String: Set<String>] = [:]

  /// Reads the table with the header `| target | purpose | may import |`.
  init(markdown: String) {
    let lines = markdown.split(separator: "\n")
    guard let header = lines.firstIndex(where: { Self.cells($0) == ["target", "purpose", "may import"] }) else {
      return
    }
    for line in lines[(header + 1)...].dropFirst() {
      let cells = Self.cells(line)
      guard cells.count == 3 else { break }
      for name in Self.names(cells[0]) {
        order.append(name)
        allowed[name] = Set(Self.names(cells[2]))
      }
    }
  }

  private static func cells(_ line: Substring) -> [String] {
    let parts = line.split(separator: "|", omittingEmptySubsequences: false)
    guard parts.count > 2 else { return [] }
    return parts.dropFirst().dropLast().map { part in
      String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
  }

  /// The words between backticks.
  private static func names(_ cell: String) -> [String] {
    cell.matches(of: /`([^`]+)`/).map { String($0.output.1) }
  }

  /// Libraries of the toolchain, open to every room.
  static let libraries: Set<String> = ["Foundation", "FoundationEssentials", "Glibc", "Synchronization", "Dispatch"]

  /// Rooms that stand above what they import, and imports of nothing known.
  func breachesOfOrder(packages: Set<String>) -> [String] {
    order.enumerated().flatMap { index, room in
      (allowed[room] ?? []).sorted().compactMap { name in
        if packages.contains(name) || order[..<index].contains(name) { return nil }
        return "\(room) may import \(name), which does not stand above it in the table"
      }
    }
  }

  /// Where the manifest and the table differ.
  func differences(from manifest: Manifest) -> [String] {
    let rooms = manifest.targets.filter { $0.type != "test" && $0.path?.hasPrefix("Tests/") != true }
    var found = Set(order).subtracting(rooms.map(\.name)).sorted().map { "\($0) stands in the table but is no target" }
    for room in rooms {
      guard let allowed = allowed[room.name] else {
        found.append("\(room.name) is a target but does not stand in the table")
        continue
      }
      let declared = Set(room.dependencies.map(\.name))
      found += declared.subtracting(allowed).sorted().map {
        "\(room.name) depends on \($0), which its row does not name"
      }
      found += allowed.subtracting(declared).sorted().map {
        "\(room.name)'s row names \($0), on which it does not depend"
      }
    }
    return found
  }

  /// Import lines that the room's row does not allow.
  func forbiddenImports(_ source: SourceText, room: String) -> [Breach] {
    source.imports.filter { !Self.libraries.contains($0.module) && allowed[room]?.contains($0.module) != true }.map {
      Breach(file: source.path, line: $0.line, what: "\(room) may not import \($0.module)")
    }
  }
}

/// As much of `swift package dump-package` as the table speaks of.
struct Manifest: Decodable {
  struct Target: Decodable {
    var name: String
    var type: String
    var path: String?
    var dependencies: [Dependency]
  }

  /// `{"byName": ["X", null]}`, `{"product": ["X", "package", …]}` or `{"target": ["X", null]}`.
  struct Dependency: Decodable {
    var byName: [String?]?
    var product: [String?]?
    var target: [String?]?

    var name: String { ((byName ?? product ?? target)?.first ?? nil) ?? "" }
    var isProduct: Bool { product != nil }
  }

  var targets: [Target]
}
