// Connecting: hosts that never answer, names that do not resolve, several hosts, and what URLs mean.

import Glibc
import Postgres
import TestSupport
import Testing

@Suite struct ConnectTests {
  // The upper bound is wide: other tests share the threads that resume this one. Without a deadline of its own the
  // connect would never end at all.
  @Test(.timeLimit(.minutes(10))) func aHostThatAcceptsAndNeverAnswersTimesOut() async throws {
    let hole = try BlackHole()
    var configuration = try PostgresConfiguration(url: "postgresql://127.0.0.1:\(hole.port)/db")
    configuration.connectTimeout = .milliseconds(300)
    let began = ContinuousClock.now
    let error = await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(configuration) }
    let waited = began.duration(to: .now)
    #expect(error?.kind == .timeout)
    #expect(waited >= .milliseconds(300) && waited < .seconds(500), "waited \(waited)")
  }

  @Test func theNextHostIsTriedAfterOneThatNeverAnswers() async throws {
    try await TestDatabase.withDatabase { database in
      let hole = try BlackHole()
      let words = database.url.split { "?&".contains($0) }
      let socket = try #require(words.first { $0.hasPrefix("host=") }).dropFirst(5).replacing("%2F", with: "/")
      let port = words.first { $0.hasPrefix("port=") }?.dropFirst(5) ?? "5432"
      let name = try #require(database.url.split(separator: "///").last?.split(separator: "?").first)
      let user = words.first { $0.hasPrefix("user=") }.map { " \($0)" } ?? ""
      var configuration = try PostgresConfiguration(
        url: "host=127.0.0.1,\(socket) port=\(hole.port),\(port) dbname=\(name)\(user)")
      configuration.connectTimeout = .seconds(5)
      let connection = try await PostgresConnection.connect(configuration)
      try await expectUsable(connection)
      await connection.close()
    }
  }

  @Test func aProgramGetsThePasswordInItsEnvironmentAndNotOnItsCommandLine() throws {
    let configuration = try PostgresConfiguration(
      url: "postgresql://bob:S3cret@a:1,b:2/it's?sslmode=require", applicationName: "day book")
    let (connection, environment) = configuration.handedToProgram()
    #expect(environment == ["PGPASSWORD": "S3cret"])
    #expect(connection.contains("S3cret") == false)
    let again = try PostgresConfiguration(url: connection)
    #expect(again.redactedURL == "postgresql://bob@a:1,b:2/it's")
    #expect(connection.contains("sslmode='require'") && connection.contains("application_name='day book'"))
  }

  @Test func aRefusedPortIsUnreachable() async throws {
    let port = try BlackHole().port  // closed again at once
    let configuration = try PostgresConfiguration(url: "postgresql://me:opensesame@127.0.0.1:\(port)/db")
    let error = await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(configuration) }
    #expect(error?.kind == .unreachable)
    #expect(error?.isTransient == true)
    #expect(error?.message.contains("opensesame") == false)
  }

  @Test func aNameThatDoesNotResolveIsUnreachable() async throws {
    var configuration = try PostgresConfiguration(url: "postgresql://no-such-host.invalid/db")
    configuration.connectTimeout = .seconds(20)
    let error = await #expect(throws: PostgresError.self) { try await PostgresConnection.connect(configuration) }
    #expect(error?.kind == .unreachable)
    #expect(error?.message.contains("no-such-host.invalid") == true)
  }

  @Test func cancellingWhileConnectingEndsIt() async throws {
    let hole = try BlackHole()
    let configuration = try PostgresConfiguration(url: "postgresql://127.0.0.1:\(hole.port)/db")
    let task = Task { try await PostgresConnection.connect(configuration) }
    task.cancel()
    let error = await #expect(throws: PostgresError.self) { try await task.value }
    #expect(error?.kind == .cancelled)
  }

  @Test func aMissingDatabaseCarriesItsState() async throws {
    try await TestDatabase.withDatabase { database in
      let url = database.url.replacing("postgresql:///", with: "postgresql:///no_such_")
      let error = await #expect(throws: PostgresError.self) {
        try await PostgresConnection.connect(PostgresConfiguration(url: url))
      }
      #expect(error?.kind == .server)
      #expect(error?.sqlState == "3D000")
      #expect(error?.message.contains("LOCATION") == false)
    }
  }

  @Test(arguments: [
    ("postgresql://ada:secret@db.example:5433/books", "postgresql://ada:***@db.example:5433/books"),
    ("postgresql:///books?host=/run/pg&port=5433", "postgresql:///books?host=/run/pg&port=5433"),
    ("host=a,b port=1,2 dbname=books user=ada password=secret", "postgresql://ada:***@a:1,b:2/books"),
  ])
  func aURLIsShownWithoutItsPassword(url: String, shown: String) throws {
    let configuration = try PostgresConfiguration(url: url)
    #expect(configuration.redactedURL == shown)
    #expect("\(configuration)".contains("secret") == false)
  }

  @Test(arguments: ["postgresql://[::1", "secret", "host=a,b port=1,2,3", "postgresql://h/db?nonsense=secret"])
  func aURLThatCannotBeReadIsRefusedWithoutRepeatingIt(url: String) {
    let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(url: url) }
    #expect(error?.kind == .misuse)
    #expect(error?.message.contains("secret") == false)
  }
}

/// A port that accepts connections (the kernel does) and never says a word.
private final class BlackHole {
  let port: Int
  private let socketDescriptor: Int32

  init() throws {
    struct NoSocket: Error {}
    socketDescriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    // A child of another test would keep the port open.
    _ = fcntl(socketDescriptor, F_SETFD, FD_CLOEXEC)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = socketDescriptor
    let code = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        bind(descriptor, raw, length) | listen(descriptor, 8) | getsockname(descriptor, raw, &length)
      }
    }
    port = Int(UInt16(bigEndian: address.sin_port))
    guard code == 0 else { throw NoSocket() }
  }

  deinit { close(socketDescriptor) }
}
