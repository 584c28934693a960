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
      case .close(let state): try await closing.close(month, state, today: today)
      case .reopen(let isHard): try await closing.reopen(month, isHard: isHard)
      }
    }
    try await ledger.releaseRunLock()
    return try result.get()
  }
}
