// What was loaded between two sets, as the ledger knows it: the files, changes by hand, and what moved closed months.
// Invariant: a batch belongs between two sets when one holds it and the other does not, in its tables or in its views; the
// manifests say so by number (HeldBatches), and no clock is asked where they do.

public import Definitions
internal import FoundationEssentials
public import Ledger
internal import Money
public import Postgres

/// What the ledger says about the time between two sets.
public struct BatchesBetween: Sendable {
  /// One file, or one change by hand.
  public struct Batch: Sendable, Hashable {
    /// The feed.
    public var feed: String
    /// The file, or who changed the table by hand.
    public var source: String
    /// What became of it: `loaded`, `refused`, `by hand`, …
    public var status: String
    /// When it was recorded, in UTC.
    public var recordedAt: String
    /// Rows that came in or changed.
    public var rows: Int
    /// The batches of changes it made, by number.
    public var batches: [Int]
  }

  /// What moved one closed month.
  public struct Restatement: Sendable, Hashable {
    /// The month's first day.
    public var period: String
    /// The currency.
    public var currency: String
    /// The kind of transaction.
    public var type: String
    /// The batch.
    public var batch: Int
    /// The file, when it was one.
    public var file: String
    /// The amount, plain.
    public var amount: String
  }

  /// Files and changes by hand, in the order in which they were recorded.
  public let batches: [Batch]
  /// What moved closed months; empty when none was.
  public let restatements: [Restatement]

  /// Asks the ledger.
  public init(_ comparison: SetComparison, project: Project, on connection: PostgresConnection) async throws {
    let between = try await NumbersBetween(comparison.before.manifest, comparison.after.manifest, on: connection)
    let numbers = PostgresValue.int8Array(between.batches)
    let utc = "to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
    let files = try await connection.query(
      """
      SELECT feed, source, status, at, rows, numbers FROM (
        SELECT f.feed, f.name AS source, f.status, \(utc) AS at, recorded_at,
          (rows_inserted + rows_updated + rows_deleted)::bigint AS rows,
          coalesce((SELECT array_agg(b.batch_id ORDER BY b.batch_id) FROM daybook.batch b
            WHERE b.file_id = f.file_id), '{}') AS numbers
        FROM daybook.file f WHERE f.file_id = ANY ($2) OR f.file_id IN (
          SELECT b.file_id FROM daybook.batch b WHERE b.batch_id = ANY ($1))
        UNION ALL
        SELECT b.feed, b.made_by, 'by hand', \(utc), recorded_at, (rows_plus + rows_minus)::bigint, ARRAY[b.batch_id]
        FROM daybook.batch b WHERE b.made_by IS NOT NULL AND b.batch_id = ANY ($1)) AS loaded
      ORDER BY recorded_at, feed, source
      """, [numbers, .int8Array(between.files)])
    batches = try files.map { row in
      var numbers: [Int] = []
      if case .int8Array(let values) = try row.value(at: 5) { numbers = values.compactMap { $0.map { Int($0) } } }
      return Batch(
        feed: try row.decode(0), source: try row.decode(1), status: try row.decode(2), recordedAt: try row.decode(3),
        rows: try row.decode(4), batches: numbers)
    }
    let view = QualifiedName(schema: project.database.schema, name: "restatement_batches")
    guard project.view(named: view.name) != nil,
      try await connection.query("SELECT to_regclass($1::text) IS NOT NULL", [.text(view.quoted)])[0].decode(0)
    else {
      restatements = []
      return
    }
    let moved = try await connection.query(
      """
      SELECT period::text, coalesce(currency, ''), coalesce(type, ''), batch_id::bigint, coalesce(file, ''), amount::text
      FROM \(view.quoted) WHERE batch_id = ANY ($1) ORDER BY period, batch_id, currency, type
      """, [numbers])
    restatements = try moved.map { row in
      Restatement(
        period: try row.decode(0), currency: try row.decode(1), type: try row.decode(2), batch: try row.decode(3),
        file: try row.decode(4), amount: try row.decode(5))
    }
  }

  /// As `--json` prints it.
  public var members: [JSONValue.Member] {
    [
      .init(
        "batches",
        .array(
          batches.map { batch in
            [
              "feed": .string(batch.feed), "source": .string(batch.source), "status": .string(batch.status),
              "recorded_at": .string(batch.recordedAt), "rows": .integer(batch.rows),
              "batches": .array(batch.batches.map { .integer($0) }),
            ]
          })),
      .init(
        "restatements",
        .array(
          restatements.map { moved in
            [
              "period": .string(moved.period), "currency": .string(moved.currency), "type": .string(moved.type),
              "batch": .integer(moved.batch), "file": .string(moved.file), "amount": .string(moved.amount),
            ]
          })),
    ]
  }
}
