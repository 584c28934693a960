// Child processes of the embedded server: one posix_spawn, and the rights it runs with.
// Invariant: a child gets an argument vector and never a shell line; of our descriptors it inherits only those named
// here; it starts with default signals, in its own session, so that Ctrl-C in the terminal does not reach it.
// Started by root, a child drops to another user through setpriv, which executes in place: the process id stays.

internal import Glibc

/// A user of the operating system.
struct SystemUser: Sendable, Hashable {
  var name: String
  var uid: uid_t
  var gid: gid_t

  /// The user this process acts as.
  static func current() -> SystemUser {
    let uid = geteuid()
    return find(uid: uid) ?? SystemUser(name: "#\(uid)", uid: uid, gid: getegid())
  }

  static func find(uid: uid_t) -> SystemUser? {
    read { getpwuid_r(uid, $0, $1, $2, $3) }
  }

  static func find(name: String) -> SystemUser? {
    read { getpwnam_r(name, $0, $1, $2, $3) }
  }

  private static func read(
    _ call: (
      UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
      UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32
  ) -> SystemUser? {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16_384) { text in
      guard let base = text.baseAddress, call(&entry, base, text.count, &found) == 0, found != nil,
        let name = entry.pw_name
      else { return nil }
      return SystemUser(name: String(cString: name), uid: entry.pw_uid, gid: entry.pw_gid)
    }
  }
}

/// A program to run, with everything it sees.
package struct ChildProcess: Sendable {
  /// The absolute path of the program.
  package var executable: String
  /// Its arguments, without its name.
  package var arguments: [String]
  /// Its whole environment.
  package var environment: [String: String]
  /// Its working directory.
  package var directory: String

  /// Describes a child; starts nothing.
  package init(
    _ executable: String, _ arguments: [String], environment: [String: String] = ChildProcess.bareEnvironment,
    directory: String = "/"
  ) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
    self.directory = directory
  }

  /// What a server program needs, and nothing of the caller's `PG…` or locale variables.
  package static let bareEnvironment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"]

  /// The same program as another user; unchanged when this process is that user.
  func dropping(to user: SystemUser) -> ChildProcess {
    guard geteuid() != user.uid else { return self }
    return ChildProcess(
      "/usr/bin/setpriv",
      ["--reuid=\(user.uid)", "--regid=\(user.gid)", "--init-groups", "--", executable] + arguments,
      environment: environment, directory: directory)
  }

  /// Starts the child. The descriptors given are numbered 3 and above, so that none overwrites another.
  ///
  /// - Parameters:
  ///   - input: its standard input; `/dev/null` when nil.
  ///   - output: its standard output and, without `errors`, its standard error.
  ///   - kept: a descriptor it inherits as number 3 and keeps open as long as it lives.
  /// - Returns: its process id; the caller reaps it.
  /// - Throws: the error number of the call.
  package func start(
    input: Int32? = nil, output: Int32, errors: Int32? = nil, kept: Int32? = nil
  ) throws(SpawnFailure) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, errors ?? output, 2)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    if let kept { posix_spawn_file_actions_adddup2(&actions, kept, 3) }
    // Whatever else this process has open, a lock or a pipe of its caller, must not live on in a server.
    for number in FileSystem.names(in: "/proc/self/fd").compactMap({ Int32($0) }) where number > (kept == nil ? 2 : 3) {
      posix_spawn_file_actions_addclose(&actions, number)
    }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | Self.newSessionFlag))

    var pid: pid_t = 0
    // env changes the directory, which posix_spawn of older C libraries cannot, and executes in place.
    let program = "/usr/bin/env"
    let status = withCStrings([program, "-C", directory, executable] + arguments) { argv in
      withCStrings(environment.map { "\($0)=\($1)" }) { envp in
        posix_spawn(&pid, program, &actions, &attributes, argv, envp)
      }
    }
    guard status == 0 else { throw SpawnFailure(executable: executable, errorNumber: status) }
    return pid
  }

  /// Waits for a child of this process, blocking the thread.
  ///
  /// - Returns: its exit status, or 128 + the signal that ended it.
  package static func wait(for pid: Int32) -> Int {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 {
      guard errno == EINTR else { return 255 }
    }
    return exitStatus(status)
  }

  /// Reads the status word of `waitpid`.
  package static func exitStatus(_ status: Int32) -> Int {
    let signal = Int(status & 0x7f)
    return signal == 0 ? Int((status >> 8) & 0xff) : 128 + signal
  }

  /// POSIX_SPAWN_SETSID of <spawn.h>, which the importer does not see.
  private static let newSessionFlag: Int32 = 0x80
}

/// A child that could not be started.
package struct SpawnFailure: Error, Sendable, CustomStringConvertible {
  /// The program.
  package var executable: String
  /// The error number of `posix_spawn`.
  package var errorNumber: Int32

  package var description: String { "cannot run \(executable): \(String(cString: strerror(errorNumber)))" }
}

/// Lends a null-terminated vector of C strings.
private func withCStrings<R>(
  _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
) -> R {
  let copies = strings.map { strdup($0) }
  defer { for copy in copies { free(copy) } }
  return withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<CChar>?.self, capacity: copies.count + 1) { vector in
    for (index, copy) in copies.enumerated() { vector.initializeElement(at: index, to: copy) }
    vector.initializeElement(at: copies.count, to: nil)
    return body(vector.baseAddress.unsafelyUnwrapped)
  }
}
