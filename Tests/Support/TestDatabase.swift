// A fresh database for one test, on one throwaway cluster per test process.
// Invariant: the database is dropped when the closure ends, whichever way it ends and whoever is still connected.
// A missing PostgreSQL is a failure of the test, never a skip.

public import Postgres

/// A database that exists for the time of a closure.
public struct TestDatabase: Sendable {
  /// Where it is.
  public let url: String
  /// How to connect there.
  public let configuration: PostgresConfiguration

  /// Lends a fresh database and drops it afterwards.
  ///
  /// - Parameters:
  ///   - hasLedger: whether it holds the schema `daybook`; else it is empty.
  ///   - icuLocale: by whose rules the database compares text, such as `en-US`; nil for the cluster's. An empty database
  ///     only.
  public nonisolated(nonsending) static func withDatabase<R>(
    hasLedger: Bool = false, icuLocale: String? = nil,
    _ body: nonisolated(nonsending) (TestDatabase) async throws -> R
  ) async throws -> R {
    var template = icuLocale.map { " TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE '\($0)'" } ?? ""
    if hasLedger { template = " TEMPLATE \(try await TestCluster.shared.templateWithLedger())" }
    // A test that asks for a second database inside the first must not wait for itself.
    if holdsPermit { return try await withNewDatabase(template, body) }
    await permits.take()
    let outcome: Result<R, any Error>
    do {
      outcome = .success(try await $holdsPermit.withValue(true) { try await withNewDatabase(template, body) })
    } catch {
      outcome = .failure(error)
    }
    await permits.give()
    return try outcome.get()
  }

  private static let permits = Permits(12)
  @TaskLocal private static var holdsPermit = false

  private nonisolated(nonsending) static func withNewDatabase<R>(
    _ template: String, _ body: nonisolated(nonsending) (TestDatabase) async throws -> R
  ) async throws -> R {
    let cluster = TestCluster.shared
    let clusterURL = try await cluster.url()
    let name = await cluster.nextName()
    try await cluster.administer("CREATE DATABASE \(name)\(template)")
    let url = TestCluster.url(of: name, at: clusterURL)
    let outcome: Result<R, any Error>
    do {
      outcome = .success(try await body(TestDatabase(url: url, configuration: PostgresConfiguration(url: url))))
    } catch {
      outcome = .failure(error)
    }
    try await cluster.administer("DROP DATABASE \(name) WITH (FORCE)")
    return try outcome.get()
  }

  /// A directory that lives as long as this test process, for what several tests share.
  package static func clusterDirectory() async throws -> String { try await TestCluster.shared.directory() }

  /// Lends a connection and closes it afterwards.
  public nonisolated(nonsending) func withConnection<R: Sendable>(
    _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
  ) async throws -> R {
    let connection = try await PostgresConnection.connect(configuration)
    let outcome: Result<R, any Error>
    do {
      outcome = .success(try await body(connection))
    } catch {
      outcome = .failure(error)
    }
    await connection.close()
    return try outcome.get()
  }

  /// Lends a pool and shuts it down afterwards.
  public nonisolated(nonsending) func withPool<R: Sendable>(
    max: Int = 4, _ body: nonisolated(nonsending) (PostgresPool) async throws -> R
  ) async throws -> R {
    let pool = try PostgresPool(configuration: configuration, settings: PoolSettings(min: 0, max: max))
    let outcome: Result<R, any Error>
    do {
      outcome = .success(try await body(pool))
    } catch {
      outcome = .failure(error)
    }
    await pool.shutdown(within: .seconds(5))
    return try outcome.get()
  }

  /// Runs statements with PostgreSQL's own client, apart from the code under test.
  ///
  /// - Returns: the rows, unaligned, columns separated by `|`.
  @discardableResult
  public func psql(_ statements: String...) async throws -> String {
    try await Psql.run(statements, at: url)
  }
}
