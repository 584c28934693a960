// A fresh database for one test, on one throwaway cluster per test process.
// Invariant: the cluster is made by the code that ships, started once and lazily, and gone when the process is.
// A missing PostgreSQL is a failure of the test, never a skip.

internal import Postgres

/// A database that exists for the time of a closure.
public struct TestDatabase: Sendable {
  /// Where it is.
  public let url: String

  /// Lends a fresh, empty database and drops it afterwards.
  public static func withDatabase<R>(_ body: (TestDatabase) async throws -> R) async throws -> R {
    throw TestSupportError("not built yet")
  }
}
