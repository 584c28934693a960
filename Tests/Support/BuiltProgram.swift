// Runs the `daybook` program that was built with the tests.
// Invariant: the run ends, at the latest by SIGKILL at its timeout; both output streams go to files, so that a chatty
// program never waits for a reader. The program sees a bare environment and what the test adds, nothing of the caller's.

internal import FoundationEssentials
internal import Glibc
package import Postgres

/// What a run of a program left behind.
public struct ProgramOutcome: Sendable {
  /// Everything on standard output.
  public var stdout: String
  /// Everything on standard error.
  public var stderr: String
  /// The exit status; 128 + the signal when a signal ended it.
  public var status: Int
  /// Whether the timeout ended it.
  public var timedOut: Bool
  /// How long it took.
  public var wall: Duration
}

/// The built `daybook` program, found beside the test bundle.
public struct BuiltProgram: Sendable {
  /// The absolute path of the program.
  public let path: String

  /// Finds the program, or throws when it was not built.
  public init() throws {
    guard let bundle = realpath("/proc/self/exe", nil) else { throw TestSupportError("cannot read /proc/self/exe") }
    defer { free(bundle) }
    let own = String(cString: bundle)
    path = String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)]) + "/daybook"
    guard access(path, X_OK) == 0 else {
      throw TestSupportError("\(path) is not built; swift build --build-tests builds it")
    }
  }

  /// Runs the program to its end.
  ///
  /// - Parameters:
  ///   - arguments: without the program's name.
  ///   - environment: added to a bare one (`PATH`, `HOME`, `LC_ALL=C.UTF-8`, `TZ=UTC`); nothing is inherited.
  ///   - directory: the working directory.
  ///   - timeout: after this the program is ended by SIGKILL.
  ///   - started: gets the process id as soon as there is one, for tests that send signals.
  public func run(
    _ arguments: [String], environment: [String: String] = [:], in directory: String, timeout: Duration = .seconds(300),
    started: (@Sendable (Int32) -> Void)? = nil
  ) async throws -> ProgramOutcome {
    var variables = [
      "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": directory, "LC_ALL": "C.UTF-8", "TZ": "UTC",
    ]
    variables.merge(environment) { _, given in given }
    return try await ProgramRun.run(
      ChildProcess(path, arguments, environment: variables, directory: directory), timeout: timeout, started: started)
  }
}

/// Runs any program to its end.
package enum ProgramRun {
  /// Runs a program in the root directory, with the environment given and no other.
  package static func run(
    _ path: String, _ arguments: [String], environment: [String: String], timeout: Duration
  ) async throws -> ProgramOutcome {
    try await run(ChildProcess(path, arguments, environment: environment), timeout: timeout)
  }

  /// Starts the child, waits for its end, and reads what it wrote.
  package static func run(
    _ child: ChildProcess, timeout: Duration, started: (@Sendable (Int32) -> Void)? = nil
  ) async throws -> ProgramOutcome {
    let directory = try TemporaryDirectory(mode: 0o700)
    defer { directory.remove() }
    let output = open(directory.appending("stdout"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    let errors = open(directory.appending("stderr"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    defer {
      close(output)
      close(errors)
    }
    guard output >= 0, errors >= 0 else { throw TestSupportError("cannot open files in \(directory.path)") }

    let clock = ContinuousClock()
    let begun = clock.now
    let pid = try child.start(output: output, errors: errors)
    started?(pid)
    let timer = Task {
      try await Task.sleep(for: timeout)
      // The whole session: what the program started there ends with it.
      kill(-pid, SIGKILL)
      kill(pid, SIGKILL)
      return true
    }
    let status = await WaitingThread.run { ChildProcess.wait(for: pid) }
    timer.cancel()
    let timedOut = (try? await timer.value) ?? false
    return ProgramOutcome(
      stdout: try directory.read("stdout"), stderr: try directory.read("stderr"), status: status, timedOut: timedOut,
      wall: clock.now - begun)
  }
}
