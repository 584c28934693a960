// The verb that closes a month, opens it again, and lists what is closed.

internal import ArgumentParser
internal import Finding
internal import Glibc
internal import Jobs
internal import Ledger
internal import Money
internal import Postgres
internal import Views

struct CloseCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "close", abstract: "Close a month: keep its figures as reported, and rule what late changes do.",
    discussion: """
      A month is told by the column that a feed names as its period:. What rollups by that month show is kept, and a \
      change that comes later follows close: { late: ... } of Jobs/daybook.yaml: quarantine holds it back as a reject, \
      adjust posts it to the current month, restate lets it in and shows the difference. A hard close lets nothing in.
      """)

  @Argument(help: "The month, such as 2026-09.") var month: String?
  @Flag(name: .long, help: "Late changes follow the project's rule; so unless --hard.") var soft = false
  @Flag(name: .long, help: "No change gets in, whatever the rule says.") var hard = false
  @Flag(name: .long, help: "Open it again; a month that is closed hard needs --hard as well.") var reopen = false
  @Flag(name: .long, help: "List the months that are closed.") var list = false
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if list, month != nil || soft || hard || reopen { throw ValidationError("--list stands alone") }
    if !list, month == nil { throw ValidationError("name the month, such as 2026-09; or --list") }
    if soft, hard { throw ValidationError("--soft and --hard contradict each other") }
    if soft, reopen { throw ValidationError("--soft and --reopen contradict each other") }
  }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    guard let text = month else {
      return try await Session.open(project) { session in try await show(session, invocation.console) }
    }
    guard let first = PeriodClosing.month(text) else {
      throw StageFailure(
        .usage, "usage", "\"\(visible(text))\" is no month", fix: "write year and month, such as 2026-09")
    }
    let today = try invocation.asOf(nil, project: project)
    let request: MonthRequest = reopen ? .reopen(isHard: hard) : .close(hard ? .hard : .soft)
    return try await Session.open(project) { session in
      let outcome = try await session.carryOut(request, first, today: today, actor: Self.actor)
      tell(outcome, text, invocation.console)
      return .ok
    }
  }

  /// Who types this, as the system knows it.
  private static var actor: String {
    let name = getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "user \(geteuid())"
    return "\(name)@\(Invocation.host)"
  }

  private func tell(_ outcome: PeriodOutcome, _ name: String, _ console: Console) {
    console.show(outcome.findings)
    switch (outcome.action, outcome.month) {
    case (.closed, let month?):
      let again = month.version > 1 ? ", for the \(Self.ordinal(month.version)) time" : ""
      console.note(
        "closed \(name) (\(month.state.rawValue))\(again): \(counted(month.figures, "row")) of figures kept as reported"
      )
    case (.hardened, let month?):
      console.note("closed \(name) hard; its figures stay those reported at \(month.closedAt)")
    case (.reopened, _):
      console.note(
        "opened \(name) again"
          + (outcome.withdrawn > 0 ? "; \(counted(outcome.withdrawn, "adjustment")) of it withdrawn" : ""))
    case (_, let month?):
      console.note("\(name) is closed already (\(month.state.rawValue)), since \(month.closedAt); nothing was changed")
    case (_, nil): console.note("\(name) is open; nothing was changed")
    }
    if outcome.action != .unchanged {
      console.note("views of closed months show it after: daybook refresh\(global.commandSuffix)")
    }
    console.json([
      "period": .string(name), "action": .string(outcome.action.rawValue),
      "state": .string(outcome.month?.state.rawValue ?? "open"), "version": .optional(outcome.month?.version),
      "figures": .optional(outcome.month?.figures), "withdrawn": .integer(outcome.withdrawn),
      "findings": .array(outcome.findings.map(\.json)), "status": "success", "exit_code": 0,
    ])
  }

  private static func ordinal(_ number: Int) -> String {
    let ending =
      switch (number % 10, number % 100) {
      case (_, 11...13): "th"
      case (1, _): "st"
      case (2, _): "nd"
      case (3, _): "rd"
      default: "th"
      }
    return "\(number)\(ending)"
  }

  private func show(_ session: Session, _ console: Console) async throws -> ExitStatus {
    let (months, otherZone) = try await session.pool.withConnection(label: "close") { connection in
      let otherZone = try await PeriodClosing.otherZone(of: session.project, on: connection)
      return (try await PeriodLedger.closed(on: connection), otherZone)
    }
    if let otherZone { console.show([otherZone]) }
    for month in months {
      console.data(
        "\(PeriodClosing.name(month.period))  \(month.state.rawValue)  version \(month.version)  "
          + "\(counted(month.figures, "row")) of figures  at \(month.closedAt) by \(visible(month.closedBy))")
    }
    if months.isEmpty { console.note("no month is closed") }
    console.json([
      "periods": .array(
        months.map { month in
          [
            "period": .string(PeriodClosing.name(month.period)), "state": .string(month.state.rawValue),
            "version": .integer(month.version), "figures": .integer(month.figures),
            "closed_at": .string(month.closedAt.description), "closed_by": .string(month.closedBy),
            "time_zone": .optional(month.timeZone),
          ]
        })
    ])
    return .ok
  }
}
