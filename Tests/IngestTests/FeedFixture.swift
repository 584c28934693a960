// A project of one test: an inbox and an output in a temporary directory, a fresh database with a ledger, and
// feeds made of values instead of YAML. What a test reads back it reads through psql, apart from the code under test.

import Definitions
import Finding
import Glibc
import Ingest
import Ledger
import Money
import Postgres
import Synchronization
import Telemetry
import TestSupport

/// One project with its database.
struct FeedFixture: Sendable {
  let database: TestDatabase
  let directory: TemporaryDirectory
  let pool: PostgresPool
  let ledger: LedgerStore
  static let asOf = CivilDate(year: 2026, month: 11, day: 20) ?? CivilDate(daysSince1970: 0)

  /// Runs a test with a project of its own.
  static func with<R: Sendable>(
    _ body: @Sendable (FeedFixture) async throws -> R
  ) async throws -> R {
    try await TestDatabase.withDatabase(hasLedger: true) { database in
      try await TemporaryDirectory.with { directory in
        let ledger = LedgerStore(configuration: database.configuration)
        try await ledger.open()
        let result = try await database.withPool { pool in
          _ = makeDirectory(directory.appending("inbox"))
          return try await body(
            FeedFixture(database: database, directory: directory, pool: pool, ledger: ledger))
        }
        await ledger.close()
        return result
      }
    }
  }

  private static func makeDirectory(_ path: String) -> Bool { mkdir(path, 0o755) == 0 }

  func project(
    _ feeds: [FeedDefinition], timeZone: String = "America/New_York", late: LateChangeRule = .restate
  ) -> Project {
    Project(
      name: "test", root: directory.path,
      database: DatabaseSettings(url: .url(database.url), schema: "finance"), inbox: directory.appending("inbox"),
      output: directory.appending("Output"), calendar: CalendarSettings(timeZone: timeZone),
      close: CloseSettings(late: late), feeds: feeds, views: [], reports: [], jobs: [], configurationHash: "test")
  }

  /// Puts a file into the inbox.
  @discardableResult
  func deliver(_ name: String, _ text: String) throws -> String { try directory.write(text, to: "inbox/\(name)") }

  @discardableResult
  func deliver(_ name: String, _ bytes: [UInt8]) throws -> String { try directory.write(bytes, to: "inbox/\(name)") }

  /// Ingests a feed as a run of its own.
  nonisolated(nonsending) func ingest(
    _ feed: FeedDefinition, _ selection: FileSelection = .inbox, asOf: CivilDate = FeedFixture.asOf,
    timeZone: String = "America/New_York", late: LateChangeRule = .restate, progress: any ProgressSink = NullProgress(),
    workers: Int? = nil,
    lentBy other: PostgresPool? = nil
  ) async throws -> IngestOutcome {
    try await FeedIngestion(
      project: project([feed], timeZone: timeZone, late: late), feed: feed, pool: other ?? pool, runID: .make(),
      asOf: asOf, progress: progress, workers: workers
    ).run(selection)
  }

  /// One value or the rows of a query, in psql's unaligned form.
  nonisolated(nonsending) func query(_ sql: String) async throws -> String {
    try await database.psql(sql).trimmingLineEnd()
  }

  /// Staging tables that are still there.
  nonisolated(nonsending) func stagingTables() async throws -> String {
    try await query("select count(*) from pg_class where relname like 'staging%'")
  }
}

extension String {
  func trimmingLineEnd() -> String {
    var text = self
    while text.last == "\n" { text.removeLast() }
    return text
  }
}

let here = SourcePosition(file: "Jobs/feeds/test.yaml", line: 1)

func column(
  _ name: String, _ type: ColumnType, from source: String? = nil, constant: String? = nil, optional: Bool = false,
  indexed: Bool = false, references: ColumnReference? = nil, minimum: ExactDecimal? = nil,
  maximum: ExactDecimal? = nil, oneOf: [String] = [], matches: String? = nil, control: String? = nil,
  format: DateTimeFormat? = nil, integralDecimal: Bool = false
) -> ColumnDefinition {
  ColumnDefinition(
    name: name, type: type, sourceName: source, constant: constant, isOptional: optional, isIndexed: indexed,
    reference: references, minimum: minimum.map(ColumnBound.number), maximum: maximum.map(ColumnBound.number),
    oneOf: oneOf, pattern: matches, control: control.map(ControlSum.init(groupedBy:)), format: format,
    acceptsIntegralDecimal: integralDecimal, position: here)
}

func feed(
  _ name: String, key: [String] = ["id"], mode: FeedMode = .delta, onConflict: ConflictRule = .update,
  limit: Limit = .count(1000), required: Bool = true, format: FeedFormat = FeedFormat(nullTokens: ["", "NULL"]),
  hash: String = "1", _ columns: [ColumnDefinition]
) -> FeedDefinition {
  FeedDefinition(
    name: name, filePattern: "\(name)_*.csv*", format: format, mode: mode, key: key, onConflict: onConflict,
    columns: columns, rejectLimit: limit, isRequired: required, position: here, definitionHash: hash)
}

/// Payments: every check, a control sum, an index.
func payments(
  limit: Limit = .count(1000), mode: FeedMode = .delta, onConflict: ConflictRule = .update, hash: String = "1",
  extra: [ColumnDefinition] = []
) -> FeedDefinition {
  feed(
    "payments", mode: mode, onConflict: onConflict, limit: limit, hash: hash,
    [
      column("id", .bigint), column("customer", .bigint, optional: true),
      column("kind", .text, oneOf: ["payment", "refund"]),
      column("amount", .decimal(precision: 14, scale: 2), minimum: 0, control: "currency"),
      column("currency", .text, matches: "^[A-Z]{3}$"),
      column("at", .timestamptz, indexed: true),
    ] + extra)
}

let paymentsHeader = "id,customer,kind,amount,currency,at\n"

/// Collects progress.
final class RecordedProgress: ProgressSink {
  let updates = Mutex<[ProgressUpdate]>([])
  func progress(_ update: ProgressUpdate) { updates.withLock { $0.append(update) } }
}
