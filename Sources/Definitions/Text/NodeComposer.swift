// YAML text → a `DefinitionNode`, through Yams.
// Invariant: whatever the bytes, the outcome is a node or an error with a position; no recursion deeper than
// libyaml's own bound, no aliases, and a duplicate key does not hide the other errors of its file.
// What keys mean is elsewhere (the readers).

internal import Finding
internal import Yams

/// Composes one file.
struct NodeComposer {
  let source: SourceText
  let environment: [String: String]
  let findings: Findings

  /// A definition nested deeper than this is a mistake.
  static let maximumDepth = 24
  private static let maximumDuplicates = 50

  /// The document, or nil when it cannot be read, which is then among the findings.
  func compose() -> DefinitionNode? {
    if let place = firstAnchorOrAlias(in: source.text) {
      refuseAlias(at: position(place.line, place.column))
      return nil
    }
    var lines = source.text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(Array.init)
    var text = source.text
    var renamed: [Place: String] = [:]
    while true {
      do {
        let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
        // An anchor is held weakly by its nodes: the parser must outlive the walk.
        return try withExtendedLifetime(parser) {
          guard let root = try parser.singleRoot() else {
            findings.error(
              "empty_file", at: position(1, 1), "the file is empty", fix: "delete it, or write a definition")
            return nil
          }
          return convert(root, depth: 1, renamed: renamed)
        }
      } catch let error as YamlError {
        guard case .duplicatedKeysInMapping(_, let context) = error, renamed.count < Self.maximumDuplicates,
          let (key, place, newText) = rename(keyAt: context.mark, lines: &lines)
        else {
          report(error)
          return nil
        }
        renamed[place] = key
        text = newText
      } catch {
        findings.error("yaml", at: position(1, 1), "cannot be read as YAML")
        return nil
      }
    }
  }

  private func position(_ line: Int, _ column: Int) -> SourcePosition {
    SourcePosition(file: source.file, line: line, column: column)
  }

  private func refuseAlias(at position: SourcePosition) {
    findings.error(
      "yaml_alias", at: position, "YAML anchors (&) and aliases (*) are not supported",
      fix: "write the value out; quote text that begins with & or *")
  }

  // MARK: Walk

  private func convert(_ node: Node, depth: Int, renamed: [Place: String]) -> DefinitionNode {
    let place = node.mark.map { position($0.line, $0.column) } ?? position(1, 1)
    guard depth <= Self.maximumDepth else {
      findings.error("too_deep", at: place, "values are nested deeper than \(Self.maximumDepth) levels")
      return DefinitionNode(position: place, content: .unreadable)
    }
    guard node.anchor == nil else {
      refuseAlias(at: place)
      return DefinitionNode(position: place, content: .unreadable)
    }
    switch node {
    case .scalar(let scalar):
      guard let expanded = expand(scalar.string, in: environment, at: place, findings: findings) else {
        return DefinitionNode(position: place, content: .unreadable)
      }
      return DefinitionNode(
        position: place,
        content: .scalar(.init(text: expanded, shown: scalar.string, isPlain: scalar.style == .plain)))
    case .sequence(let sequence):
      return DefinitionNode(
        position: place, content: .sequence(sequence.map { convert($0, depth: depth + 1, renamed: renamed) }))
    case .mapping(let mapping):
      var entries: [DefinitionNode.Entry] = []
      var first: [String: SourcePosition] = [:]
      for (key, value) in mapping {
        let keyPlace = key.mark.map { position($0.line, $0.column) } ?? place
        guard case .scalar(let scalar) = key, scalar.anchor == nil else {
          findings.error("wrong_type", at: keyPlace, "a key must be a single word, written out")
          continue
        }
        let name = key.mark.flatMap { renamed[Place(line: $0.line, column: $0.column)] } ?? scalar.string
        if let earlier = first[name] {
          findings.error(
            "duplicate_key", at: keyPlace, "the key \"\(name)\" is here twice",
            notes: ["first at \(earlier)"], fix: "remove one of the two")
        } else {
          first[name] = keyPlace
        }
        let converted = convert(value, depth: depth + 1, renamed: renamed)
        if entries.contains(where: { $0.key == name }) { continue }
        entries.append(.init(key: name, position: keyPlace, value: converted))
      }
      return DefinitionNode(position: place, content: .mapping(entries))
    case .alias:
      refuseAlias(at: place)
      return DefinitionNode(position: place, content: .unreadable)
    }
  }

  // MARK: Duplicate keys

  private struct Place: Hashable { let line, column: Int }

  /// Yams stops at the first mapping with a duplicate key. The first of the two gets a private-use character in
  /// place of its own first one, so that columns stay as they are and reading can go on; the walk gives the name back.
  private func rename(
    keyAt mark: Mark, lines: inout [[Unicode.Scalar]]
  ) -> (key: String, place: Place, text: String)? {
    guard lines.indices.contains(mark.line - 1) else { return nil }
    let scalars = lines[mark.line - 1]
    var index = mark.column - 1
    guard scalars.indices.contains(index) else { return nil }
    let quote = scalars[index] == "\"" || scalars[index] == "'" ? scalars[index] : nil
    if quote != nil { index += 1 }
    guard index < scalars.count else { return nil }
    let end =
      scalars[index...].indices.first { at in
        guard quote == nil else { return scalars[at] == quote }
        return scalars[at] == ":" && (at + 1 == scalars.count || scalars[at + 1].properties.isWhitespace)
      } ?? scalars.count
    guard index < end, let mask = Unicode.Scalar(0xE000 + UInt32(mark.line % 512) * 8 + UInt32(mark.column % 8)),
      scalars[index].value < 0xE000
    else { return nil }
    var key = String.UnicodeScalarView()
    key.append(contentsOf: scalars[index..<end])
    lines[mark.line - 1][index] = mask
    var text = String.UnicodeScalarView()
    text.append(contentsOf: lines.joined(separator: ["\n"]))
    return (String(key), Place(line: mark.line, column: mark.column), String(text))
  }

  // MARK: Errors of the parser

  private func report(_ error: YamlError) {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _):
      let place = position(mark.line, mark.column)
      if scalar(at: mark) == "\t" {
        findings.error("yaml", at: place, "a tab cannot stand here", fix: "indent with spaces")
      } else if scalar(at: mark) == "@" || scalar(at: mark) == "`" || scalar(at: mark) == "%" {
        findings.error("yaml", at: place, "not YAML: \(problem)", fix: "put the text in quotes")
      } else {
        findings.error("yaml", at: place, "not YAML: \(problem)")
      }
    case .composer(_, let problem, let mark, _):
      let place = position(mark.line, mark.column)
      if problem.contains("another document") {
        findings.error("yaml", at: place, "a second document begins here", fix: "one definition per file")
      } else {
        findings.error("yaml", at: place, "not YAML: \(problem)")
      }
    case .duplicatedKeysInMapping(_, let context):
      findings.error("duplicate_key", at: position(context.mark.line, context.mark.column), "a key is here twice")
    case .reader(let problem, _, _, _):
      findings.error("yaml", at: position(1, 1), "not YAML: \(problem)")
    default:
      findings.error("yaml", at: position(1, 1), "cannot be read as YAML")
    }
  }

  private func scalar(at mark: Mark) -> Unicode.Scalar? {
    let lines = source.text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.indices.contains(mark.line - 1) else { return nil }
    return lines[mark.line - 1].dropFirst(mark.column - 1).first
  }
}
