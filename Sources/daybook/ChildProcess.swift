// A program that runs in the foreground in place of this one: it has the terminal, and its signals.
// The wait is on a thread of its own, so that no task is held up.

internal import Glibc
internal import Postgres

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
    await WaitingThread.run { spawnAndWait(isQuiet: quiet) }
  }

  private func spawnAndWait(isQuiet: Bool) -> Int32 {
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
