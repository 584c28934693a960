// Closing a month, and opening it again: what may be done, and which figures are frozen when it is.
// Invariant: a month is closed while no writer can be at work on the feeds it is about, from rollups that contain every
// batch of them; the figures, the state, the log and the data version commit together. Nothing that was reported is ever
// changed: closing a month again adds a version.
// What late changes do is decided in the room Ingest; what is kept, and how, is in `PeriodLedger`.

public import Definitions
public import Finding
public import Ledger
public import Money
public import Postgres

/// What closing or reopening a month did.
public struct PeriodOutcome: Sendable, Hashable {
  /// What happened to the month.
  public enum Action: String, Sendable, Hashable {
    /// It was open and is closed.
    case closed
    /// It was closed softly and is closed hard; its figures stay.
    case hardened
    /// It was closed and is open.
    case reopened
    /// It was so already.
    case unchanged
  }

  /// What happened.
  public var action: Action
  /// The month as it stands now; nil when it is open.
  public var month: ClosedMonth?
  /// Adjustments of other months' figures that reopening took back.
  public var withdrawn = 0
  /// What is worth telling.
  public var findings: [Diagnostic] = []
}

/// Why a month is not closed or reopened; nothing was changed.
public struct PeriodRefusal: Error, Sendable {
  /// What stands in the way.
  public enum Kind: Sendable, Hashable {
    /// It was asked for what makes no sense.
    case usage
    /// The definitions say nothing that could be closed.
    case definition
    /// Something has to be done first.
    case notReady
  }

  /// What stands in the way.
  public var kind: Kind
  /// What to say.
  public var diagnostic: Diagnostic
}

/// Closes and reopens the months of a project.
public struct PeriodClosing: Sendable {
  let project: Project
  let pool: PostgresPool
  /// Who does it, for the record.
  let actor: String

  /// Creates a closing that borrows connections from `pool`. The caller holds the run lock.
  public init(project: Project, pool: PostgresPool, actor: String) {
    self.project = project
    self.pool = pool
    self.actor = actor
  }

  /// `2026-09`.
  public static func name(_ month: CivilDate) -> String { String(month.description.prefix(7)) }

  /// Reads `2026-09`; nil for anything else.
  public static func month(_ text: String) -> CivilDate? { text.utf8.count == 7 ? CivilDate("\(text)-01") : nil }

  // MARK: Closing

  /// Closes a month; closing it again changes nothing, but that a soft close becomes a hard one when that is asked for.
  ///
  /// - Parameters:
  ///   - month: its first day.
  ///   - state: how firmly.
  ///   - today: the business date. A month that it lies in, or that comes after it, cannot be closed.
  /// - Throws: `PeriodRefusal`, `PostgresError`.
  public func close(
    _ month: CivilDate, _ state: ClosedMonth.State, today: CivilDate
  ) async throws -> PeriodOutcome {
    let name = Self.name(month)
    guard month.adding(months: 1) <= today else {
      throw refusal(
        .usage, "\(name) has not ended: it is \(today)", fix: "close it when it has; its last files may still come")
    }
    let feeds = project.feeds.filter { $0.periodColumn != nil }
    guard !feeds.isEmpty else {
      throw refusal(
        .definition, "no feed names its accounting date, so no row falls into \(name)",
        fix: "add period: to a feed in Jobs/feeds, such as period: occurred_at")
    }
    let figures = figures
    return try await pool.withConnection(label: "close") { connection in
      try await connection.withTransaction { transaction in
        try await self.close(month, state, feeds, figures, on: transaction)
      }
    }
  }

  private nonisolated(nonsending) func close(
    _ month: CivilDate, _ state: ClosedMonth.State, _ feeds: [FeedDefinition], _ figures: [PeriodFigures],
    on connection: PostgresConnection
  ) async throws -> PeriodOutcome {
    try await PeriodLedger.lock(on: connection)
    let closed = try await PeriodLedger.closed(on: connection)
    if let known = closed.first(where: { $0.period == month }) {
      guard known.state == .soft, state == .hard else { return PeriodOutcome(action: .unchanged, month: known) }
      try await PeriodLedger.harden(month, by: actor, on: connection)
      try await DataVersions.bump(ViewDefinition.closedMonths, on: connection)
      let now = try await PeriodLedger.closed(on: connection).first { $0.period == month }
      return PeriodOutcome(action: .hardened, month: now)
    }
    // No writer of these tables from here on: the figures, and the batches they contain, stand still.
    var batches: [String: Int64] = [:]
    for feed in feeds {
      try await requireTable(of: feed, on: connection)
      try await connection.execute("lock table \(table(of: feed.name)) in share mode")
      try await requireWholeFiles(of: feed, month, on: connection)
      batches[feed.name] = try await BatchLedger.lastNumber(of: feed.name, on: connection) ?? 0
    }
    try await requireCurrent(figures, month, on: connection)
    let version = try await PeriodLedger.close(
      month, state, by: actor, in: project.calendar.timeZone, batches: batches, on: connection)
    for figure in figures {
      try await connection.execute(
        figure.freeze(schema: project.database.schema),
        [.date(daysSince1970: Int32(clamping: month.daysSince1970)), .int8(Int64(version)), .text(figure.view.name)])
    }
    try await DataVersions.bump(ViewDefinition.closedMonths, on: connection)
    var outcome = PeriodOutcome(
      action: .closed, month: try await PeriodLedger.closed(on: connection).first { $0.period == month })
    outcome.findings = try await findings(month, figures, closed, on: connection)
    return outcome
  }

