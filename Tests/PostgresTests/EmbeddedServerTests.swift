// The embedded server, live: its life, its users, and where it lies.
// Each test has a cluster of its own; only the last one touches the cluster that the other rooms' tests share.

import Glibc
import TestSupport
import Testing

@testable import Postgres

@Suite struct EmbeddedServerTests {
  @Test func serverIsMadeUsedAndStoppedByItsLastUser() async throws {
    try await withServer { server in
      #expect(server.status() == .stopped)
      let first = try await server.acquire()
      let second = try await server.acquire()
      #expect(first.url == second.url)
      #expect(try await Psql.run(["select current_user, current_database()"], at: first.url) == "daybook|daybook\n")
      await first.release()
      await first.release()
      #expect(server.runningURL == second.url)
      await second.release()
      #expect(server.status() == .stopped)
    }
  }

  @Test func whatWasCommittedIsThereAfterAStopAndAStart() async throws {
    try await withServer { server in
      let first = try await server.acquire()
      try await Psql.run(["create table t (a int)", "insert into t values (42)"], at: first.url)
      await first.release()
      let second = try await server.acquire()
      #expect(try await Psql.run(["select a from t"], at: second.url) == "42\n")
      await second.release()
    }
  }

  @Test func manyWhoStartAtOnceShareOneServer() async throws {
    try await withServer { server in
      let urls = try await withThrowingTaskGroup(of: (EmbeddedServerLease).self) { group in
        for _ in 0..<8 { group.addTask { try await server.acquire() } }
        var leases: [EmbeddedServerLease] = []
        for try await lease in group { leases.append(lease) }
        for lease in leases {
          #expect(server.runningURL == lease.url)
          await lease.release()
        }
        return Set(leases.map(\.url))
      }
      #expect(urls.count == 1)
      #expect(server.status() == .stopped)
    }
  }

  @Test func serverOutlivesItsLastUserOnlyWhileItIsKept() async throws {
    try await withServer { server in
      let url = try await server.start()
      let lease = try await server.acquire()
      #expect(lease.url == url)
      await lease.release()
      #expect(server.runningURL == url)
      #expect(try await server.stop())
      #expect(server.status() == .stopped)
      #expect(try await server.stop() == false)
      try await server.acquire().release()
      #expect(server.status() == .stopped)
    }
  }

  @Test func stopUnderAnotherUserIsRefusedUnlessForced() async throws {
    try await withServer { server in
      let lease = try await server.acquire()
      let refusal = await #expect(throws: EmbeddedServerError.self) { try await server.stop() }
      #expect(refusal?.kind == .inUse)
      #expect(server.runningURL == lease.url)
      #expect(try await server.stop(force: true))
      #expect(server.status() == .stopped)
      await lease.release()
    }
  }

  @Test func anotherProcessKeepsTheServerUntilItEndsHoweverItEnds() async throws {
    try await withServer { server in
      try await server.acquire().release()
      let home = try #require(try server.places.existingHome(of: server.stateDirectory))
      let other = try await SleepingProcess.start(of: home.users)
      try await server.acquire().release()
      #expect(server.status() != .stopped)
      kill(other.pid, SIGKILL)
      other.waitForEnd()
      try await server.acquire().release()
      #expect(server.status() == .stopped)
    }
  }

  @Test func onlyTheOwnerReachesTheSocketAndNoNetworkIsListenedOn() async throws {
    try await withServer(durability: .durable, fromTemplate: false) { server in
      let lease = try await server.acquire()
      let socket = try await Psql.run(["show unix_socket_directories"], at: lease.url)
      let directory = socket.trimmed("\"\n")
      let identity = try #require(FileSystem.ownIdentity(directory))
      #expect(identity.mode & 0o7777 == 0o700)
      #expect(try await Psql.run(["show listen_addresses"], at: lease.url) == "\n")
      let settings = try await Psql.run(
        [
          "show fsync", "show full_page_writes", "show synchronous_commit", "show data_checksums",
          "show server_encoding",
        ],
        at: lease.url)
      #expect(settings == "on\non\non\non\nUTF8\n")
      #expect(
        try await Psql.run(["select datcollate from pg_database where datname = 'daybook'"], at: lease.url)
          == "C.UTF-8\n")
      // Peer authentication: the operating system's user decides, not what a client calls itself.
      await #expect(throws: TestSupportError.self) {
        try await Psql.run(["select 1"], at: lease.url.replacing("user=daybook", with: "user=somebody"))
      }
      await lease.release()
    }
  }

  @Test func everyTestHasADatabaseOfItsOwn() async throws {
    try await TestDatabase.withDatabase { first in
      try await TestDatabase.withDatabase { second in
        try await first.psql("create table t (a int)", "insert into t values (1)")
        #expect(try await first.psql("select count(*) from pg_class where relname = 't'") == "1\n")
        #expect(try await second.psql("select count(*) from pg_class where relname = 't'") == "0\n")
      }
    }
  }
}

