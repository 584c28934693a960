// Closing and reopening a month as a command: under the run lock, so that no run writes meanwhile.

internal import Finding
public import Ledger
public import Money
internal import Postgres
public import Views

/// What a person asks of a month.
public enum MonthRequest: Sendable, Hashable {
  /// To close it.
  case close(ClosedMonth.State)
  /// To open it; a hard close only when told so.
  case reopen(isHard: Bool)
}

extension Session {
  /// Closes or reopens a month.
  ///
  /// - Parameters:
  ///   - month: its first day.
  ///   - today: the business date.
  ///   - actor: who does it, for the record.
  /// - Throws: `StageFailure` while another run holds the lock; `PeriodRefusal`; nothing was changed then.
  public func carryOut(
    _ request: MonthRequest, _ month: CivilDate, today: CivilDate, actor: String
  ) async throws -> PeriodOutcome {
    guard try await ledger.acquireRunLock() else { throw await lockHeld() }
    let closing = PeriodClosing(project: project, pool: pool, actor: actor)
    let result = await outcome {
      switch request {
      case .close(let state):
        try await requireZoneOfClosedMonths()
        return try await closing.close(month, state, today: today)
      case .reopen(let isHard): return try await closing.reopen(month, isHard: isHard)
      }
    }
    try await ledger.releaseRunLock()
    return try result.get()
  }

  /// Makes sure that the project is in the time zone in which its closed months were closed.
  ///
  /// - Throws: `StageFailure`, with the way out.
  func requireZoneOfClosedMonths() async throws {
    let found = try await pool.withConnection(label: "close") { connection in
      try await PeriodClosing.otherZone(of: project, on: connection)
    }
    if let found { throw StageFailure(exitCode: .badDefinition, errorClass: found.code, diagnostics: [found]) }
  }
}