  private nonisolated(nonsending) func findings(
    _ month: CivilDate, _ figures: [PeriodFigures], _ closed: [ClosedMonth], on connection: PostgresConnection
  ) async throws -> [Diagnostic] {
    guard !figures.isEmpty else {
      return [
        Diagnostic(
          .warning, code: "no_figures", "no rollup groups by the month of a feed's period, so no figure was kept",
          fix: "add a rollup with group_by: { month: { month: the period column } }, refresh, reopen and close again")
      ]
    }
    var open: Set<CivilDate> = []
    for figure in figures {
      let rows = try await connection.query(
        figure.monthsBefore(schema: project.database.schema),
        [.date(daysSince1970: Int32(clamping: month.daysSince1970))])
      for row in rows {
        guard case .date(let days) = try row.value(at: 0) else { continue }
        open.insert(CivilDate(daysSince1970: Int(days)))
      }
    }
    open.subtract(closed.map(\.period))
    guard let first = open.min() else { return [] }
    let name = Self.name(first)
    return [
      Diagnostic(
        .warning, code: "open_before",
        open.count == 1
          ? "\(name), which has data, is still open"
          : "\(open.count) earlier months with data are still open, from \(name) on",
        fix: "close \(open.count == 1 ? "it" : "them") too: daybook close \(name)")
    ]
  }

  // MARK: Reopening

  /// Opens a closed month; one that is open already stays so.
  ///
  /// - Parameter isHard: whether a hard close may be opened.
  /// - Throws: `PeriodRefusal`, `PostgresError`.
  public func reopen(_ month: CivilDate, isHard: Bool) async throws -> PeriodOutcome {
    try await pool.withConnection(label: "close") { connection in
      try await connection.withTransaction { transaction in
        try await self.reopen(month, isHard: isHard, on: transaction)
      }
    }
  }

  private nonisolated(nonsending) func reopen(
    _ month: CivilDate, isHard: Bool, on connection: PostgresConnection
  ) async throws -> PeriodOutcome {
    let name = Self.name(month)
    try await PeriodLedger.lock(on: connection)
    let closed = try await PeriodLedger.closed(on: connection)
    guard let known = closed.first(where: { $0.period == month }) else { return PeriodOutcome(action: .unchanged) }
    guard known.state == .soft || isHard else {
      throw refusal(
        .usage, "\(name) is closed hard", fix: "to open it all the same: daybook close --hard --reopen \(name)")
    }
    // An adjustment that a closed month has reported cannot be taken back behind its back.
    if let shown = try await PeriodLedger.closedMonthsShowing(month, on: connection).last {
      let shownState = closed.first { $0.period == shown }?.state
      throw refusal(
        .notReady, "adjustments of \(name) are part of what was reported of \(Self.name(shown)), which is closed too",
        fix: shownState == .hard
          ? "reopen that month first: daybook close --hard --reopen \(Self.name(shown))"
          : "reopen that month first: daybook close --reopen \(Self.name(shown))")
    }
    let withdrawn = try await PeriodLedger.reopen(month, by: actor, on: connection)
    try await DataVersions.bump(ViewDefinition.closedMonths, on: connection)
    return PeriodOutcome(action: .reopened, withdrawn: withdrawn)
  }

  // MARK: What must be so

  /// What is wrong where months are closed by another time zone than the project's: rows near midnight belong to another
  /// month by it, and what was reported and posted would tie with nothing any more. Nil when nothing is, also where no
  /// feed's month depends on a zone.
  ///
  /// - Throws: `PostgresError`.
  public static func otherZone(
    of project: Project, on connection: PostgresConnection
  ) async throws -> Diagnostic? {
    let isByZone = project.feeds.contains { feed in
      feed.periodColumn.flatMap { feed.column(named: $0) }?.type == .timestamptz
    }
    guard isByZone else { return nil }
    let closed = try await PeriodLedger.closed(on: connection)
    let zone = project.calendar.timeZone
    if closed.contains(where: { $0.timeZone == nil }) { try await PeriodLedger.adopt(zone, on: connection) }
    let rules = TimeZoneRules(named: zone)
    let others = closed.filter { month in
      guard let name = month.timeZone, name != zone else { return false }
      guard let rules, let other = TimeZoneRules(named: name) else { return true }
      return !rules.isSameClock(as: other)
    }
    guard let last = others.last, let before = last.timeZone else { return nil }
    let name = Self.name(last.period)
    return Diagnostic(
      .error, code: "time_zone_of_closed_months", at: SourcePosition(file: "Jobs/daybook.yaml"),
      "time_zone is \(zone), and "
        + (others.count == 1 ? "\(name) was" : "\(others.count) months, the last of them \(name), were")
        + " closed when it was \(before): what was reported then would tie with nothing",
      notes: ["a row near midnight belongs to another month by another zone; nothing was changed"],
      fix: "write time_zone: \(before) again; or open "
        + (others.count == 1 ? "it" : "them, from the last to the first") + ", and close again behind the next run: "
        + (last.state == .hard ? "daybook close --hard --reopen \(name)" : "daybook close --reopen \(name)"))
  }