/// A process that only waits, perhaps with a lock, until it is killed.
struct SleepingProcess {
  let pid: Int32

  /// Holds a lock on a file, as another daybook process would; returns once it has it.
  static func start(holding lock: String = "-s", of path: String, seconds: String = "300") async throws
    -> SleepingProcess
  {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    let child = ChildProcess(
      "/usr/bin/flock", [lock, "-F", path, "/bin/sh", "-c", "echo ready; exec sleep \(seconds)"])
    let pid = try child.start(output: ends[1])
    close(ends[1])
    var byte: UInt8 = 0
    try #require(read(ends[0], &byte, 1) == 1)
    close(ends[0])
    return SleepingProcess(pid: pid)
  }

  /// Waits as a user.
  static func start(as user: SystemUser) throws -> SleepingProcess {
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(null) }
    return SleepingProcess(pid: try ChildProcess("/bin/sleep", ["300"]).dropping(to: user).start(output: null))
  }

  var isAlive: Bool { kill(pid, 0) == 0 }

  func waitForEnd() { _ = ChildProcess.wait(for: pid) }

  func end() {
    kill(pid, SIGKILL)
    waitForEnd()
  }
}

extension EmbeddedServer {
  var runningURL: String? {
    if case .running(_, let url) = status() { url } else { nil }
  }

  var runningPID: Int32? {
    if case .running(let pid, _) = status() { pid } else { nil }
  }
}

extension String {
  /// Without the given characters at both ends.
  func trimmed(_ characters: String) -> String {
    String(drop { characters.contains($0) }.reversed().drop { characters.contains($0) }.reversed())
  }
}

/// A cluster that is made once and copied, which takes a tenth of the time of making one.
actor TemplateCluster {
  static let shared = TemplateCluster()
  private var source: Task<String, any Error>?

  func copy(to server: EmbeddedServer) async throws {
    let source =
      self.source
      ?? Task {
        // Lies with the shared cluster, so that it is removed with it.
        let state = try await TestDatabase.clusterDirectory() + "/template"
        let server = EmbeddedServer(stateDirectory: state, durability: .throwaway)
        try await server.acquire().release()
        return state
      }
    self.source = source
    let state = try await source.value
    try FileSystem.makeDirectories(server.stateDirectory, mode: 0o711)
    let copy = ChildProcess("/bin/cp", ["-a", state + "/postgres", server.stateDirectory + "/postgres"])
    let outcome = try await ProgramRun.run(copy, timeout: .seconds(300))
    try #require(outcome.status == 0, "\(outcome.stderr)")
  }
}

/// Clusters cost processor time; more at once would only make each slower.
private let clusterPermits = Permits(3)

/// Lends a server with a cluster of its own and removes everything afterwards.
func withServer<R>(
  durability: EmbeddedServer.Durability = .throwaway, places: EmbeddedServerPlaces = EmbeddedServerPlaces(),
  limits: EmbeddedServerLimits = EmbeddedServerLimits(), mode: UInt32 = 0o711, depth: Int = 0,
  fromTemplate: Bool = true,
  _ body: (EmbeddedServer) async throws -> R
) async throws -> R {
  await clusterPermits.take()
  defer { Task { await clusterPermits.give() } }
  return try await TemporaryDirectory.with(mode: mode) { directory in
    let deep = String(repeating: "/a-long-name", count: depth)
    let server = EmbeddedServer(
      stateDirectory: directory.path + deep + "/.daybook", durability: durability, places: places, limits: limits)
    if fromTemplate { try await TemplateCluster.shared.copy(to: server) }
    let outcome: Result<R, any Error>
    do { outcome = .success(try await body(server)) } catch { outcome = .failure(error) }
    try await server.stop(force: true)
    return try outcome.get()
  }
}
