// Where a cluster lies, and who runs it.
// Normally `<project>/.daybook/postgres`. Started by root, the server runs as the user `postgres`; where that user cannot
// reach the project, the cluster lies in `/var/lib/daybook/<hash of the path>` and `.daybook/server.location` names it.
// Invariant: the home belongs to the server's user with mode 0700, and everything about one cluster, its locks too, lies
// in its home, so two projects can never work on one cluster under different locks.

internal import Glibc

/// The directory of one cluster.
struct EmbeddedServerHome: Sendable, Hashable {
  var path: String
  /// Whom the server runs as.
  var user: SystemUser

  var data: String { path + "/data" }
  /// A cluster in the making; renamed to `data` when it is whole.
  var draft: String { path + "/data.partial" }
  /// Says that `data` was whole once, so that a cluster whose data went missing is not taken for a new one.
  var made: String { path + "/made" }
  var log: String { path + "/server.log" }
  /// Held while the server is made, started or stopped.
  var lock: String { path + "/lock" }
  /// Held shared by every user.
  var users: String { path + "/users" }
  /// Held by the processes of the server themselves, inherited, as long as one of them lives.
  var alive: String { path + "/alive" }
  /// Its presence keeps the server running after its last user.
  var kept: String { path + "/kept" }
  /// The state directory this cluster belongs to.
  var project: String { path + "/project" }
  var pidFile: String { data + "/postmaster.pid" }
}

/// Where clusters and sockets may lie on this machine.
struct EmbeddedServerPlaces: Sendable {
  /// Holds clusters of projects that the server's user cannot reach.
  var fallbackDirectory = "/var/lib/daybook"
  /// Hold socket directories whose own path would be too long, best first; `nil` user directories are left out.
  var socketDirectories = ["/run/daybook", "/tmp/daybook-sockets"]
  /// The user a server started by root runs as.
  var serverUserName = "postgres"

  /// A unix socket's path has 107 bytes on Linux.
  static let socketPathLimit = 107
}

extension EmbeddedServerPlaces {
  /// Finds the cluster of a state directory.
  ///
  /// - Returns: nil when none was made yet.
  func existingHome(of stateDirectory: String) throws(EmbeddedServerError) -> EmbeddedServerHome? {
    let pointer = stateDirectory + "/server.location"
    if let text = FileSystem.read(pointer, limit: 4_096) {
      let path = String(text.prefix { $0 != "\n" })
      guard path.hasPrefix(fallbackDirectory + "/"), !path.dropFirst(fallbackDirectory.count + 1).contains("/") else {
        throw EmbeddedServerError(
          .files, "\(pointer) names \(path), which is not a directory in \(fallbackDirectory)", fix: "remove it")
      }
      guard FileSystem.exists(path), try belongs(path, to: stateDirectory) else { return nil }
      return try home(at: path)
    }
    let beside = stateDirectory + "/postgres"
    return FileSystem.exists(beside) ? try home(at: beside) : nil
  }

  /// Finds the cluster's home, or makes one that the server's user can reach.
  func makeHome(for stateDirectory: String) throws(EmbeddedServerError) -> EmbeddedServerHome {
    if let home = try existingHome(of: stateDirectory) { return home }
    let user = try serverUser()
    let caller = SystemUser.current()
    if !FileSystem.exists(stateDirectory) {
      // 0711: the server's user passes through, and nobody else can list what lies there.
      try FileSystem.makeDirectories(stateDirectory, mode: geteuid() == 0 ? 0o711 : 0o755)
    }
    let guardian = try ServerFile(stateDirectory + "/server.lock", owner: caller)
    defer { guardian.unlock() }
    try guardian.lock(LOCK_EX, within: .seconds(60), what: "chooses where the cluster lies")
    if let home = try existingHome(of: stateDirectory) { return home }

    let beside = EmbeddedServerHome(path: stateDirectory + "/postgres", user: user)
    if try makeReachable(beside) { return beside }

    try FileSystem.makeDirectories(fallbackDirectory, mode: 0o755)
    let resolved = FileSystem.resolve(stateDirectory) ?? stateDirectory
    var away = EmbeddedServerHome(path: "\(fallbackDirectory)/\(Self.hash(resolved))", user: user)
    // A cluster of that name can be another project's, which was made at this path and has moved since.
    while let other = FileSystem.read(away.project, limit: 4_096), other != resolved + "\n" {
      away.path = "\(fallbackDirectory)/\(Self.hash(away.path))"
    }
    guard try makeReachable(away) else {
      throw EmbeddedServerError(
        .files, "the user \(user.name), who runs the server, can reach neither \(beside.path) nor \(away.path)",
        fix: "put the project where \(user.name) may pass, or set DATABASE_URL")
    }
    try FileSystem.replace(away.project, with: resolved + "\n", owner: user)
    try FileSystem.replace(stateDirectory + "/server.location", with: away.path + "\n", owner: caller)
    FileSystem.syncDirectory(stateDirectory)
    return away
  }

