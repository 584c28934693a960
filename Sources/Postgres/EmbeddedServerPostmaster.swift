// Starting and stopping the server process of one home, and telling what runs there.
// Invariant: every function that changes something is called with the home's `lock` held. The server's processes inherit
// the lock on `alive`; as long as one of them lives, in whatever container, nobody starts a second server on the data.
// A process is this cluster's only if its working directory is the data directory: process ids are used again.
// Readiness and the end are looked for every two milliseconds in the pid file, instead of pg_ctl's tenths of a second.

internal import Glibc

/// What postmaster.pid says.
struct PostmasterFile: Sendable, Hashable {
  enum State: Sendable, Hashable { case starting, ready, stopping }

  var pid: pid_t
  var socketDirectory: String
  var state: State

  /// Reads the text of the file; nil while it is not written far enough.
  init?(_ text: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let first = lines.first, let pid = pid_t(first), pid > 0 else { return nil }
    self.pid = pid
    socketDirectory = lines.count > 4 ? String(lines[4]) : ""
    switch lines.count > 7 ? lines[7].prefix(while: { $0 != " " }) : "" {
    case "ready", "standby": state = .ready
    case "stopping": state = .stopping
    default: state = .starting
    }
  }
}

/// How long the server is waited for.
struct EmbeddedServerLimits: Sendable {
  var lock: Duration = .seconds(360)
  var start: Duration = .seconds(300)
  var stop: Duration = .seconds(120)
  /// What processes of a dead postmaster get to notice it by themselves.
  var orphan: Duration = .seconds(1)
  var logBytes = 4 << 20
  var logTailLines = 12
}

/// The server process of one home.
struct EmbeddedServerPostmaster: Sendable {
  var home: EmbeddedServerHome
  var places: EmbeddedServerPlaces
  var durability: EmbeddedServer.Durability
  var limits = EmbeddedServerLimits()

  /// The live server of this cluster, whatever state it is in.
  func running() -> PostmasterFile? {
    guard let text = FileSystem.read(home.pidFile, limit: 1_024), let file = PostmasterFile(text), owns(file.pid) else {
      return nil
    }
    return file
  }

  /// Makes the cluster and starts the server, or waits for the one that starts already.
  ///
  /// - Returns: its URL, once it takes connections.
  func ensureRunning() throws(EmbeddedServerError) -> String {
    var launched: (pid: pid_t, logOffset: Int)?
    let begun = ContinuousClock.now
    while true {
      if let server = running() {
        if server.state == .ready { return EmbeddedServerSettings.url(socketDirectory: server.socketDirectory) }
      } else if let child = launched {
        if hasEnded(child.pid) { throw startFailure(since: child.logOffset) }
      } else if let alive = try takeOver() {
        try initializeIfNeeded(holding: alive)
        launched = try launch(holding: alive)
      }
      guard ContinuousClock.now - begun < limits.start else {
        throw EmbeddedServerError(
          .timeout, "the server in \(home.path) does not take connections after \(limits.start)",
          fix: "after a crash it may still be reading its log: wait and run again", logTail: logTail())
      }
      usleep(2_000)
    }
  }

  /// Stops the server as pg_ctl's fast mode does: sessions are ended, everything is written. Afterwards no process works
  /// in the data directory, not even one that a dead server left.
  ///
  /// - Returns: whether a server was running.
  func stop() throws(EmbeddedServerError) -> Bool {
    while true {
      if let server = running() {
        try stop(server)
        return true
      }
      if !FileSystem.exists(home.data) { return false }
      if try takeOver() != nil { return false }
    }
  }

  private func stop(_ server: PostmasterFile) throws(EmbeddedServerError) {
    for step in [(signal: SIGINT, wait: limits.stop), (signal: SIGQUIT, wait: .seconds(10))] {
      guard kill(server.pid, step.signal) == 0 || errno == ESRCH else {
        throw .files("send a signal to process", "\(server.pid)", errno)
      }
      let deadline = ContinuousClock.now + step.wait
      while ContinuousClock.now < deadline {
        if !owns(server.pid) {
          // A child of this process leaves its status behind; for another's child this is no more than an error.
          waitpid(server.pid, nil, 0)
          return
        }
        usleep(1_000)
      }
    }
    throw EmbeddedServerError(
      .stopFailed, "the server in \(home.path), process \(server.pid), does not stop",
      fix: "kill -9 \(server.pid); nothing committed is lost", logTail: logTail())
  }

  // MARK: - Left-overs

