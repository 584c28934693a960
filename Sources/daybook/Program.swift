// The way in: parse, validate, act, exit. What verbs do is in the rooms below; here is only how the process
// begins and ends. Invariant: every way out of here has one of the exit codes of `ExitStatus`, and with --json
// exactly one object was written.

internal import ArgumentParser
internal import Finding
internal import Glibc
internal import Jobs
internal import Ledger

@main
enum Program {
  static let version = "0.1.0"

  static func main() {
    SignalWatch.prepare()
    allowOpenFiles()
    let arguments = GlobalOptions.movedBehindVerb(Array(CommandLine.arguments.dropFirst()))
    let environment = Invocation.currentEnvironment()
    let verb: any Verb
    do {
      var command = try RootCommand.parseAsRoot(arguments)
      guard let parsed = command as? any Verb else {
        // A group of verbs without a verb prints its help.
        try command.run()
        exit(ExitStatus.ok.rawValue)
      }
      verb = parsed
    } catch {
      exit(report(error, arguments: arguments))
    }
    let interruption = Interruption()
    let invocation = Invocation(
      arguments: arguments, environment: environment, console: Console(verb.global, environment: environment),
      options: verb.global, interruption: interruption, startedAt: .now())
    let command = verb
    let task = Task.detached { exit(await perform(command, invocation).rawValue) }
    SignalWatch.wait(interruption, leavesInterrupts: type(of: command).leavesInterruptsToChild) { task.cancel() }
  }

  /// Raises the number of files that may be open as far as this user may, within reason: a night may hold hundreds of
  /// files of several feeds, and 1024 is what a shell allows.
  private static func allowOpenFiles() {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < 8_192 else { return }
    limit.rlim_cur = min(limit.rlim_max, 8_192)
    _ = setrlimit(resource, &limit)
  }

  /// Runs the verb, and explains what it throws.
  private static func perform(_ verb: any Verb, _ invocation: Invocation) async -> ExitStatus {
    do {
      return try await verb.perform(invocation)
    } catch {
      var failure = StageFailure(error)
      if let signal = invocation.interruption.signal {
        failure = StageFailure(ExitStatus(signal: signal), "cancelled", "stopped by a signal; nothing was changed")
      }
      let job = type(of: verb).shownName
      invocation.console.json(JSONValue.failed(job: job, failure))
      for line in CommandFailureText(failure, invocation).lines { invocation.console.problem(line) }
      return failure.exitCode
    }
  }

  /// Help and version to standard output; what is wrong with the command line to standard error, exit 64.
  private static func report(_ error: any Error, arguments: [String]) -> Int32 {
    let message = RootCommand.fullMessage(for: error)
    guard RootCommand.exitCode(for: error) != .success else {
      print(message)
      return ExitStatus.ok.rawValue
    }
    let console = Console(isJSON: arguments.contains("--json"))
    console.problem(message)
    let failure = StageFailure(.usage, "usage", RootCommand.message(for: error))
    console.json(JSONValue.failed(job: arguments.first { !$0.hasPrefix("-") }, failure))
    return ExitStatus.usage.rawValue
  }
}

/// The lines of a command that failed before or outside of a run.
struct CommandFailureText {
  let lines: [String]

  init(_ failure: StageFailure, _ invocation: Invocation) {
    let console = invocation.console
    var lines: [String] = []
    for diagnostic in failure.diagnostics {
      lines += console.renderer.render(diagnostic).split(separator: "\n").map(String.init)
    }
    let room = FailureText.maximumLines - 2
    if lines.count > room {
      lines = Array(lines.prefix(room))
      lines.append("  and more: daybook check\(invocation.options.commandSuffix)")
    }
    if let state = failure.sqlState { lines.append("  SQLSTATE: \(state)") }
    if failure.exitCode == .databaseUnreachable, failure.errorClass != "stopped" {
      lines.append("  next: daybook doctor\(invocation.options.commandSuffix)")
    }
    self.lines = lines
  }
}

extension JSONValue {
  /// The object of a command that did not get as far as a run.
  static func failed(job: String?, _ failure: StageFailure) -> JSONValue {
    [
      "run_id": .null, "job": .optional(job), "as_of": .null, "status": "failed",
      "exit_code": .integer(Int(failure.exitCode.rawValue)), "wall_ms": 0, "stages": [], "reports": [],
      "findings": .array(failure.diagnostics.map(\.json)),
    ]
  }
}
