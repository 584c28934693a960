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