  /// Clears what a dead server left, and takes the lock that its processes held.
  ///
  /// A dead postmaster's processes, and an initdb whose caller was killed, get a moment to end by themselves. Processes
  /// of the server that can be seen are then told to, which loses nothing committed.
  ///
  /// - Returns: nil when a server runs after all: one whose starter was killed writes its pid file late.
  private func takeOver() throws(EmbeddedServerError) -> ServerFile? {
    let alive = try ServerFile(home.alive, owner: home.user)
    let begun = ContinuousClock.now
    while true {
      if running() != nil { return nil }
      let isFree = alive.tryLock(LOCK_EX)
      // Without a pid file and with the lock there was an orderly end; then no process needs to be looked for.
      let orphans = isFree && !FileSystem.exists(home.pidFile) ? [] : orphans()
      if isFree && orphans.isEmpty { break }
      let waited = ContinuousClock.now - begun
      if waited > limits.orphan {
        for pid in orphans { kill(pid, waited > limits.orphan * 3 ? SIGKILL : SIGQUIT) }
      }
      guard waited < limits.orphan * 15 else { throw takeOverFailure(orphans) }
      usleep(5_000)
    }
    unlink(home.pidFile)
    return alive
  }

  private func takeOverFailure(_ orphans: [pid_t]) -> EmbeddedServerError {
    let list = orphans.map(String.init).joined(separator: " ")
    return orphans.isEmpty
      ? EmbeddedServerError(
        .startFailed, "a server of the cluster in \(home.path) runs where this process cannot see it",
        fix: "stop it in its own container (it holds \(home.alive))")
      : EmbeddedServerError(
        .startFailed, "processes of a dead server still hold \(home.data): \(list)", fix: "kill -9 \(list)")
  }

  /// Processes named postgres that work in the data directory.
  private func orphans() -> [pid_t] {
    FileSystem.names(in: "/proc").compactMap { pid_t($0) }.filter { pid in
      owns(pid) && FileSystem.read("/proc/\(pid)/comm", limit: 64) == "postgres\n"
    }
  }

  /// Whether a process lives in this data directory. Its children that have ended are none.
  private func owns(_ pid: pid_t) -> Bool {
    guard let there = FileSystem.identity("/proc/\(pid)/cwd"), let here = FileSystem.identity(home.data) else {
      return false
    }
    return there.isSameFile(as: here)
  }

  /// Whether a process is gone; reaps it when it is this process's child.
  private func hasEnded(_ pid: pid_t) -> Bool {
    var status: Int32 = 0
    let answer = waitpid(pid, &status, WNOHANG)
    if answer == pid { return true }
    return answer < 0 && kill(pid, 0) != 0 && errno == ESRCH
  }

  // MARK: - Making and launching

  /// Makes the cluster in a draft directory and gives it its name when it is whole, so that a half-made one is never run.
  private func initializeIfNeeded(holding alive: ServerFile) throws(EmbeddedServerError) {
    if FileSystem.exists(home.data) {
      // Clusters made before the mark was kept get theirs now.
      if !FileSystem.exists(home.made) { try FileSystem.replace(home.made, with: home.data + "\n", owner: home.user) }
      return
    }
    // An empty database in the place of a lost one would begin to load as if nothing had ever been there.
    guard !FileSystem.exists(home.made) else {
      throw EmbeddedServerError(
        .files, "the database in \(home.data) is gone; nothing was made in its place",
        fix: "put the directory back; or, to begin with an empty database: rm \(home.made)")
    }
    let programs = try EmbeddedServerPrograms.find()
    if let free = FileSystem.freeBytes(at: home.path), free < 80 << 20 { throw .diskFull(at: home.path) }
    try removeTree(home.draft)
    let log = try openLog()
    let offset = FileSystem.size(home.log)

    var arguments = [
      "--pgdata=\(home.draft)", "--username=\(EmbeddedServerSettings.role)", "--encoding=UTF8", "--locale=C.UTF-8",
      "--data-checksums", "--auth-local=peer", "--auth-host=reject", "--no-instructions", "--no-sync",
    ]
    try run(ChildProcess(programs.initdb, arguments), output: log, kept: alive, since: offset)
    try writeSettings(into: home.draft, socketDirectory: home.path)
    try createDatabase(programs: programs, output: log, kept: alive, since: offset)
    if durability == .durable {
      arguments = ["--pgdata=\(home.draft)", "--sync-only"]
      try run(ChildProcess(programs.initdb, arguments), output: log, kept: alive, since: offset)
    }
    guard rename(home.draft, home.data) == 0 else { throw .files("rename", home.draft, errno) }
    try FileSystem.replace(home.made, with: home.data + "\n", owner: home.user)
    FileSystem.syncDirectory(home.path)
  }

