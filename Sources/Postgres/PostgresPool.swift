// stub
public import Telemetry

public struct PoolSettings: Sendable {
  public var min: Int
  public var max: Int
  public var acquireTimeout: Duration
  public var maxAge: Duration
  public var idleTimeout: Duration
  public init(
    min: Int = 1, max: Int = 4, acquireTimeout: Duration = .seconds(10), maxAge: Duration = .seconds(1800),
    idleTimeout: Duration = .seconds(300)
  ) {
    self.min = min
    self.max = max
    self.acquireTimeout = acquireTimeout
    self.maxAge = maxAge
    self.idleTimeout = idleTimeout
  }
}
public struct PoolStatistics: Sendable {}
public final class PostgresPool: Sendable {
  public init(
    configuration: PostgresConfiguration, settings: PoolSettings = PoolSettings(),
    telemetry: any TelemetrySink = NullTelemetry()
  ) throws(PostgresError) {}
  public nonisolated(nonsending) func withConnection<R: Sendable>(
    label: String = #function, _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
  ) async throws -> R {
    throw PostgresError(.misuse, "stub")
  }
  public var statistics: PoolStatistics { PoolStatistics() }
  public func shutdown(within limit: Duration) async {}
}
