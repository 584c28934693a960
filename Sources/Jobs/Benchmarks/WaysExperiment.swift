// The ways of inserting ten thousand rows that teaching material compares, and Daybook's. Every way inserts the same
// rows into the same emptied table, and is checked after each round. For ways 1 to 5 and 7 the rows lie in memory before
// the clock starts; 6 and 8 read the file.

internal import Definitions
internal import Glibc
internal import Ingest
internal import Postgres

struct WaysExperiment {
  let bench: Workbench

  /// Tasks that insert at the same time where there is no pool to bound them.
  private static let tasks = 32
  private static let batchRows = 500
  /// The first ways go to the server once for each row.
  private static let slowWays = 4

  func run() async throws -> ExperimentResult {
    // More would take hours: the first way takes milliseconds for each row.
    let asked = min(bench.size.rows ?? 10_000, 10_000)
    let sample = try bench.makeSample(rows: asked * 102 / 100 + 10)
    let file = try sample.prefix(rows: asked, to: "\(bench.folder)/rows.csv")
    bench.told("\(file.rows) transactions, \(file.bytes) bytes")
    return try await bench.withShop { shop in
      try await shop.makeTables(from: sample)
      let all = try await Self.read(file, shop)
      let agreed = AgreedState()
      let sides = try await ways(shop, file, all).map { name, work in
        BenchSide(name) { _ in
          try await shop.empty()
        } work: { _ in
          try await work()
        } check: { _ in
          try await shop.check(name, holds: file, agreed: agreed)
        }
      }
      // A way that takes a minute is measured once; those that take less than a second need more to say something.
      var times = try await bench.seconds(Array(sides[..<Self.slowWays]), rounds: bench.size.rounds ?? 1)
      times += try await bench.seconds(Array(sides[Self.slowWays...]), rounds: bench.size.rounds ?? 5)
      let first = sides[0].name
      return ExperimentResult(
        .ways, title: "ways of inserting \(file.rows) rows; the ratio is the speed-up", rows: file.rows,
        bytes: file.bytes,
        measurements: zip(sides, times).map { side, seconds in
          Measurement(
            side.name, unit: "rows/s", samples: seconds.map { Double(file.rows) / $0 },
            against: side.name == first ? nil : first)
        }, notes: notes)
    }
  }

  private var notes: [String] {
    [
      "1 and 2 open a connection for each row, 2 in \(Self.tasks) tasks at a time; 4 and 5 have the project's pool",
      "5 inserts \(Self.batchRows) rows in a statement",
      "7 sends bytes that the server itself wrote, so encoding them is not in its time; 7b sends the file's own bytes",
      "6 and 8 are all of it: reading, checks, references, duplicates, reconciliation and the ledger, 6 by load: insert "
        + "and 8 by load: auto",
    ]
  }

  private static func read(_ file: BenchFile, _ shop: ScratchShop) async throws -> TransactionRows {
    var all = TransactionRows(shop)
    try await TransactionRows.forEachPiece(of: file.path, shop, layout: file.layout, rows: 1_000) { piece in
      all.rows += piece.rows
    }
    return all
  }

  private typealias Way = (name: String, work: @Sendable () async throws -> Void)

  private func ways(_ shop: ScratchShop, _ file: BenchFile, _ all: TransactionRows) async throws -> [Way] {
    let configuration = shop.session.configuration
    let pool = shop.session.pool
    let tasks = try await Self.allowedTasks(shop)
    let text = try Self.bytes(of: file.path)
    let binary = try await Self.binary(file, shop)
    return [
      ("1_connection_per_row", { try await Self.connectForEach(all.rows[...], all, configuration) }),
      (
        "2_connection_per_row_tasks",
        {
          try await Self.inParallel(all.shares(tasks)) {
            try await Self.connectForEach($0.rows[...], $0, configuration)
          }
        }
      ),
      (
        "3_one_connection",
        {
          let insert = all.pieces(of: 1).map { $0.multiRowInsert() }
          try await pool.withConnection(label: "bench") { connection in
            for (sql, parameters) in insert { try await connection.execute(sql, parameters) }
          }
        }
      ),
      (
        "4_pool_tasks",
        {
          try await Self.inParallel(all.shares(tasks)) { share in
            for row in share.pieces(of: 1) { try await Self.insert(row.multiRowInsert(), pool) }
          }
        }
      ),
      (
        "5_batches_pool_tasks",
        {
          try await Self.inParallel(all.pieces(of: Self.batchRows)) { try await Self.insert($0.multiRowInsert(), pool) }
        }
      ),
      ("6_load_insert", { try await shop.ingest(file.path, IngestSetting(load: .insert)) }),
      ("7_copy_binary", { try await Self.copy(binary, "binary", shop) }),
      ("7b_copy_csv", { try await Self.copy(text, "csv, header", shop) }),
      ("8_ingest", { try await shop.ingest(file.path) }),
    ]
  }

  private static func insert(_ statement: (sql: String, parameters: [PostgresValue]), _ pool: PostgresPool) async throws
  {
    _ = try await pool.withConnection(label: "bench") { try await $0.execute(statement.sql, statement.parameters) }
  }

  private static func connectForEach(
    _ rows: ArraySlice<[PostgresValue]>, _ all: TransactionRows, _ configuration: PostgresConfiguration
  ) async throws {
    var one = all
    for row in rows {
      one.rows = [row]
      let (sql, parameters) = one.multiRowInsert()
      let connection = try await PostgresConnection.connect(configuration)
      let result = await outcome { _ = try await connection.execute(sql, parameters) }
      await connection.close()
      try result.get()
    }
  }

  private static func inParallel(
    _ shares: [TransactionRows], _ work: @escaping @Sendable (TransactionRows) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for share in shares { group.addTask { try await work(share) } }
      try await group.waitForAll()
    }
  }

  /// As many tasks as the server has connections for, with some left to others.
  private static func allowedTasks(_ shop: ScratchShop) async throws -> Int {
    try await shop.session.pool.withConnection(label: "bench") { connection in
      let rows = try await connection.query("select current_setting('max_connections')::bigint")
      return min(tasks, max(2, (try rows.first?.decode(0, as: Int.self) ?? 20) / 3))
    }
  }

  // MARK: COPY

  private static func copy(_ bytes: [UInt8], _ options: String, _ shop: ScratchShop) async throws {
    let statement = "copy \(shop.table) (\(shop.columnList)) from stdin with (format \(options))"
    _ = try await shop.session.pool.withConnection(label: "bench") { connection in
      try await connection.copyIn(statement) { writer in
        var start = 0
        while start < bytes.count {
          let end = min(start + 1 << 18, bytes.count)
          try await writer.write(Array(bytes[start..<end]))
          start = end
        }
      }
    }
  }

  private static func bytes(of path: String) throws -> [UInt8] {
    let reader = try LineReader(path)
    var bytes: [UInt8] = []
    while try reader.next({ line in
      bytes += line
      bytes.append(0x0A)
    }) {}
    return bytes
  }

  /// The file's rows as the server writes them in binary.
  private static func binary(_ file: BenchFile, _ shop: ScratchShop) async throws -> [UInt8] {
    try await shop.empty()
    try await copy(try bytes(of: file.path), "csv, header", shop)
    let statement = "copy \(shop.table) (\(shop.columnList)) to stdout with (format binary)"
    return try await shop.session.pool.withConnection(label: "bench") { connection in
      var bytes: [UInt8] = []
      _ = try await connection.copyOut(statement) { bytes += $0 }
      return bytes
    }
  }
}
