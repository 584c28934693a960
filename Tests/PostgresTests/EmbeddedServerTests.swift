// The embedded server, live: its whole life, its users, and what a crash leaves.
// Each test has a cluster of its own; nothing here touches the cluster the other tests share.

import Glibc
import TestSupport
import Testing

@testable import Postgres

@Suite struct EmbeddedServerTests {
  @Test func serverIsMadeStartedUsedAndStoppedByItsLastUser() async throws {
    try await withServer { server in
      #expect(server.status() == .stopped)
      let first = try await server.acquire()
      let second = try await server.acquire()
      #expect(first.url == second.url)
      #expect(try await Psql.run(["select current_user, current_database()"], at: first.url) == "daybook|daybook\n")
      try await first.release()
      try await first.release()
      guard case .running(_, let url) = server.status() else {
        Issue.record("the first release stopped the server under its second user")
        return
      }
      #expect(url == second.url)
      try await second.release()
      #expect(server.status() == .stopped)
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

  @Test func timings() async throws {
    let clock = ContinuousClock()
    try await withServer(durability: .durable) { server in
      print("init+start", try await clock.measure { try await server.acquire().release() })
      for _ in 0..<3 {
        var lease: EmbeddedServerLease?
        print("start", try await clock.measure { lease = try await server.acquire() })
        print("join", try await clock.measure { _ = try await server.acquire() })
        print("stop", try await clock.measure { try await lease?.release() })
      }
    }
  }
}

/// Lends a server with a cluster of its own and removes everything afterwards.
func withServer<R>(
  durability: EmbeddedServer.Durability = .throwaway, places: EmbeddedServerPlaces = EmbeddedServerPlaces(),
  limits: EmbeddedServerLimits = EmbeddedServerLimits(), _ body: (EmbeddedServer) async throws -> R
) async throws -> R {
  try await TemporaryDirectory.with(mode: 0o711) { directory in
    let server = EmbeddedServer(
      stateDirectory: directory.appending("state"), durability: durability, places: places, limits: limits)
    let outcome: Result<R, any Error>
    do { outcome = .success(try await body(server)) } catch { outcome = .failure(error) }
    try await server.stop(force: true)
    return try outcome.get()
  }
}
