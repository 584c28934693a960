// Which files and batches of changes a set holds, by their numbers, as the snapshot has them that it was made of.
// Invariant: a number says exactly whether a set holds it, whatever a clock says. Numbers are drawn before the commit, so
// that a lower one may come to light after a higher one: a set holds ranges of numbers with gaps, not all up to the last.
// Views may be behind their feeds: then the last number that they all have is said beside it, for a set holds a batch in
// its views as well as in its tables, and either may come later.
// Of numbers before the newest `window` all are taken as held: a change that is committed after so many others is not told.

internal import Definitions
internal import Ledger
internal import Postgres

/// What of the ledger a set holds.
struct HeldBatches: Sendable, Hashable, Codable {
  /// The random name of the ledger whose numbers these are.
  var ledger: String
  /// The numbers of batches, as the server writes an `int8multirange`: `{(,41),[42,57)}`.
  var batches: String
  /// The numbers of files.
  var files: String
  /// For each feed of which a view is behind the last batch that all its views have.
  var viewsThrough: [String: Int64]

  private enum CodingKeys: String, CodingKey {
    case ledger, batches, files
    case viewsThrough = "views_through"
  }

  /// How many of the newest numbers are looked at one by one.
  static let window = 100_000

  /// Asks the ledger, in the transaction that takes the snapshot.
  static func read(
    _ project: Project, state: LedgerState, on connection: PostgresConnection
  ) async throws(PostgresError) -> HeldBatches {
    func ranges(of number: String, in table: String) -> String {
      """
      (SELECT range_agg(held)::text FROM (
        SELECT int8range(NULL, greatest((SELECT max(\(number)) FROM \(table)) - \(window), 0), '[]') AS held
        UNION ALL SELECT int8range(min(\(number)), max(\(number)), '[]') FROM (
          SELECT \(number), \(number) - row_number() OVER (ORDER BY \(number)) AS island FROM \(table)
          WHERE \(number) > (SELECT max(\(number)) FROM \(table)) - \(window)) AS numbered GROUP BY island) AS ranges)
      """
    }
    let row = try await connection.query(
      "SELECT \(ranges(of: "batch_id", in: "daybook.batch")), \(ranges(of: "file_id", in: "daybook.file"))")[0]
    var held = HeldBatches(
      ledger: state.identity, batches: try row.decode(0), files: try row.decode(1), viewsThrough: [:])
    var behind: [(view: String, feed: String)] = []
    for view in project.views {
      guard let built = state.views[view.name], !state.movedInputs(of: view, since: built).isEmpty else { continue }
      behind += feeds(below: view, in: project).map { (view.name, $0) }
    }
    if behind.isEmpty { return held }
    // What follows no journal says only when it was made.
    let through = try await connection.query(
      """
      SELECT p.feed, min(coalesce(s.absorbed_batch, (SELECT max(b.batch_id) FROM daybook.batch b
        WHERE b.feed = p.feed AND b.recorded_at <= s.refreshed_at), 0))
      FROM unnest($1::text[], $2::text[]) AS p (view, feed) JOIN daybook.view_state s ON s.view = p.view GROUP BY 1
      """, [.textArray(behind.map(\.view)), .textArray(behind.map(\.feed))])
    for row in through { held.viewsThrough[try row.decode(0)] = try row.decode(1, as: Int64.self) }
    return held
  }

  /// The feeds that a view reads, however indirectly.
  private static func feeds(below view: ViewDefinition, in project: Project) -> [String] {
    var (found, open): (Set<String>, [String]) = ([], view.inputs)
    while let name = open.popLast() {
      guard found.insert(name).inserted else { continue }
      open += project.view(named: name)?.inputs ?? []
    }
    return found.filter { project.feed(named: $0) != nil }.sorted()
  }

  /// The part of a manifest.
  var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("ledger", .string(ledger)), .init("batches", .string(batches)), .init("files", .string(files)),
    ]
    let through = viewsThrough.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .integer(Int($0.value))) }
    members.append(.init("views_through", .object(through)))
    return .object(members)
  }
}

/// The numbers of what one of two sets holds and the other does not.
struct NumbersBetween: Sendable {
  var batches: [Int64] = []
  var files: [Int64] = []

  /// Asks the ledger by number, or by the clock where a set is of an older program or of another ledger.
  init(_ before: SetManifest, _ after: SetManifest, on connection: PostgresConnection) async throws(PostgresError) {
    let ledger = try await DataVersions.ledgerIdentity(on: connection)
    guard let first = before.holds, let second = after.holds, first.ledger == ledger, second.ledger == ledger else {
      let times = [before.generatedAt, after.generatedAt].sorted().map { PostgresValue.text($0) }
      let inRange = "recorded_at > $1::text::timestamptz AND recorded_at <= $2::text::timestamptz"
      batches = try await Self.numbers("SELECT batch_id FROM daybook.batch WHERE \(inRange)", times, connection)
      files = try await Self.numbers("SELECT file_id FROM daybook.file WHERE \(inRange)", times, connection)
      return
    }
    func through(_ feeds: Int, _ numbers: Int) -> String {
      """
      coalesce((SELECT t.number FROM unnest($\(feeds)::text[], $\(numbers)::bigint[]) AS t (feed, number)
        WHERE t.feed = b.feed), 9223372036854775807)
      """
    }
    func views(_ held: HeldBatches) -> [PostgresValue] {
      let sorted = held.viewsThrough.sorted { $0.key < $1.key }
      return [.textArray(sorted.map(\.key)), .int8Array(sorted.map(\.value))]
    }
    batches = try await Self.numbers(
      """
      SELECT batch_id FROM daybook.batch b
      WHERE (batch_id <@ $1::text::int8multirange) <> (batch_id <@ $2::text::int8multirange)
        OR batch_id <@ $1::text::int8multirange
          AND (batch_id <= \(through(3, 4))) <> (batch_id <= \(through(5, 6)))
      """, [.text(first.batches), .text(second.batches)] + views(first) + views(second), connection)
    files = try await Self.numbers(
      """
      SELECT file_id FROM daybook.file
      WHERE (file_id <@ $1::text::int8multirange) <> (file_id <@ $2::text::int8multirange)
      """, [.text(first.files), .text(second.files)], connection)
  }

  private static func numbers(
    _ sql: String, _ values: [PostgresValue], _ connection: PostgresConnection
  ) async throws(PostgresError) -> [Int64] {
    let rows = try await connection.query(sql, values)
    var numbers: [Int64] = []
    for row in rows { numbers.append(try row.decode(0)) }
    return numbers
  }
}
