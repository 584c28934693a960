// How the ingest compares with PostgreSQL's own client: the same file, the same constrained table, in pairs.
// Each pair empties the table before each side and changes which side goes first, so that neither profits from
// the other's warmth. Everything happens in a database and a folder of its own, which are removed again.

public import Definitions
internal import FoundationEssentials
internal import Glibc
internal import Ingest
internal import Ledger
internal import Money
internal import Postgres
internal import SampleData
internal import Telemetry

/// Times `\copy` against the ingest.
public struct IngestBenchmark: Sendable {
  /// One pair of times.
  public struct Pair: Sendable, Hashable {
    /// What `\copy` took.
    public var copySeconds: Double
    /// What the ingest took.
    public var ingestSeconds: Double

    /// How many times longer the ingest took.
    public var ratio: Double { ingestSeconds / copySeconds }
  }

  /// What was measured.
  public struct Result: Sendable, Hashable {
    /// Rows of the file.
    public var rows: Int
    /// Bytes of the file.
    public var bytes: Int
    /// The pairs, in the order they ran.
    public var pairs: [Pair]

    /// The middle of the ratios.
    public var medianRatio: Double { Self.median(pairs.map(\.ratio)) }
    /// The middle of the times of `\copy`.
    public var medianCopySeconds: Double { Self.median(pairs.map(\.copySeconds)) }
    /// The middle of the times of the ingest.
    public var medianIngestSeconds: Double { Self.median(pairs.map(\.ingestSeconds)) }

    static func median(_ values: [Double]) -> Double {
      guard !values.isEmpty else { return 0 }
      let sorted = values.sorted()
      return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
  }

  /// Runs one command of psql on a database and waits for its end.
  public typealias Client = @Sendable (_ url: String, _ command: String) async throws -> Void

  let project: Project
  let rows: Int
  let pairs: Int
  let client: Client

  /// - Parameters:
  ///   - project: whose definitions of customers, products, orders and transactions are used.
  ///   - rows: transactions in the file.
  ///   - pairs: how often both are timed.
  ///   - client: psql.
  public init(project: Project, rows: Int, pairs: Int, client: @escaping Client) {
    self.project = project
    self.rows = rows
    self.pairs = pairs
    self.client = client
  }

  /// Measures.
  ///
  /// - Parameter told: called with one line for each step.
  public func run(told: @Sendable (String) -> Void) async throws -> Result {
    let feeds = ["customers", "products", "orders", "transactions"].compactMap(project.feed(named:))
    guard feeds.count == 4, let transactions = feeds.last else {
      throw StageFailure(
        .usage, "usage", "the project does not define the feeds customers, products, orders and transactions",
        fix: "run it in a project with the sample's definitions")
    }
    let folder = try Self.makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var scratch = project
    scratch.root = folder
    scratch.inbox = "\(folder)/inbox"
    scratch.output = "\(folder)/Output"
    let summary = try makeFeeds(in: scratch.inbox)
    guard let file = summary.files.first(where: { $0.feed == transactions.name }) else {
      throw StageFailure(.bug, "bug", "the sample has no transactions")
    }
    let path = "\(scratch.inbox)/\(file.name)"
    let size = try Self.removeRepeatedKeys(path)
    told("\(size.rows) transactions, \(size.bytes) bytes")
    let prepared = scratch
    return try await withScratchDatabase { url in
      let pairs = try await measure(prepared, feeds, url: url, path: path, told: told)
      return Result(rows: size.rows, bytes: size.bytes, pairs: pairs)
    }
  }

