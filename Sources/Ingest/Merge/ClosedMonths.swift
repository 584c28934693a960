// Which rows fall into closed months, as SQL, and what is done with them.
// Invariant: made once for each call from what the ledger says, and nil when no month is closed or the feed names no
// accounting date: then nothing of this file runs. With it every change is journaled as images, never as a rebuild, so
// that what moved a closed month can be told. The run lock keeps a closing from happening meanwhile.
// Months are closed elsewhere: `PeriodClosing` in the room Views.

internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

/// The closed months of a project, seen from one feed.
struct ClosedMonths: Sendable {
  let feed: String
  /// The column whose day decides.
  let column: String
  /// Whether the column holds moments, whose day depends on the time zone.
  let isMoment: Bool
  let timeZone: String
  let rule: LateChangeRule
  /// First days of months that let no change in.
  let held: [CivilDate]
  /// Those of them that are closed hard.
  let hard: [CivilDate]
  /// First days of months that let changes in by the rule.
  let admitting: [CivilDate]
  /// First day of the month that changes of closed months are posted to: that of the business date, or the next open one.
  let postedTo: CivilDate

  /// Looks at what is closed; nil when nothing is, or when the feed's rows belong to no month.
  static nonisolated(nonsending) func read(
    _ feed: FeedDefinition, _ project: Project, asOf: CivilDate, on connection: PostgresConnection
  ) async throws -> ClosedMonths? {
    guard let column = feed.periodColumn else { return nil }
    let months = try await PeriodLedger.states(on: connection)
    if months.isEmpty { return nil }
    let rule = project.close.late
    let held = months.filter { $0.state == .hard || rule == .quarantine }.map(\.period)
    let all = Set(months.map(\.period))
    var postedTo = asOf.startOfMonth
    while all.contains(postedTo) { postedTo = postedTo.adding(months: 1) }
    return ClosedMonths(
      feed: feed.name, column: column, isMoment: feed.column(named: column)?.type == .timestamptz,
      timeZone: project.calendar.timeZone, rule: rule, held: held,
      hard: months.filter { $0.state == .hard }.map(\.period),
      admitting: months.map(\.period).filter { !held.contains($0) }, postedTo: postedTo)
  }

  // MARK: SQL

  /// The month of a row `alias`, as its first day.
  func month(_ alias: String) -> String {
    PeriodLedger.month(of: "\(alias).\(quoteIdentifier(column))", in: isMoment ? timeZone : nil)
  }

  private static func list(_ months: [CivilDate]) -> String {
    "'{\(months.map(\.description).joined(separator: ","))}'::date[]"
  }

  /// Whether no change of a row `alias` gets in.
  func isHeld(_ alias: String) -> String { "\(month(alias)) = any (\(Self.list(held)))" }

  /// Counts the images of some batches by closed month; under `adjust` keeps them as adjustments too.
  ///
  /// - Parameter batches: a condition on the column that numbers the batch.
  func admitted(_ batches: String, _ journal: Journal, keeping: Bool) -> String {
    let number = "j.\(quoteIdentifier(JournalTable.batch))"
    let weight = "j.\(quoteIdentifier(JournalTable.weight))"
    let images = """
      select \(number) as batch, \(weight) as weight, \(month("j")) as period,
        to_jsonb(j.*) - \(quoteLiteral(JournalTable.batch)) - \(quoteLiteral(JournalTable.weight)) as image
      from \(journal.table.quoted) j
      where \(number) \(batches) and \(month("j")) = any (\(Self.list(admitting)))
      """
    guard keeping else { return "select period, count(*) from (\(images)) as i group by 1 order by 1" }
    return """
      with i as materialized (\(images)),
      a as (
        insert into daybook.adjustment (batch_id, feed, period, posted_to, weight, image)
        select batch, \(quoteLiteral(feed)), period, date '\(postedTo)', weight, image from i)
      select period, count(*) from i group by 1 order by 1
      """
  }

  // MARK: Doing

  /// Posts the images of a batch to the open month, where that is the rule.
  ///
  /// - Returns: how many images fell into which closed month, for a person; nil when none did.
  nonisolated(nonsending) func admit(
    batches: String, _ journal: Journal, posting: Bool, on connection: PostgresConnection
  ) async throws -> String? {
    guard !admitting.isEmpty else { return nil }
    let rows = try await connection.query(admitted(batches, journal, keeping: posting && rule == .adjust))
    var parts: [String] = []
    for row in rows {
      guard case .date(let days) = try row.value(at: 0) else { continue }
      let count: Int = try row.decode(1)
      parts.append("\(count) of \(Self.name(CivilDate(daysSince1970: Int(days))))")
    }
    if parts.isEmpty { return nil }
    if posting, rule == .adjust { try await DataVersions.bump(ViewDefinition.closedMonths, on: connection) }
    return parts.joined(separator: ", ")
  }

  // MARK: Words

  /// `2026-09`.
  static func name(_ month: CivilDate) -> String { String(month.description.prefix(7)) }

  /// Why a record is held back.
  ///
  /// - Parameter month: as `2026-09`.
  func reason(_ month: String) -> String {
    hard.contains { Self.name($0) == month }
      ? "it would change \(month), which is closed hard: correct its date, or requeue it behind: "
        + "daybook close --hard --reopen \(month)"
      : "it would change \(month), which is closed: correct its date, or requeue it behind: "
        + "daybook close --reopen \(month)"
  }

  func heldFinding(_ count: Int, _ months: String, file: String) -> Diagnostic {
    Diagnostic(
      .warning, code: RejectCode.closedPeriod.rawValue, at: SourcePosition(file: file),
      (count == 1 ? "1 record was held back: it falls" : "\(count) records were held back: they fall")
        + " into closed months\(months.isEmpty ? "" : " (\(months))")",
      notes: ["they are rejects that wait, and do not count toward rejects.limit"],
      fix: "write them out: daybook rejects export --feed \(feed); correct the dates, or reopen the month; "
        + "then requeue them")
  }

  func admittedFinding(_ months: String, file: String) -> Diagnostic {
    rule == .adjust
      ? Diagnostic(
        .warning, code: "closed_period_adjusted", at: SourcePosition(file: file),
        "signed changes of closed months (\(months)) were posted to \(Self.name(postedTo)) as adjustments",
        notes: ["the table is as the file says; what was reported of the closed months stands"])
      : Diagnostic(
        .warning, code: "closed_period_restated", at: SourcePosition(file: file),
        "signed changes fell into closed months (\(months)), which are restated by them",
        notes: ["what was reported of them is kept, in daybook.period_figure"])
  }
}
