// stub
public actor PostgresConnection {
  public var backendProcessID: Int32 { 0 }
  public var serverVersion: Int { 0 }
  public static func connect(_ configuration: PostgresConfiguration) async throws(PostgresError) -> PostgresConnection {
    throw PostgresError(.misuse, "stub")
  }
  public func query(_ sql: String, _ parameters: [PostgresValue] = []) async throws(PostgresError) -> PostgresRows {
    throw PostgresError(.misuse, "stub")
  }
  @discardableResult
  public func execute(_ sql: String, _ parameters: [PostgresValue] = []) async throws(PostgresError) -> Int { 0 }
  public func executeScript(_ sql: String) async throws(PostgresError) {}
  public nonisolated(nonsending) func forEachRow(
    _ sql: String, _ parameters: [PostgresValue] = [], _ body: (PostgresRow) throws -> Void
  ) async throws {}
  public nonisolated(nonsending) func withTransaction<R: Sendable>(
    _ options: TransactionOptions = .init(), _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
  ) async throws -> R {
    try await body(self)
  }
  @discardableResult
  public nonisolated(nonsending) func copyIn(
    _ statement: String, _ body: nonisolated(nonsending) (CopyWriter) async throws -> Void
  ) async throws -> Int { 0 }
  @discardableResult
  public nonisolated(nonsending) func copyOut(
    _ statement: String, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) async throws -> Int { 0 }
  public func close() async {}
}
public struct TransactionOptions: Sendable {
  public enum Isolation: Sendable { case readCommitted, repeatableRead, serializable }
  public var isolation: Isolation
  public var isReadOnly: Bool
  public init(isolation: Isolation = .readCommitted, isReadOnly: Bool = false) {
    self.isolation = isolation
    self.isReadOnly = isReadOnly
  }
}
public struct CopyWriter: Sendable {
  public nonisolated(nonsending) func write(_ bytes: UnsafeRawBufferPointer) async throws(PostgresError) {}
  public nonisolated(nonsending) func write(_ bytes: [UInt8]) async throws(PostgresError) {}
}
