// Queries of one session through the cache. Whether a statement may be kept, what it is kept under and how its rows become
// bytes come together here; callers give the statement and what it reads.
// Invariants: a session that sees something of its own is asked itself. The versions of the inputs were read in the snapshot
// that answers. A statement that fails leaves the caller's transaction usable, and none leaves the session set otherwise
// than it found it: what is asked next is asked under the settings that its key names.

public import Ledger
public import Postgres

/// Asks through a cache.
public struct QueryCache: Sendable {
  /// Where rows came from.
  public enum Source: Sendable {
    /// From the server, and not kept, for this reason.
    case past(reason: String)
    /// From the server, and kept if a tier takes it.
    case made
    /// Kept; by whom.
    case kept(tier: String)
    /// From before the last change, because the server failed with this error.
    case stale(StandIn, any Error)
  }

  /// Of when rows are that stand in for an answer.
  public struct StandIn: Sendable, Hashable {
    /// When they were asked for.
    public var since: Moment
    /// For which business date, in days since 1970, where there was one.
    public var day: Int32?
  }

  private let cache: TieredCache
  private let session: CacheSession
  private let codeVersion: String
  private let versions: [String: Int64]
  private let day: Int32?
  private let position: Int64?
  private let calls: StatementCalls
  private let largestBytes: Int

  /// - Parameters:
  ///   - cache: where answers are kept.
  ///   - session: the session of the connections that are given to `rows`.
  ///   - codeVersion: raised whenever the caller would make other statements of the same question.
  ///   - versions: what the ledger counts in the snapshot of the connections: how often people had results forgotten.
  ///   - day: the business date that statements may be given, in days since 1970.
  ///   - position: how far the server's log had come before the snapshot was taken.
  ///   - calls: what the catalogs say of statements in that snapshot.
  ///   - largestBytes: results that are larger are not kept.
  public init(
    cache: TieredCache, session: CacheSession, codeVersion: String, versions: [String: Int64] = [:], day: Int32? = nil,
    position: Int64? = nil, calls: StatementCalls = StatementCalls(), largestBytes: Int = 64 << 20
  ) {
    self.cache = cache
    self.session = session
    self.codeVersion = codeVersion
    self.versions = versions
    self.day = day
    self.position = position
    self.calls = calls
    self.largestBytes = largestBytes
  }

  /// The rows of a statement, kept or asked on `connection`.
  ///
  /// - Parameters:
  ///   - inputs: every relation that it reads, at its version in the snapshot of `connection`.
  ///   - label: what asks, for people.
  /// - Throws: what the server answers, where nothing older may stand in for it.
  public nonisolated(nonsending) func rows(
    _ sql: String, _ parameters: [PostgresValue] = [], inputs: [CacheInput], label: String,
    on connection: PostgresConnection
  ) async throws -> (rows: ResultRows, source: Source) {
    if let reason = try await reasonToPass(sql, on: connection) {
      let rows = try await Self.ask(sql, parameters, on: connection)
      return (rows, .past(reason: reason))
    }
    let question = question(sql, parameters, inputs: inputs, label: label)
    let make: nonisolated(nonsending) () async throws -> MadeValue<ResultRows> = {
      try await made(sql, parameters, day: question.day, on: connection)
    }
    switch try await cache.answer(question, mayBeStale: Self.isPassing, make) {
    case .made(let rows): return (rows, .made)
    case .kept(let value, let tier):
      if let (rows, _) = RowCodec.decode(value.bytes) { return (rows, .kept(tier: tier)) }
    case .shared(let value):
      if let (rows, _) = RowCodec.decode(value.bytes) { return (rows, .kept(tier: "flight")) }
    case .stale(let value, let error):
      // What was asked for a later day is never said of an earlier one.
      guard let (rows, asked) = RowCodec.decode(value.bytes), asked ?? .min <= question.day ?? .max else { throw error }
      return (rows, .stale(StandIn(since: value.storedAt, day: asked), error))
    }
    // Whole, but of another layout.
    return (try await cache.refresh(question, make), .made)
  }

  /// What is asked, with how often results of this kind were forgotten.
  func question(_ sql: String, _ parameters: [PostgresValue], inputs: [CacheInput], label: String) -> CacheQuestion {
    let counts = [CacheInput.forgetting(nil)] + inputs.map { CacheInput.forgetting($0.relation) }
    return CacheQuestion(
      sql: sql, parameters: parameters, day: day, session: session, codeVersion: codeVersion,
      inputs: inputs + counts.map { CacheInput($0, version: versions[$0] ?? 0) }, label: label)
  }

  private nonisolated(nonsending) func reasonToPass(_ sql: String, on connection: PostgresConnection) async throws
    -> String?
  {
    if let sight = session.ownSight { return sight }
    if session.mayWrite, try await CacheSession.hasWritten(on: connection) { return "its transaction has written" }
    if let reason = StatementRule.refusal(sql) { return reason }
    // Before the look-up: what the text means by a name may have been made since its answer was kept.
    return try await calls.reason(sql, on: connection)
  }

  private nonisolated(nonsending) func made(
    _ sql: String, _ parameters: [PostgresValue], day: Int32?, on connection: PostgresConnection
  ) async throws -> MadeValue<ResultRows> {
    let rows = try await Self.ask(sql, parameters, on: connection)
    return MadeValue(rows, bytes: RowCodec.encode(rows, day: day, limit: largestBytes), position: position)
  }

  /// Asks behind a savepoint where a transaction is open, and goes back to it: a statement may set something.
  public nonisolated(nonsending) static func ask(
    _ sql: String, _ parameters: [PostgresValue] = [], on connection: PostgresConnection
  ) async throws -> ResultRows {
    try await connection.withoutTrace { transaction in
      try ResultRows(try await transaction.query(sql, parameters))
    }
  }

  /// Whether the same statement may be answered later, or elsewhere, without anybody mending it or the data: the server
  /// was out of something, was told to stop, or broke.
  public static func isPassing(_ error: any Error) -> Bool {
    guard let error = error as? PostgresError else { return false }
    if error.isTransient || error.kind == .timeout { return true }
    guard let state = error.sqlState else { return false }
    return state == "57014" || ["53", "58", "XX"].contains(String(state.prefix(2)))
  }
}