  private func measure(
    _ scratch: Project, _ feeds: [FeedDefinition], url: String, path: String, told: @Sendable (String) -> Void
  ) async throws -> [Pair] {
    var project = scratch
    project.database.url = .url(url)
    return try await Session.open(project) { session in
      let run = RunID.make()
      let day = Moment.now().dayInUTC
      func ingest(_ feed: FeedDefinition, _ files: FileSelection) async throws {
        let outcome = try await FeedIngestion(
          project: session.project, feed: feed, pool: session.pool, runID: run, asOf: day
        ).run(files)
        guard outcome.status == .loaded, outcome.rows.rejected == 0 else {
          throw StageFailure(.dataRefused, "bench", "the sample's \(feed.name) did not load: \(outcome.rows)")
        }
      }
      // The first load makes the tables, and the rows that transactions reference.
      for feed in feeds { try await ingest(feed, .inbox) }
      guard let transactions = feeds.last else { return [] }
      let table = QualifiedName(schema: session.project.database.schema, name: transactions.name).quoted
      let columns = transactions.columns.filter { $0.constant == nil }.map { quoteIdentifier($0.name) }
      let copy =
        "\\copy \(table) (\(columns.joined(separator: ", "))) from \(quoteLiteral(path)) with (format csv, header)"

      func empty() async throws {
        try await session.pool.withConnection(label: "bench") { connection in
          try await connection.execute("TRUNCATE \(table) CASCADE")
          // Not everybody may; then both sides share the same dirty pages.
          _ = try? await connection.execute("CHECKPOINT")
        }
      }
      func timeCopy() async throws -> Double {
        try await empty()
        return try await seconds { try await client(url, copy) }
      }
      func timeIngest() async throws -> Double {
        try await empty()
        return try await seconds { try await ingest(transactions, .file(path, reload: true)) }
      }

      var times: [Pair] = []
      for number in 1...pairs {
        var pair = Pair(copySeconds: 0, ingestSeconds: 0)
        if number % 2 == 1 {
          pair.copySeconds = try await timeCopy()
          pair.ingestSeconds = try await timeIngest()
        } else {
          pair.ingestSeconds = try await timeIngest()
          pair.copySeconds = try await timeCopy()
        }
        times.append(pair)
        told(
          "pair \(number): \\copy \(fixed(pair.copySeconds)) s, ingest \(fixed(pair.ingestSeconds)) s, ratio \(fixed(pair.ratio))"
        )
      }
      return times
    }
  }

  private func makeFeeds(in inbox: String) throws -> SampleSummary {
    guard let start = CivilDate("2025-01-01"), let end = CivilDate("2026-06-30") else {
      throw StageFailure(.bug, "bug", "the days of the sample are wrong")
    }
    let settings = try SampleSettings(
      customers: max(10, rows / 20), products: max(10, rows / 100), orders: max(10, rows / 2), transactions: rows,
      seed: 7, start: start, end: end, nights: 0, dirty: .zero)
    return try SampleGenerator(settings).write(to: inbox)
  }

  /// Lends a new database on the project's server and drops it afterwards.
  private func withScratchDatabase<R: Sendable>(_ body: @Sendable (String) async throws -> R) async throws -> R {
    let name = "daybook_bench_\(getpid())"
    return try await Session.withDatabaseURL(of: project) { url in
      let configuration = try PostgresConfiguration(url: url)
      let connection = try await PostgresConnection.connect(configuration)
      try await connection.execute("CREATE DATABASE \(quoteIdentifier(name))")
      let separator = url.contains("://") ? (url.contains("?") ? "&" : "?") : " "
      let result = await outcome { () async throws -> R in try await body("\(url)\(separator)dbname=\(name)") }
      await shielded {
        _ = try? await connection.execute("DROP DATABASE \(quoteIdentifier(name)) WITH (FORCE)")
        await connection.close()
      }
      return try result.get()
    }
  }

  /// Keeps the first record of each key: `\copy` cannot bear a second one. The key is the first field.
  private static func removeRepeatedKeys(_ path: String) throws -> (rows: Int, bytes: Int) {
    let text = try Data(contentsOf: URL(filePath: path))
    var seen: Set<Data> = []
    var kept = Data(capacity: text.count)
    var rows = -1
    var start = text.startIndex
    while let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) {
      let line = text[start...end]
      start = text.index(after: end)
      guard seen.insert(Data(line.prefix { $0 != UInt8(ascii: ",") })).inserted else { continue }
      kept += line
      rows += 1
    }
    try kept.write(to: URL(filePath: path))
    return (rows, kept.count)
  }

  private static func makeFolder() throws -> String {
    var template = Array("/tmp/daybook-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw StageFailure(.cannotWriteOutput, "cannot_write", "/tmp: \(String(cString: strerror(errno)))")
    }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// How long `body` takes.
private func seconds(_ body: () async throws -> Void) async throws -> Double {
  let (seconds, attoseconds) = try await ContinuousClock().measure(body).components
  return Double(seconds) + Double(attoseconds) / 1e18
}

/// A measured number with three digits behind the point.
public func fixed(_ value: Double) -> String {
  let thousandths = Int((value * 1000).rounded())
  let fraction = String(thousandths.magnitude % 1000)
  return "\(thousandths / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
}
