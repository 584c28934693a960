// Writing runs and stages down: a row at the start, the rest at the end, each also to the mirror.

internal import Money
internal import Postgres

extension LedgerStore {
  /// Marks runs that are `running` as `lost`. Call it while holding the run lock: whoever holds it is the only
  /// run that can be alive.
  ///
  /// - Returns: the runs that were lost, oldest first.
  @discardableResult
  public func markLostRuns() async throws(LedgerError) -> [RunID] {
    let lost = try await perform { connection async throws(PostgresError) in
      let rows = try await connection.query(
        """
        WITH lost AS (
          UPDATE daybook.run SET status = 'lost', finished_at = heartbeat_at, error_class = 'lost',
            error_message = 'its process ended without a word'
          WHERE status = 'running' RETURNING run_id
        ), stages AS (
          UPDATE daybook.stage_run AS s SET status = 'lost', finished_at = clock_timestamp()
          FROM lost WHERE s.run_id = lost.run_id AND s.status = 'running'
        )
        SELECT run_id::text FROM lost ORDER BY run_id
        """)
      var runs: [RunID] = []
      for row in rows { runs.append(try row.runID(0)) }
      return runs
    }
    for run in lost {
      mirror.append(["event": "lost", "run_id": .string(run.description)], to: run)
    }
    return lost
  }

  /// Writes down that a run started.
  public func startRun(_ run: RunRecord) async throws(LedgerError) {
    mirror.append(run.event, to: run.runID)
    try await perform { connection async throws(PostgresError) in
      try await connection.execute(
        """
        INSERT INTO daybook.run (run_id, job, as_of, attempt, parent_run_id, trigger, status, started_at,
          heartbeat_at, host, pid, argv, version, config_hash, pg_version, lock_wait_ms)
        VALUES ($1, $2, $3, $4, $5, $6, 'running', $7, $7, $8, $9, $10, $11, $12, $13, $14)
        ON CONFLICT (run_id) DO NOTHING
        """,
        [
          .uuid(run.runID.bytes), .text(run.job), .date(run.asOf), .int8(Int64(run.attempt)), .optional(run.parent),
          .text(run.trigger.rawValue), .moment(run.startedAt), .text(run.host), .int8(Int64(run.processID)),
          .textArray(run.arguments), .text(run.version), .text(run.configurationHash),
          .int8(Int64(connection.serverVersion)), .int8(Int64(run.lockWaitMilliseconds)),
        ])
    }
  }

  /// Writes down how a run ended.
  public func finishRun(_ run: RunID, _ result: RunResult) async throws(LedgerError) {
    mirror.append(result.event(run), to: run)
    try await perform { connection async throws(PostgresError) in
      try await connection.execute(
        """
        UPDATE daybook.run SET status = $2, exit_code = $3, finished_at = $4, heartbeat_at = $4, wall_ms = $5,
          cpu_user_ms = $6, cpu_sys_ms = $7, maxrss_kb = $8, error_stage = $9, error_class = $10, error_message = $11
        WHERE run_id = $1 AND set_config('synchronous_commit', 'on', true) IS NOT NULL
        """,
        [
          .uuid(run.bytes), .text(result.status.rawValue), .int8(Int64(result.exitCode)), .moment(result.finishedAt),
        ] + result.cost.parameters + [
          .optional(result.failure?.stage), .optional(result.failure?.errorClass),
          .optional(result.failure?.message),
        ])
    }
  }

  /// Writes down that a stage started.
  public func startStage(
    run: RunID, stage: String, name: String, attempt: Int = 1, startedAt: Moment
  ) async throws(LedgerError) -> StageID {
    let id = StageID(runID: run, sequence: nextSequence(run))
    mirror.append(
      [
        "event": "stage_started", "seq": .integer(id.sequence), "stage": .string(stage), "name": .string(name),
        "at": .string(startedAt.description),
      ], to: run)
    try await perform { connection async throws(PostgresError) in
      try await connection.execute(
        """
        INSERT INTO daybook.stage_run (run_id, seq, stage, name, attempt, status, started_at)
        VALUES ($1, $2, $3, $4, $5, 'running', $6) ON CONFLICT (run_id, seq) DO NOTHING
        """,
        [
          .uuid(run.bytes), .int8(Int64(id.sequence)), .text(stage), .text(name), .int8(Int64(attempt)),
          .moment(startedAt),
        ])
    }
    return id
  }

  /// Writes down how a stage ended.
  public func finishStage(_ stage: StageID, _ result: StageResult) async throws(LedgerError) {
    mirror.append(result.event(stage), to: stage.runID)
    try await perform { connection async throws(PostgresError) in
      try await connection.execute(
        """
        UPDATE daybook.stage_run SET status = $3, skip_reason = $4, finished_at = $5, wall_ms = $6,
          cpu_user_ms = $7, cpu_sys_ms = $8, maxrss_kb = $9, rows_read = $10, rows_inserted = $11,
          rows_updated = $12, rows_unchanged = $13, rows_deleted = $14, rows_duplicate = $15, rows_rejected = $16,
          rows_out = $17, bytes_in = $18, input_path = $19, input_sha256 = $20, wal_bytes = $21, shared_hit = $22,
          shared_read = $23, shared_written = $24, temp_bytes = $25, sqlstate = $26, error_message = $27, detail = $28
        WHERE run_id = $1 AND seq = $2
        """,
        [
          .uuid(stage.runID.bytes), .int8(Int64(stage.sequence)), .text(result.status.rawValue),
          .optional(result.skipReason), .moment(result.finishedAt),
        ] + result.cost.parameters + result.rows.parameters + [
          .optional(result.rowsOut), .int8(Int64(result.bytesIn)), .optional(result.inputPath),
          .optional(result.inputSHA256), .optional(result.serverCost?.walBytes),
          .optional(result.serverCost?.sharedHit), .optional(result.serverCost?.sharedRead),
          .optional(result.serverCost?.sharedWritten), .optional(result.serverCost?.temporaryBytes),
          .optional(result.failure?.sqlState), .optional(result.failure?.message), .optional(result.detail),
        ])
      if result.controlSums.isEmpty { return }
      try await connection.execute(
        """
        INSERT INTO daybook.stage_control_sum (run_id, seq, column_name, currency, outcome, amount)
        SELECT $1, $2, c, k, o, a::numeric
        FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS t(c, k, o, a)
        ON CONFLICT DO NOTHING
        """,
        [.uuid(stage.runID.bytes), .int8(Int64(stage.sequence))] + result.controlSums.parameters)
    }
  }

  /// Says that a run is still alive.
  public func heartbeat(_ run: RunID, at moment: Moment) async throws(LedgerError) {
    try await perform { connection async throws(PostgresError) in
      try await connection.execute(
        "UPDATE daybook.run SET heartbeat_at = $2 WHERE run_id = $1 AND status = 'running'",
        [.uuid(run.bytes), .moment(moment)])
    }
  }

  /// The server's counters now, for the cost of a stage.
  public func serverCounters() async throws(LedgerError) -> ServerCounters {
    try await perform { connection async throws(PostgresError) in try await ServerCounters.read(on: connection) }
  }
}

extension ProcessCost {
  var parameters: [PostgresValue] {
    [wallMilliseconds, cpuUserMilliseconds, cpuSystemMilliseconds, peakResidentKilobytes].map { .int8(Int64($0)) }
  }
}
