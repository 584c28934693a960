// How far the data of feeds reach, and what a set says where they reach beyond its own date.
// Invariant: a feed without rows reaches no day; and a section that does not ask for the as-of date says so on a set whose
// data hold later days, whoever wrote it.

internal import Definitions
internal import Ledger
internal import Markup
internal import Money
internal import Postgres

extension ReportQueries {
  /// How far each feed's data reach: the last day of its first indexed date or time column, else the as-of date of
  /// the last file that was loaded; not known where the server failed while it was asked.
  ///
  /// - Parameter totals: how many rows the tables have; nil when that is not known.
  func reach(of feeds: [FeedDefinition], state: LedgerState, totals: TableTotals?) async throws
    -> [PageContext.FeedReach]
  {
    var result: [PageContext.FeedReach] = []
    for feed in feeds {
      guard let loaded = state.loadedThrough[feed.name] else {
        result.append(.init(feed: feed.name, through: "no data yet"))
        continue
      }
      if totals?.counts[feed.name] == 0 {
        result.append(.init(feed: feed.name, through: "no rows"))
        continue
      }
      var through = loaded.description
      if let column = feed.columns.first(where: { $0.isIndexed && $0.type.isDateOrTime }) {
        let relation = QualifiedName(schema: project.database.schema, name: feed.name)
        let last = try await attempt {
          try await connection.query("SELECT max(\(quoteIdentifier(column.name)))::date FROM \(relation.quoted)")
            .first?.value(at: 0)
        }
        switch last {
        case .success(.date(let days)): through = CivilDate(daysSince1970: Int(days)).description
        case .success: break
        case .failure: through = "not known"
        }
      }
      result.append(.init(feed: feed.name, through: through))
    }
    return result
  }

  /// What a section says that shows later data than those of the as-of date; nil where it need not say anything.
  ///
  /// - Parameter feeds: how far the feeds reach that its report reads.
  func laterData(in section: ReportSection, of feeds: [PageContext.FeedReach]) -> String? {
    switch section.source {
    case .none: return nil
    case .query(let source): if StatementTemplate(source).parameters.contains(.asOf) { return nil }
    case .view: break
    }
    return feeds.contains { $0.isBeyond(asOf) }
      ? "As of the last load, not of \(DateText.day(asOf)): this section does not ask for the as-of date." : nil
  }
}

extension PageContext.FeedReach {
  /// Whether the data hold days after this one.
  func isBeyond(_ asOf: CivilDate) -> Bool { CivilDate(through).map { $0 > asOf } ?? false }
}

extension PageContext {
  /// That data of later days are loaded than those the set is of; nil when there are none.
  var laterData: String? {
    let later = feeds.filter { $0.isBeyond(asOf) }
    if later.isEmpty { return nil }
    return "Data of later days than \(DateText.day(asOf)) are loaded: "
      + later.map { "\($0.feed) through \($0.shown)" }.joined(separator: ", ")
      + ". A section that shows them says that it is as of the last load."
  }
}

extension ColumnType {
  fileprivate var isDateOrTime: Bool {
    switch self {
    case .date, .timestamp, .timestamptz: true
    default: false
    }
  }
}
