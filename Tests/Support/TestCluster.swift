// The throwaway cluster of a test process.
// Invariant: it is made once, when the first test asks, by the code that ships; a watcher process holds the read end of
// a pipe whose write end is this process, so however this process ends, the server is stopped and its files removed.
// What a lost watcher left (the machine went down) is removed by the next test process.

internal import FoundationEssentials
internal import Glibc
internal import Ledger
internal import Postgres

/// One cluster per test process.
actor TestCluster {
  static let shared = TestCluster()

  private var launch: Task<(url: String, directory: String), any Error>?
  private var made = 0

  /// The URL of the cluster's own database.
  func url() async throws -> String { try await launched().url }

  /// The directory that the watcher removes.
  func directory() async throws -> String { try await launched().directory }

  private func launched() async throws -> (url: String, directory: String) {
    let launch = self.launch ?? Task { try await Self.start() }
    self.launch = launch
    return try await launch.value
  }

  /// A name no other test of this process has.
  func nextName() -> String {
    made += 1
    return "test_\(made)"
  }

  private var ledgerTemplate: Task<String, any Error>?

  /// The name of a database that holds the ledger's schema and is only copied. A copy costs a third of making the schema.
  func templateWithLedger() async throws -> String {
    let template =
      ledgerTemplate
      ?? Task {
        let name = "with_ledger"
        try await administer("CREATE DATABASE \(name)")
        let ledger = LedgerStore(configuration: try PostgresConfiguration(url: Self.url(of: name, at: try await url())))
        try await ledger.open()
        await ledger.close()
        return name
      }
    ledgerTemplate = template
    return try await template.value
  }

  /// The URL of another database of the cluster.
  static func url(of name: String, at clusterURL: String) -> String {
    clusterURL.replacing("postgresql:///daybook?", with: "postgresql:///\(name)?")
  }

  private var administrators: PostgresPool?

  /// Runs a statement in the cluster's own database.
  func administer(_ statement: String) async throws {
    let url = try await url()
    let pool =
      try administrators
      ?? PostgresPool(configuration: PostgresConfiguration(url: url), settings: PoolSettings(min: 0, max: 4))
    administrators = pool
    try await pool.withConnection(label: "test cluster") { connection in
      _ = try await connection.execute(statement)
    }
  }

  private static let prefix = "daybook-cluster"
  private static let memory = "/dev/shm"

  /// Whether there is memory enough for the cluster to lie in it: hundreds of databases of a few hundred files each are
  /// made and removed, and a file system on a disk works longer on that.
  private static func hasRoomInMemory() -> Bool {
    var facts = statvfs()
    guard statvfs(memory, &facts) == 0, Int(facts.f_bavail) * Int(facts.f_frsize) >= 4 << 30 else { return false }
    let meminfo = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    let available = meminfo.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    return available?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0 >= 6 << 20
  }

  private static func start() async throws -> (url: String, directory: String) {
    for base in [TemporaryDirectory.base, memory] { await removeLeftovers(in: base) }
    let directory = try TemporaryDirectory(
      prefix: prefix, mode: 0o711, in: hasRoomInMemory() ? memory : TemporaryDirectory.base)
    let owner = open(directory.appending("owner"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard owner >= 0, flock(owner, LOCK_EX | LOCK_NB) == 0 else {
      throw TestSupportError("cannot lock \(directory.appending("owner"))")
    }
    try watch(directory.path)
    let server = EmbeddedServer(stateDirectory: directory.appending("state"), durability: .throwaway)
    // Kept, not leased: the watcher ends it, and no test may end it for the others.
    return (url: try await server.start(), directory: directory.path)
  }

  /// Starts the watcher. It reads the pipe until this process is gone, then ends the server and removes its files.
  private static func watch(_ directory: String) throws {
    let script = """
      read -r _
      read -r server < "$1/state/postgres/data/postmaster.pid" && kill -QUIT "$server"
      while [ -e "$1/state/postgres/data/postmaster.pid" ] && [ -d "/proc/$server" ]; do sleep 0.01; done
      rm -rf -- "$1"
      """
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0, fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0, fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 else {
      throw TestSupportError("cannot make a pipe: \(String(cString: strerror(errno)))")
    }
    let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
    defer {
      close(null)
      close(ends[0])
    }
    // The write end stays open, and unnamed, until the end of this process.
    _ = try ChildProcess("/bin/sh", ["-c", script, "sh", directory]).start(input: ends[0], output: null)
  }

  /// Stops and removes clusters of test processes that are gone.
  private static func removeLeftovers(in base: String) async {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
    for name in names where name.hasPrefix(prefix + "-") {
      let directory = "\(base)/\(name)"
      var state = stat()
      guard lstat(directory, &state) == 0, state.st_mode & S_IFMT == S_IFDIR, state.st_uid == geteuid() else {
        continue
      }
      let owner = open("\(directory)/owner", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
      guard owner >= 0 else { continue }
      defer { close(owner) }
      guard flock(owner, LOCK_EX | LOCK_NB) == 0 else { continue }
      _ = try? await EmbeddedServer(stateDirectory: "\(directory)/state", durability: .throwaway).stop(force: true)
      try? FileManager.default.removeItem(atPath: directory)
    }
  }
}

/// PostgreSQL's own client, for what must not depend on the code under test.
package enum Psql {
  /// Runs statements, each in its own transaction.
  ///
  /// - Returns: the rows, unaligned, columns separated by `|`.
  @discardableResult
  package static func run(_ statements: [String], at url: String) async throws -> String {
    let program = try EmbeddedServer.programsDirectory() + "/psql"
    let arguments =
      ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--dbname=\(url)"]
      + statements.flatMap { ["--command", $0] }
    let outcome = try await ProgramRun.run(
      ChildProcess(program, arguments, environment: ChildProcess.bareEnvironment), timeout: .seconds(300))
    guard outcome.status == 0 else {
      throw TestSupportError("psql ended with \(outcome.status): \(outcome.stderr)")
    }
    return outcome.stdout
  }
}
