// Page one: the headline figures of every report, what arrived, and the way to all other pages.
// The figures are the first tiles of the reports themselves, never computed a second time.
// The proof of what arrived is elsewhere: ReconciliationPage.

internal import Definitions
internal import Ledger
internal import Markup
internal import Money
internal import Postgres

/// Builds the page `index`.
struct IndexPage {
  let queries: ReportQueries
  static let name = "index"
  static let title = "Overview"

  /// - Parameter headlines: the first tiles of every report, so that page one and the reports cannot disagree.
  func content(headlines: [ContentBlock]) async throws -> ReportContent {
    let feeds = try await feeds()
    let links =
      queries.project.reports.filter { $0.outputs.contains(.html) }.map {
        PageLink(name: $0.name, title: $0.title, description: $0.description)
      } + [
        PageLink(
          name: ReconciliationPage.name, title: ReconciliationPage.title,
          description: "What arrived, what became of every row, and whether the totals agree."),
        PageLink(
          name: DataQualityPage.name, title: DataQualityPage.title,
          description: "What was rejected and why, what the checks found, how fresh each feed is."),
        PageLink(name: RunPage.name, title: RunPage.title, description: "What the run did and what it cost."),
      ]
    var blocks = headlines
    blocks.append(ContentBlock(title: "Reports", body: .links(links)))
    blocks.append(
      ContentBlock(
        title: "What arrived", body: .table, dataset: feeds,
        lead:
          "Rows of this date's files by feed; refused is how many of the files were. The proof is under Reconciliation."
      ))
    return ReportContent(
      name: Self.name, title: Self.title, description: "The headline figures of every report, and what arrived.",
      blocks: blocks)
  }

  private func feeds() async throws -> Dataset {
    let (rows, rowsSQL) = try await queries.told(
      """
      SELECT f.feed, count(*) AS files, count(*) FILTER (WHERE status = 'refused') AS refused,
        sum(rows_read)::bigint AS read, sum(rows_inserted)::bigint AS inserted,
        sum(rows_updated)::bigint AS updated, sum(rows_unchanged)::bigint AS unchanged,
        sum(rows_deleted)::bigint AS deleted, sum(rows_duplicate)::bigint AS duplicate,
        sum(rows_rejected)::bigint AS rejected
      FROM daybook.file f WHERE \(ReportQueries.isStanding) AND as_of = $1 GROUP BY feed ORDER BY feed
      """, [.date(daysSince1970: Int32(clamping: queries.asOf.daysSince1970))])
    let counts = ["files", "refused", "read", "inserted", "updated", "unchanged", "deleted", "duplicate", "rejected"]
    var dataset = try ReportQueries.dataset(
      rows,
      described: [ColumnFormat(column: "feed", kind: .text)] + counts.map { ColumnFormat(column: $0, kind: .integer) },
      shown: 200, csvPath: "data/feeds.csv")
    dataset.statement = rowsSQL
    return dataset
  }
}
