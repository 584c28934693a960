// A program that runs in the foreground in place of this one: it has the terminal, and its signals.
// The wait is on a thread of its own, so that no task is held up.

internal import Glibc
internal import Postgres
internal import Synchronization

struct ChildProcess: Sendable {
  private let arguments: [String]
  private let environment: [String: String]

  /// - Parameters:
  ///   - arguments: the program, found by `PATH`, and what it gets.
  ///   - environment: added to this process's own.
  init(_ arguments: [String], _ environment: [String: String] = [:]) {
    self.arguments = arguments
    self.environment = environment
  }

  /// Runs the program to its end.
  ///
  /// - Parameter quiet: whether what it prints on standard output is dropped.
  /// - Returns: its exit status, 128 + the signal that ended it, or 127 when it could not be started.
  func run(quiet: Bool = false) async -> Int32 {
    await WaitingThread.run { spawnAndWait(isQuiet: quiet, nil) }
  }

  /// Runs the program in the background of this one: nothing of its standard output is shown, and a cancelled task
  /// ends it.
  func runUntilCancelled() async -> Int32 {
    let running = RunningChild()
    return await withTaskCancellationHandler {
      await WaitingThread.run { spawnAndWait(isQuiet: true, running) }
    } onCancel: {
      running.end()
    }
  }

  private func spawnAndWait(isQuiet: Bool, _ running: RunningChild?) -> Int32 {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The signals that this program blocks or ignores are the child's own again.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var restored = sigset_t()
    sigemptyset(&restored)
    for signal in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&restored, signal) }
    posix_spawnattr_setsigdefault(&attributes, &restored)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if isQuiet { posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) }
    var merged = Invocation.currentEnvironment()
    merged.merge(environment) { $1 }
    let process = Self.withCStrings(arguments) { argv in
      Self.withCStrings(merged.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }) { envp in
        var process: pid_t = 0
        return posix_spawnp(&process, arguments[0], &actions, &attributes, argv, envp) == 0 ? process : -1
      }
    }
    guard process > 0 else { return 127 }
    running?.began(process)
    if let running {
      // Not reaped yet: its number is its own until nobody can send a signal there.
      var information = siginfo_t()
      while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
      running.ended()
    }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      if errno != EINTR { return 127 }
    }
    let signal = status & 0x7F
    return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
  }

  /// Lends `strings` as a null-terminated array of C strings.
  private static func withCStrings<R>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
  ) -> R {
    let pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeBufferPointer { buffer in
      // The array holds at least the final nil, so it has an address.
      var fallback: UnsafeMutablePointer<CChar>?
      return buffer.baseAddress.map(body) ?? withUnsafePointer(to: &fallback, body)
    }
  }
}

/// A child that can be told to end.
private final class RunningChild: Sendable {
  private enum State {
    case waiting
    case running(pid_t)
    case told
    case ended
  }

  private let state = Mutex(State.waiting)

  func began(_ process: pid_t) {
    state.withLock { state in
      if case .told = state { kill(process, SIGTERM) } else { state = .running(process) }
    }
  }

  func ended() { state.withLock { $0 = .ended } }

  /// Also before it began.
  func end() {
    state.withLock { state in
      switch state {
      case .waiting: state = .told
      case .running(let process): kill(process, SIGTERM)
      case .told, .ended: break
      }
    }
  }
}
