// One call of the program: what was typed, the environment, and the console. Verbs get it as a value.

internal import ArgumentParser
internal import Definitions
internal import Finding
internal import Glibc
internal import Jobs
internal import Ledger
internal import Money

/// A verb of the command line.
protocol Verb: ParsableCommand, Sendable {
  var global: GlobalOptions { get }
  /// Whether SIGINT is meant for a program in the foreground, and not for this one.
  static var leavesInterruptsToChild: Bool { get }
  /// What the verb is called in what it prints.
  static var shownName: String { get }
  /// Does the work.
  ///
  /// - Returns: what the process exits with. What is thrown is explained and mapped by the caller.
  func perform(_ invocation: Invocation) async throws -> ExitStatus
}

extension Verb {
  static var leavesInterruptsToChild: Bool { false }
  static var shownName: String { _commandName }
}

struct Invocation: Sendable {
  /// What was typed, without the program's name.
  let arguments: [String]
  let environment: [String: String]
  let console: Console
  let options: GlobalOptions
  let interruption: Interruption
  let startedAt: Moment

  /// The project, or everything that is wrong with it.
  func loadProject() throws(StageFailure) -> Project {
    let (project, diagnostics) = Project.check(root: options.project, environment: environment)
    guard let project else {
      throw StageFailure(exitCode: .badDefinition, errorClass: "definition", diagnostics: diagnostics)
    }
    if console.isVerbose { console.show(diagnostics) }
    return project
  }

  /// The business date: what was asked for, or today where the project is.
  func asOf(_ asked: CivilDate?, project: Project) throws(StageFailure) -> CivilDate {
    if let asked { return asked }
    guard let today = startedAt.day(in: project.calendar.timeZone) else {
      throw StageFailure(
        .badDefinition, "definition", "this machine does not know the time zone \(project.calendar.timeZone)",
        fix: "apt install tzdata, or give --as-of")
    }
    return today
  }

  static func currentEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    var entry = environ
    while let line = entry.pointee {
      let text = String(cString: line)
      if let equals = text.firstIndex(of: "=") {
        result[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      entry += 1
    }
    return result
  }

  static var host: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
