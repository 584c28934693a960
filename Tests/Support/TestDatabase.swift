// A fresh database for one test, on one throwaway cluster per test process.
// Invariant: the database is dropped when the closure ends, whichever way it ends and whoever is still connected.
// A missing PostgreSQL is a failure of the test, never a skip.

internal import Postgres

/// A database that exists for the time of a closure.
public struct TestDatabase: Sendable {
  /// Where it is.
  public let url: String

  /// Lends a fresh, empty database and drops it afterwards.
  public static func withDatabase<R>(_ body: (TestDatabase) async throws -> R) async throws -> R {
    let cluster = TestCluster.shared
    let clusterURL = try await cluster.url()
    let name = await cluster.nextName()
    try await cluster.administer(["CREATE DATABASE \(name)"])
    let url = clusterURL.replacing("postgresql:///daybook?", with: "postgresql:///\(name)?")
    let outcome: Result<R, any Error>
    do {
      outcome = .success(try await body(TestDatabase(url: url)))
    } catch {
      outcome = .failure(error)
    }
    try await cluster.administer(["DROP DATABASE \(name) WITH (FORCE)"])
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
