// Every command that a message of the program tells a person to type is one that the program takes.
// The commands are read from the string literals of Sources and given to the built program in an empty folder: there it
// refuses words that it does not know with 64, and nearly everything else for want of a project with 78.
// What a message interpolates is replaced by a word; whether that word is the right one is held by the rooms' tests.

import FoundationEssentials
import TestSupport
import Testing

@Suite struct SuggestedCommands {
  @Test func areTakenByTheProgram() async throws {
    let program = try BuiltProgram()
    let found = try Self.suggestions()
    // Should the reading of the sources ever find nothing, the test would hold nothing.
    #expect(
      Set(found.compactMap(\.words.first)).isSuperset(of: ["check", "ingest", "refresh", "rejects", "retry", "runs"]))
    try await TemporaryDirectory.with { directory in
      let wrong = try await program.run(["rejects", "list", "transactions"], in: directory.path)
      #expect(wrong.status == 64)
      for suggestion in found {
        let outcome = try await program.run(suggestion.words, in: directory.path)
        // Inference needs no project, and its file is not there.
        let expected =
          suggestion.words == ["--help"] ? 0 : suggestion.words.starts(with: ["feed", "infer"]) ? 66 : 78
        #expect(
          outcome.status == expected,
          "\(suggestion.place): daybook \(suggestion.words.joined(separator: " "))\n\(outcome.stderr)")
      }
    }
  }

  @Test func areReadOutOfMessages() {
    #expect(
      Self.commands(in: #"fix: "see: daybook rejects list --feed \(feed.name); or raise it""#) == [
        "rejects list --feed word"
      ])
    #expect(Self.commands(in: #"return "daybook check\(options)" // daybook lies"#) == ["check"])
    #expect(
      Self.commands(in: #""more: daybook runs show\(id.map { " \($0)" } ?? "")\(options)""#) == ["runs show word"])
    #expect(Self.commands(in: #""install the daybook that last ran here, or another daybook command""#) == [])
    #expect(Self.commands(in: "// daybook bench: experiments") == [])
  }

  // MARK: Reading

  private struct Suggestion: Sendable {
    var place: String
    var words: [String]
  }

  /// What follows the name in sentences about the program itself.
  private static let prose: Set<String> = ["that", "could", "has", "is", "command", "word", "\\"]

  private static func suggestions() throws -> [Suggestion] {
    let root = String(#filePath.dropLast("/Tests/EndToEnd/SuggestedCommands.swift".count))
    let files = try FileManager.default.subpathsOfDirectory(atPath: "\(root)/Sources").filter { $0.hasSuffix(".swift") }
    return try files.sorted().flatMap { file in
      let text = try String(contentsOfFile: "\(root)/Sources/\(file)", encoding: .utf8)
      return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap { index, line in
        commands(in: line).map { command in
          Suggestion(
            place: "Sources/\(file):\(index + 1)",
            words: command.replacing("'", with: "").split(separator: " ").map(String.init))
        }
      }
    }
  }

  /// The commands in the string literals of one line, without the program's name.
  static func commands(in line: some StringProtocol) -> [String] {
    literals(String(line)).flatMap { literal in
      literal.split(separator: "daybook ", omittingEmptySubsequences: false).dropFirst().compactMap { rest -> String? in
        let ends = ["; ", ", ", " or ", "`"].compactMap { rest.firstRange(of: $0)?.lowerBound }
        let command = rest[..<(ends.min() ?? rest.endIndex)]
        guard let verb = command.split(separator: " ").first, !prose.contains(String(verb)) else { return nil }
        return String(command).replacing("--as-of word", with: "--as-of 2026-11-20")
      }
    }
  }

  /// The string literals of one line; an interpolation stands as a word, or as nothing where it gives the options
  /// that every command may have behind it.
  private static func literals(_ line: String) -> [String] {
    if line.drop(while: { $0 == " " }).hasPrefix("//") { return [] }
    var literals: [String] = []
    var literal: String?
    var rest = Substring(line)
    while let character = rest.popFirst() {
      if literal == nil {
        if character == "\"" { literal = "" }
      } else if character == "\"" {
        literals.append(literal ?? "")
        literal = nil
      } else if character == "\\", rest.first == "(" {
        let inner = interpolation(&rest)
        let isOptions = inner.hasPrefix("(options") || inner.hasSuffix("commandSuffix)")
        literal? += isOptions ? "" : inner.contains("\" ") ? " word" : "word"
      } else {
        literal?.append(character)
      }
    }
    return literals
  }

  /// Takes one interpolation, with its parentheses, off the front of `rest`.
  private static func interpolation(_ rest: inout Substring) -> Substring {
    let start = rest
    var depth = 0
    while let character = rest.popFirst() {
      if character == "(" { depth += 1 }
      if character == ")" { depth -= 1 }
      if depth == 0 { break }
    }
    return start[..<rest.startIndex]
  }
}
