// What the tests of the cache share: questions, values, a ledger in a fresh database, and a tier that does as it is told.

import Ledger
import Postgres
import Synchronization
import TestSupport

@testable import Cache

/// A session like any other.
let plainSession = CacheSession(
  role: "books", database: "daybook", settings: [.init("search_path", "finance"), .init("TimeZone", "UTC")])

func question(
  _ sql: String = "select 1", _ parameters: [PostgresValue] = [], session: CacheSession = plainSession,
  code: String = "1", inputs: [CacheInput] = [CacheInput("orders", version: 1)]
) -> CacheQuestion {
  CacheQuestion(sql: sql, parameters: parameters, session: session, codeVersion: code, inputs: inputs, label: sql)
}

let noon = Moment(microsecondsSince1970: 1_795_262_400_000_000)

func moment(_ seconds: Int) -> Moment {
  Moment(microsecondsSince1970: noon.microsecondsSince1970 + Int64(seconds) * 1_000_000)
}

func value(
  _ bytes: [UInt8] = [1, 2, 3], cost: Duration = .milliseconds(1), at: Moment = noon, lives seconds: Int = 3_600,
  position: Int64? = nil
) -> CachedValue {
  CachedValue(
    bytes: bytes, cost: cost, storedAt: at,
    expiresAt: Moment(microsecondsSince1970: at.microsecondsSince1970 + Int64(seconds) * 1_000_000), position: position)
}

/// A clock that a test moves.
final class HandClock: Sendable {
  private let seconds = Mutex(0)
  func move(by more: Int) { seconds.withLock { $0 += more } }
  var now: @Sendable () -> Moment {
    { [self] in moment(seconds.withLock { $0 }) }
  }
}

/// Counts, and tells how far it has come.
final class Counter: Sendable {
  private let number = Mutex(0)
  @discardableResult func next() -> Int {
    number.withLock { number in
      number += 1
      return number
    }
  }
  var count: Int { number.withLock { $0 } }
}

/// Something that happens once, and whoever waits for it.
final class Gate: Sendable {
  private let state = Mutex<(isOpen: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))
  func open() {
    let waiters = state.withLock { state in
      state.isOpen = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }
  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiters.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }
}

struct TestFailure: Error, Equatable { var what: String }

extension TestDatabase {
  /// Lends a fresh database with the ledger's schema.
  static func withLedger<R>(
    _ body: nonisolated(nonsending) (TestDatabase) async throws -> R
  ) async throws -> R {
    try await withDatabase { database in
      let ledger = LedgerStore(configuration: database.configuration)
      try await ledger.open()
      await ledger.close()
      return try await body(database)
    }
  }

  /// Lends a tier in it.
  func withTier<R: Sendable>(
    _ settings: PostgresTier.Settings = .init(), _ body: nonisolated(nonsending) (PostgresTier) async throws -> R
  ) async throws -> R {
    let tier = try PostgresTier(configuration: configuration, settings: settings)
    do {
      let result = try await body(tier)
      await tier.shutdown()
      return result
    } catch {
      await tier.shutdown()
      throw error
    }
  }
}

extension CacheAnswer where Made == String {
  /// What a test asked for, whoever had it.
  var text: String {
    switch self {
    case .made(let text): text
    case .kept(let value, _), .shared(let value), .stale(let value, _): String(decoding: value.bytes, as: UTF8.self)
    }
  }

  var isMade: Bool { if case .made = self { true } else { false } }
  var isStale: Bool { if case .stale(let value, _) = self { value.isStale } else { false } }
}

/// A made text.
func made(_ text: String, position: Int64? = nil) -> MadeValue<String> {
  MadeValue(text, bytes: Array(text.utf8), position: position)
}