  /// Makes the project's database in a server without a socket, before anybody can connect.
  private func createDatabase(
    programs: EmbeddedServerPrograms, output: ServerFile, kept: ServerFile, since offset: Int
  ) throws(EmbeddedServerError) {
    let statements = "CREATE DATABASE \(EmbeddedServerSettings.database);\n"
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .files("make a pipe for", programs.postgres, errno) }
    // A child that another task starts now must not keep the end that this server waits for.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let input = ends[0]
    defer { close(input) }
    // Fits the pipe's buffer, so it is there before the server reads.
    _ = statements.withCString { write(ends[1], $0, strlen($0)) }
    close(ends[1])
    let child = ChildProcess(
      programs.postgres, ["--single", "-D", home.draft, "-c", "fsync=off", "template1"])
    try run(child, input: input, output: output, kept: kept, since: offset)
    guard !logTail(since: offset).contains(where: { $0.contains("ERROR:") }) else {
      throw failure(.initializationFailed, "the database could not be made in \(home.path)", since: offset)
    }
  }

  private func run(
    _ child: ChildProcess, input: Int32? = nil, output: ServerFile, kept: ServerFile? = nil, since offset: Int
  ) throws(EmbeddedServerError) {
    let pid = try child.dropping(to: home.user).startOrExplain(
      input: input, output: output.number, kept: kept?.number)
    let status = ChildProcess.wait(for: pid)
    guard status == 0 else {
      throw failure(
        .initializationFailed,
        "the cluster in \(home.path) could not be made: \(child.executable) ended with \(status)",
        since: offset)
    }
  }

  /// Starts the postmaster; it takes the lock on `alive` with it.
  private func launch(holding alive: ServerFile) throws(EmbeddedServerError) -> (pid: pid_t, logOffset: Int) {
    let version = FileSystem.read(home.data + "/PG_VERSION", limit: 16).flatMap { Int($0.prefix { $0.isNumber }) }
    let programs = try EmbeddedServerPrograms.find(version: version)
    let socketDirectory = try places.makeSocketDirectory(for: home)
    // A stale socket's lock file can name a process id that is somebody else's by now; the server would give up.
    for name in FileSystem.names(in: socketDirectory) where name.hasPrefix(".s.PGSQL.") {
      unlink("\(socketDirectory)/\(name)")
    }
    try writeSettings(into: home.data, socketDirectory: socketDirectory)
    if FileSystem.size(home.log) > limits.logBytes { rename(home.log, home.log + ".1") }
    let log = try openLog()
    let offset = FileSystem.size(home.log)
    let pid = try ChildProcess(programs.postgres, ["-D", home.data]).dropping(to: home.user)
      .startOrExplain(output: log.number, kept: alive.number)
    return (pid, offset)
  }

  /// Writes the three settings files where they differ.
  private func writeSettings(into data: String, socketDirectory: String) throws(EmbeddedServerError) {
    let settings = EmbeddedServerSettings.forThisMachine(durability: durability, socketDirectory: socketDirectory)
    let files = [
      ("postgresql.conf", settings.configuration), ("pg_hba.conf", settings.access),
      ("pg_ident.conf", EmbeddedServerSettings.identities(owner: home.user.name)),
    ]
    for (name, text) in files where FileSystem.read("\(data)/\(name)") != text {
      try FileSystem.replace("\(data)/\(name)", with: text, owner: home.user)
    }
  }

  private func openLog() throws(EmbeddedServerError) -> ServerFile {
    try ServerFile(home.log, flags: O_WRONLY | O_CREAT | O_APPEND, owner: home.user)
  }

  /// Removes a tree as the user it belongs to, so that root's hand is not lent to a link inside.
  private func removeTree(_ path: String) throws(EmbeddedServerError) {
    guard FileSystem.ownIdentity(path) != nil else { return }
    let log = try openLog()
    try run(ChildProcess("/bin/rm", ["-rf", "--", path]), output: log, since: FileSystem.size(home.log))
  }

  // MARK: - Explaining

  /// The last lines of the server's log.
  func logTail(since offset: Int = 0) -> [String] {
    let start = max(offset, FileSystem.size(home.log) - 16_384)
    guard let text = FileSystem.read(home.log, from: start) else { return [] }
    return text.split(separator: "\n").suffix(limits.logTailLines).map(String.init)
  }

  private func startFailure(since offset: Int) -> EmbeddedServerError {
    failure(.startFailed, "the server in \(home.path) did not start", since: offset)
  }

  private func failure(_ kind: EmbeddedServerError.Kind, _ message: String, since offset: Int) -> EmbeddedServerError {
    .explaining(kind, message, log: logTail(since: offset), path: home.path, logPath: home.log)
  }
}

extension EmbeddedServerError {
  /// A failure of a server program, told by what it wrote.
  static func explaining(
    _ kind: Kind, _ message: String, log: [String], path: String, logPath: String
  ) -> EmbeddedServerError {
    if log.contains(where: { $0.contains("No space left on device") || $0.contains("Disk quota exceeded") }) {
      return .diskFull(at: path, logTail: log)
    }
    return EmbeddedServerError(kind, message, fix: "read \(logPath)", logTail: log)
  }
}

extension ChildProcess {
  /// Starts the child; an error says which program is missing.
  func startOrExplain(
    input: Int32? = nil, output: Int32, kept: Int32? = nil
  ) throws(EmbeddedServerError) -> pid_t {
    do {
      return try start(input: input, output: output, kept: kept)
    } catch {
      throw EmbeddedServerError(.notInstalled, error.description, fix: EmbeddedServerPrograms.installLine)
    }
  }
}
