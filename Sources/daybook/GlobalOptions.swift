// The options that every verb takes, as they were typed. Turning them into a console and a project is elsewhere.

internal import ArgumentParser

struct GlobalOptions: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("The project's folder, which holds Jobs/.", valueName: "dir"))
  var project = "."

  @Flag(name: .long, help: "Print one JSON object on standard output.")
  var json = false

  @Flag(name: .shortAndLong, help: "Say nothing but errors.")
  var quiet = false

  @Flag(name: .shortAndLong, help: "Say more: what was skipped and what each stage cost.")
  var verbose = false

  @Flag(name: .customLong("no-color"), help: "No colours; the variable NO_COLOR says the same.")
  var noColor = false

  func validate() throws {
    if quiet && verbose { throw ValidationError("-q and -v contradict each other") }
  }

  /// `arguments` with global options that stand before the verb moved behind it, where they are declared.
  static func movedBehindVerb(_ arguments: [String]) -> [String] {
    let flags: Set = ["--json", "--quiet", "-q", "--verbose", "-v", "--no-color"]
    var leading = 0
    while leading < arguments.count {
      let word = arguments[leading]
      if word == "--project", leading + 1 < arguments.count {
        leading += 2
      } else if flags.contains(word) || word.hasPrefix("--project=") {
        leading += 1
      } else {
        break
      }
    }
    // Without a verb behind them they stay, and are reported as they were typed.
    guard leading > 0, leading < arguments.count, !arguments[leading].hasPrefix("-") else { return arguments }
    let rest = arguments[leading...]
    let end = rest.firstIndex(of: "--") ?? rest.endIndex
    return Array(rest[..<end]) + Array(arguments[..<leading]) + Array(rest[end...])
  }

  /// What a command that is printed for the person needs to reach the same project.
  var commandSuffix: String {
    project == "." ? "" : " --project \(shellQuoted(project))"
  }
}

/// `text` as one word of a shell.
func shellQuoted(_ text: String) -> String {
  let isPlain =
    !text.isEmpty
    && text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "-_./:=,@%+".utf8.contains(byte)
      }
    }
  return isPlain ? text : "'" + text.replacing("'", with: "'\\''") + "'"
}
