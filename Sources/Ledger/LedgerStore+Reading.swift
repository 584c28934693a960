// Runs and stages as they stand in the ledger, newest run first.
// `LedgerReader` reads on any connection, so that `status` works while another process runs.

internal import Money
public import Postgres

extension LedgerStore {
  /// The newest runs first, at most `limit`.
  public func runs(limit: Int) async throws(LedgerError) -> [RunSummary] {
    try await perform { connection async throws(PostgresError) in
      try await LedgerReader.runs(limit: limit, on: connection)
    }
  }

  /// The run of that name.
  public func run(_ id: RunID) async throws(LedgerError) -> RunSummary? {
    try await perform { connection async throws(PostgresError) in try await LedgerReader.run(id, on: connection) }
  }

  /// The stages of a run, in order.
  public func stages(run: RunID) async throws(LedgerError) -> [StageSummary] {
    try await perform { connection async throws(PostgresError) in
      try await LedgerReader.stages(run: run, on: connection)
    }
  }

  /// Whether some session holds the run lock of this database now.
  public func isRunLockHeld() async throws(LedgerError) -> Bool {
    try await perform { connection async throws(PostgresError) in
      let rows = try await connection.query(
        """
        SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
          AND classid::bigint = ($1::bigint >> 32) AND objid::bigint = ($1::bigint & 4294967295)
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
        """, [.int8(Self.runLockKey)])
      return try rows.first?.decode(0, as: Bool.self) ?? false
    }
  }
}

/// Reads runs and stages.
public enum LedgerReader {
  /// The newest runs first, at most `limit`.
  public static func runs(limit: Int, on connection: PostgresConnection)
    async throws(PostgresError) -> [RunSummary]
  {
    let rows = try await connection.query(
      runQuery + " ORDER BY started_at DESC, run_id DESC LIMIT $1", [.int8(Int64(limit))])
    return try runs(rows)
  }

  /// The run of that name.
  public static func run(_ id: RunID, on connection: PostgresConnection) async throws(PostgresError) -> RunSummary? {
    try runs(try await connection.query(runQuery + " WHERE run_id = $1", [.uuid(id.bytes)])).first
  }

  /// The stages of a run, in order.
  public static func stages(run: RunID, on connection: PostgresConnection)
    async throws(PostgresError) -> [StageSummary]
  {
    let rows = try await connection.query(
      """
      SELECT seq, stage, name, attempt, status, skip_reason, started_at, finished_at, wall_ms, cpu_user_ms,
        cpu_sys_ms, maxrss_kb, rows_read, rows_inserted, rows_updated, rows_unchanged, rows_deleted,
        rows_duplicate, rows_rejected, rows_out, bytes_in, input_path, input_sha256, wal_bytes, shared_hit,
        shared_read, shared_written, temp_bytes, sqlstate, error_message, detail
      FROM daybook.stage_run WHERE run_id = $1 ORDER BY seq
      """, [.uuid(run.bytes)])
    let sums = try await controlSums(run: run, on: connection)
    var stages: [StageSummary] = []
    for row in rows { stages.append(try stage(row, run: run, sums: sums)) }
    return stages
  }

  private static let runQuery = """
    SELECT run_id::text, job, as_of, attempt, parent_run_id::text, trigger, status, exit_code, started_at,
      finished_at, heartbeat_at, wall_ms, cpu_user_ms, cpu_sys_ms, maxrss_kb, host, pid, argv, version,
      config_hash, pg_version, lock_wait_ms, error_stage, error_class, error_message
    FROM daybook.run
    """

  private static func runs(_ rows: PostgresRows) throws(PostgresError) -> [RunSummary] {
    var runs: [RunSummary] = []
    for row in rows { runs.append(try run(row)) }
    return runs
  }

