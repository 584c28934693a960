// Where experiments happen: a folder and databases of their own, the programs they start, and what they tell.
// Invariant: the folder and every database are removed when their closure ends, whichever way it ends, a cancelled task
// included; only kill -9 leaves them, under names that begin with daybook-bench and daybook_bench.

internal import Definitions
internal import FoundationEssentials
internal import Glibc
internal import Ledger
internal import Postgres
internal import Synchronization

/// The surroundings of one experiment.
struct Workbench: Sendable {
  let project: Project
  let size: BenchmarkSize
  let program: IngestBenchmark.Program
  let told: @Sendable (String) -> Void
  /// A folder that is removed afterwards.
  let folder: String
  /// The project's server.
  let serverURL: String

  /// Numbers the databases of this process.
  private final class Counter: Sendable {
    private let last = Mutex(0)
    func next() -> Int {
      last.withLock { number in
        number += 1
        return number
      }
    }
  }

  /// One for the process, so that experiments side by side make different databases.
  private static let counter = Counter()

  /// The feeds that the sample fills, in the order of loading.
  var feeds: [FeedDefinition] { Self.feedNames.compactMap(project.feed(named:)) }
  private static let feedNames = ["customers", "products", "orders", "transactions"]

  /// For experiments that start none.
  static let noProgram: IngestBenchmark.Program = { _, _ in 127 }

  /// Lends a workbench on the project's server.
  static func with<R: Sendable>(
    _ project: Project, _ size: BenchmarkSize, _ program: @escaping IngestBenchmark.Program,
    _ told: @escaping @Sendable (String) -> Void, _ body: @Sendable (Workbench) async throws -> R
  ) async throws -> R {
    guard feedNames.allSatisfy({ project.feed(named: $0) != nil }) else {
      throw StageFailure(
        .usage, "usage", "the project does not define the feeds \(feedNames.joined(separator: ", "))",
        fix: "run it in a project with the sample's definitions")
    }
    var project = project
    for place in project.feeds.indices where project.feeds[place].name == feedNames.last {
      giveTwoIndexes(to: &project.feeds[place])
    }
    let prepared = project
    return try await Session.withDatabaseURL(of: prepared) { url in
      let folder = try makeFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      return try await body(
        Workbench(
          project: prepared, size: size, program: program, told: told, folder: folder, serverURL: url))
    }
  }

  /// A table that is asked by day and by customer has two indexes beside its key: columns that refer elsewhere get one
  /// until there are two.
  private static func giveTwoIndexes(to feed: inout FeedDefinition) {
    var missing = 2 - feed.columns.count { $0.isIndexed }
    let candidates = feed.columns.indices.filter { feed.columns[$0].reference != nil && !feed.columns[$0].isIndexed }
    for place in candidates.sorted(by: { !feed.columns[$0].isOptional && feed.columns[$1].isOptional })
    where missing > 0 {
      feed.columns[place].isIndexed = true
      missing -= 1
    }
  }

  private static func makeFolder() throws -> String {
    var template = Array("/tmp/daybook-bench-\(getpid())-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw StageFailure(.cannotWriteOutput, "cannot_write", "/tmp: \(String(cString: strerror(errno)))")
    }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  // MARK: Databases

  /// Lends a new database, as its URL, and drops it afterwards.
  ///
  /// - Parameter origin: the name of a database to copy, file by file; nobody may be connected to it.
  func withDatabase<R: Sendable>(
    copying origin: String? = nil, _ body: @Sendable (_ name: String, _ url: String) async throws -> R
  ) async throws -> R {
    let name = "daybook_bench_\(getpid())_\(Self.counter.next())"
    let separator = serverURL.contains("://") ? (serverURL.contains("?") ? "&" : "?") : " "
    let url = "\(serverURL)\(separator)dbname=\(name)"
    let connection = try await PostgresConnection.connect(try PostgresConfiguration(url: serverURL))
    let result = await outcome { () async throws -> R in
      var statement = "CREATE DATABASE \(quoteIdentifier(name))"
      if let origin {
        statement += " TEMPLATE \(quoteIdentifier(origin))"
        // Through shared memory the copy would drive out what the server holds there.
        if connection.serverVersion >= 150_000 { statement += " STRATEGY FILE_COPY" }
      }
      try await connection.execute(statement)
      return try await body(name, url)
    }
    await shielded { await drop(name, on: connection) }
    return try result.get()
  }

  /// Drops a database, on a new connection when the one that made it was lost in the meantime.
  private func drop(_ name: String, on connection: PostgresConnection) async {
    let statement = "DROP DATABASE IF EXISTS \(quoteIdentifier(name)) WITH (FORCE)"
    let dropped = await outcome { _ = try await connection.execute(statement) }
    await connection.close()
    guard case .failure = dropped else { return }
    let again = await outcome {
      let connection = try await PostgresConnection.connect(try PostgresConfiguration(url: serverURL))
      let result = await outcome { _ = try await connection.execute(statement) }
      await connection.close()
      try result.get()
    }
    if case .failure(let error) = again {
      told(
        "the database \(name) could not be dropped: \(StageFailure(error).message); to drop it by hand: \(statement)")
    }
  }

  /// Lends a new database with the project open in it.
  ///
  /// - Parameter connections: how many the pool must allow; the project's own number when that is more.
  func withShop<R: Sendable>(
    connections: Int = 1, _ body: @Sendable (ScratchShop) async throws -> R
  ) async throws -> R {
    try await withDatabase { name, url in try await withShop(name, at: url, connections: connections, body) }
  }

  /// Opens the project in a database; its state goes to a folder of the database's own.
  func withShop<R: Sendable>(
    _ name: String, at url: String, connections: Int = 1, _ body: @Sendable (ScratchShop) async throws -> R
  ) async throws -> R {
    var scratch = project
    scratch.root = "\(folder)/\(name)"
    scratch.inbox = inbox
    scratch.output = "\(folder)/\(name)/Output"
    scratch.database.url = .url(url)
    scratch.database.pool.max = max(scratch.database.pool.max, connections)
    guard let transactions = feeds.last else {
      throw StageFailure(.bug, "bug", "the project has lost its feeds")
    }
    return try await Session.open(scratch) { session in
      try await body(ScratchShop(bench: self, session: session, name: name, url: url, transactions: transactions))
    }
  }

  /// Where the sample is written.
  var inbox: String { "\(folder)/inbox" }

  // MARK: Programs

  /// Runs commands of psql in one session, as a person's script would: one process, no start-up file.
  func psql(_ url: String, _ commands: [String]) async throws {
    // The list of processes shows arguments to everybody; the password goes by the environment.
    let (connection, secret) = try PostgresConfiguration(url: url).handedToProgram()
    let settings = [
      "PGOPTIONS": "-c search_path=\(quoteIdentifier(project.database.schema)),public",
      "PGTZ": project.calendar.timeZone,
    ]
    try await start(
      ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", connection] + commands.flatMap { ["-c", $0] },
      settings.merging(secret) { $1 }, package: "postgresql-client")
  }

  /// Runs a program that must end well.
  func start(_ words: [String], _ environment: [String: String] = [:], package: String) async throws {
    let name = words.first ?? ""
    let status = await program(words, environment)
    try Task.checkCancellation()
    guard status != 127 else {
      throw StageFailure(.stageFailed, name, "\(name) could not be started", fix: "apt install \(package)")
    }
    guard status == 0 else { throw StageFailure(.stageFailed, name, "\(name) ended with \(status)") }
  }
}