  /// Whether a cluster kept elsewhere is this project's: it was made for this path, or its project has moved here.
  private func belongs(_ path: String, to stateDirectory: String) throws(EmbeddedServerError) -> Bool {
    guard let recorded = FileSystem.read(path + "/project", limit: 4_096) else { return true }
    let owner = String(recorded.prefix { $0 != "\n" })
    let here = FileSystem.resolve(stateDirectory) ?? stateDirectory
    if owner == here { return true }
    // A copy of a project must not work on the original's data.
    guard !FileSystem.exists(owner + "/server.location") else { return false }
    guard let user = FileSystem.ownIdentity(path).flatMap({ SystemUser.find(uid: $0.owner) }) else { return true }
    try FileSystem.replace(path + "/project", with: here + "\n", owner: user)
    return true
  }

  /// Makes the home, or finds it, and tries whether the server's user gets there.
  private func makeReachable(_ home: EmbeddedServerHome) throws(EmbeddedServerError) -> Bool {
    let made: Bool
    do throws(EmbeddedServerError) {
      made = try FileSystem.makeDirectory(home.path, mode: 0o700, owner: home.user)
    } catch {
      // A file system that cannot give a directory away (a share, a mapped volume) is as good as out of reach.
      guard geteuid() == 0, error.kind == .files else { throw error }
      rmdir(home.path)
      return false
    }
    guard geteuid() == 0, home.user.uid != 0 else { return true }
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(null) }
    let probe = ChildProcess("/usr/bin/test", ["-w", home.path, "-a", "-x", home.path]).dropping(to: home.user)
    let reached = try probe.startOrExplain(output: null)
    guard ChildProcess.wait(for: reached) != 0 else { return true }
    if made { rmdir(home.path) }
    return false
  }

  /// The user a new server runs as.
  private func serverUser() throws(EmbeddedServerError) -> SystemUser {
    guard geteuid() == 0 else { return .current() }
    guard let user = SystemUser.find(name: serverUserName) else {
      throw EmbeddedServerError(
        .notInstalled, "started by root, the server runs as the user \(serverUserName), which does not exist",
        fix: EmbeddedServerPrograms.installLine)
    }
    return user
  }

  /// An existing home, run by whoever owns it.
  private func home(at path: String) throws(EmbeddedServerError) -> EmbeddedServerHome {
    guard let identity = FileSystem.ownIdentity(path), identity.isDirectory else {
      throw EmbeddedServerError(.files, "\(path) is not a directory", fix: "remove it")
    }
    let user = SystemUser.find(uid: identity.owner)
    let name = user?.name ?? "#\(identity.owner)"
    if geteuid() == 0 {
      guard let user, user.uid != 0 else {
        throw EmbeddedServerError(
          .files, "the cluster in \(path) belongs to \(name), and PostgreSQL does not run as that user",
          fix: "chown -R \(serverUserName): \(path)")
      }
      return EmbeddedServerHome(path: path, user: user)
    }
    guard let user, user.uid == geteuid() else {
      throw EmbeddedServerError(
        .files, "the cluster in \(path) belongs to \(name), not to \(SystemUser.current().name)",
        fix: "run this as root or as \(name), or set DATABASE_URL")
    }
    return EmbeddedServerHome(path: path, user: user)
  }

  /// Finds the directory for the socket: in the home, or a short one elsewhere that nobody else can have prepared.
  func makeSocketDirectory(for home: EmbeddedServerHome) throws(EmbeddedServerError) -> String {
    let name = "/.s.PGSQL.\(EmbeddedServerSettings.port)"
    let own = home.path + "/socket"
    if (own + name).utf8.count <= Self.socketPathLimit {
      try FileSystem.makeDirectory(own, mode: 0o700, owner: home.user)
      return own
    }
    var refusal: EmbeddedServerError?
    for base in socketDirectories {
      // One parent per user: a parent that anybody may write to would let others take the names in it.
      let parent = "\(base)-\(home.user.uid)"
      let directory = "\(parent)/\(Self.hash(home.path))"
      guard (directory + name).utf8.count <= Self.socketPathLimit else { continue }
      do throws(EmbeddedServerError) {
        for path in [parent, directory] {
          try FileSystem.makeDirectory(path, mode: 0o700, owner: home.user)
          guard let found = FileSystem.ownIdentity(path), found.isDirectory, found.owner == home.user.uid,
            found.mode & 0o077 == 0
          else {
            throw EmbeddedServerError(
              .files, "\(path) is not a directory that only \(home.user.name) can use", fix: "remove it")
          }
        }
        return directory
      } catch {
        refusal = error
      }
    }
    throw refusal
      ?? EmbeddedServerError(
        .files, "\(own) is too long for a unix socket, and there is no shorter place", fix: "move the project")
  }

  /// Sixteen hexadecimal digits that follow from a path (FNV-1a, 64 bits).
  static func hash(_ path: String) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in path.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