  private func table(of feed: String) -> String {
    QualifiedName(schema: project.database.schema, name: feed).quoted
  }

  private nonisolated(nonsending) func requireTable(
    of feed: FeedDefinition, on connection: PostgresConnection
  ) async throws {
    let rows = try await connection.query("select to_regclass($1) is not null", [.text(table(of: feed.name))])
    guard try rows.first?.decode(0, as: Bool.self) == true else {
      throw refusal(
        .notReady, "the feed \(feed.name) has no table yet", fix: "load it first: daybook ingest \(feed.name)")
    }
  }

  /// A file that is part way in would be frozen by halves.
  private nonisolated(nonsending) func requireWholeFiles(
    of feed: FeedDefinition, _ month: CivilDate, on connection: PostgresConnection
  ) async throws {
    guard let file = try await ChunkLedger.loading(feed: feed.name, on: connection).first(where: { $0.pieces > 0 })
    else { return }
    throw refusal(
      .notReady, "\(file.name) of the feed \(feed.name) is part way in, and \(Self.name(month)) may lack some of it",
      fix: "have it loaded to its end: daybook ingest \(feed.name)")
  }

  private nonisolated(nonsending) func requireCurrent(
    _ figures: [PeriodFigures], _ month: CivilDate, on connection: PostgresConnection
  ) async throws {
    let versions = try await DataVersions.current(on: connection)
    let states = try await ViewStates.current(on: connection)
    let existing = try await ViewRelations.existing(
      figures.map(\.view), schema: project.database.schema, on: connection)
    for figure in figures {
      let view = figure.view
      let inputs = Dictionary(uniqueKeysWithValues: view.sources.map { ($0, versions[$0] ?? 0) })
      let state = states[view.name]
      if existing.contains(view.name), let state, state.definitionHash == view.definitionHash,
        state.relationVersions == inputs
      {
        continue
      }
      throw refusal(
        .notReady, "the view \(view.name) is behind what it reads, so the figures of \(Self.name(month)) would be too",
        fix: "bring it up to date first: daybook refresh")
    }
  }

  private func refusal(_ kind: PeriodRefusal.Kind, _ message: String, fix: String) -> PeriodRefusal {
    PeriodRefusal(
      kind: kind,
      diagnostic: Diagnostic(
        .error, code: "close", message, notes: ["state: nothing was changed"], fix: fix))
  }

  /// What is frozen when a month is closed: rollups with one row for each month and plain groups.
  var figures: [PeriodFigures] {
    project.views.compactMap { view in
      // A rollup of a rollup stands here as the rollup of the feed that it amounts to.
      guard case .rollup(let rollup) = view.kind,
        let column = project.feed(named: rollup.source)?.periodColumn
      else { return nil }
      var month: String?
      for group in rollup.groups {
        switch group.source {
        case .month(column) where month == nil: month = group.name
        case .column: continue
        default: return nil
        }
      }
      return month.map { PeriodFigures(view: view, month: $0, keys: rollup.groups.map(\.name)) }
    }
  }
}

/// A view whose rows of one month are frozen.
struct PeriodFigures: Sendable {
  let view: ViewDefinition
  /// The column that holds the month.
  let month: String
  /// All columns that tell rows apart.
  let keys: [String]

  /// Keeps the rows of a month. Parameters: the month, the version, the view.
  func freeze(schema: String) -> String {
    let names = "array[\(keys.map(quoteLiteral).joined(separator: ", "))]"
    let key = keys.map { "\(quoteLiteral($0)), v.\(quoteIdentifier($0))" }.joined(separator: ", ")
    return """
      insert into daybook.period_figure (period, version, view, key, figures)
      select $1, $2, $3, jsonb_build_object(\(key)), to_jsonb(v.*) - \(names)
      from \(QualifiedName(schema: schema, name: view.name).quoted) v where v.\(quoteIdentifier(month)) = $1
      order by \(keys.map { "v.\(quoteIdentifier($0))" }.joined(separator: ", "))
      """
  }

  /// The months before one that have rows.
  func monthsBefore(schema: String) -> String {
    let name = quoteIdentifier(month)
    return "select distinct \(name) from \(QualifiedName(schema: schema, name: view.name).quoted) where \(name) < $1"
  }
}