  private static func run(_ row: PostgresRow) throws(PostgresError) -> RunSummary {
    let record = RunRecord(
      runID: try row.runID(0), job: try row.decode(1), asOf: try row.date(2), attempt: try row.decode(3),
      parent: try row.optionalRunID(4), trigger: RunTrigger(rawValue: try row.decode(5)) ?? .unattended,
      startedAt: try row.moment(8), host: try row.decode(15), processID: try row.decode(16),
      arguments: try row.decode(17), version: try row.decode(18), configurationHash: try row.decode(19),
      lockWaitMilliseconds: try row.decode(21))
    var failure: RunFailure?
    if let message: String = try row.decode(24) {
      let stage: String? = try row.decode(22)
      let errorClass: String? = try row.decode(23)
      failure = RunFailure(stage: stage ?? "", errorClass: errorClass ?? "", message: message)
    }
    return RunSummary(
      record: record, serverVersion: try row.decode(20), status: try status(row, 6),
      heartbeatAt: try row.moment(10), finishedAt: try row.optionalMoment(9), exitCode: try row.decode(7),
      cost: try cost(row, from: 11), failure: failure)
  }

  private static func stage(
    _ row: PostgresRow, run: RunID, sums: [Int: [ControlSumEntry]]
  ) throws(PostgresError) -> StageSummary {
    let sequence: Int = try row.decode(0)
    let stage: String = try row.decode(1)
    let name: String = try row.decode(2)
    let status = try status(row, 4)
    var result: StageResult?
    if let finishedAt = try row.optionalMoment(7) {
      var serverCost: ServerCost?
      if let walBytes: Int = try row.decode(23) {
        serverCost = ServerCost(
          walBytes: walBytes, sharedHit: try row.decode(24), sharedRead: try row.decode(25),
          sharedWritten: try row.decode(26), temporaryBytes: try row.decode(27))
      }
      var failure: RunFailure?
      if let message: String = try row.decode(29) {
        failure = RunFailure(
          stage: "\(stage) \(name)", errorClass: status.rawValue, message: message, sqlState: try row.decode(28))
      }
      result = StageResult(
        status: status, skipReason: try row.decode(5), finishedAt: finishedAt, cost: try cost(row, from: 8) ?? .zero,
        serverCost: serverCost, rows: try row.rowCounts(from: 12), rowsOut: try row.decode(19),
        bytesIn: try row.decode(20), inputPath: try row.decode(21), inputSHA256: try row.decode(22),
        controlSums: sums[sequence] ?? [], failure: failure, detail: try row.decode(30))
    }
    return StageSummary(
      id: StageID(runID: run, sequence: sequence), stage: stage, name: name, attempt: try row.decode(3),
      startedAt: try row.moment(6), status: status, result: result)
  }

  private static func controlSums(run: RunID, on connection: PostgresConnection)
    async throws(PostgresError) -> [Int: [ControlSumEntry]]
  {
    let rows = try await connection.query(
      """
      SELECT seq, column_name, currency, outcome, amount::text FROM daybook.stage_control_sum
      WHERE run_id = $1 ORDER BY seq, column_name, currency, outcome
      """, [.uuid(run.bytes)])
    var sums: [Int: [ControlSumEntry]] = [:]
    for row in rows {
      let outcome: String = try row.decode(3)
      let amount: String = try row.decode(4)
      guard let known = ControlSumEntry.Outcome(rawValue: outcome), let exact = ExactDecimal(amount) else {
        throw PostgresError(.decoding, "the ledger holds an unknown control sum, \(outcome) \(amount)")
      }
      sums[try row.decode(0, as: Int.self), default: []].append(
        ControlSumEntry(column: try row.decode(1), currency: try row.decode(2), outcome: known, amount: exact))
    }
    return sums
  }

  private static func status(_ row: PostgresRow, _ column: Int) throws(PostgresError) -> RunStatus {
    let text: String = try row.decode(column)
    guard let status = RunStatus(rawValue: text) else {
      throw PostgresError(.decoding, "the ledger holds the unknown status \"\(text)\"")
    }
    return status
  }

  private static func cost(_ row: PostgresRow, from column: Int) throws(PostgresError) -> ProcessCost? {
    guard let wall: Int = try row.decode(column) else { return nil }
    return ProcessCost(
      wallMilliseconds: wall, cpuUserMilliseconds: try row.decode(column + 1),
      cpuSystemMilliseconds: try row.decode(column + 2), peakResidentKilobytes: try row.decode(column + 3))
  }
}
