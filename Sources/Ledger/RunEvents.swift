// Runs and stages as lines of the mirror. The names are those of the ledger's columns.

internal import Money

extension RunRecord {
  var event: JSONValue {
    [
      "event": "run_started", "run_id": .string(runID.description), "job": .string(job),
      "as_of": .string(asOf.description), "attempt": .integer(attempt),
      "parent_run_id": .optional(parent?.description), "trigger": .string(trigger.rawValue),
      "started_at": .string(startedAt.description), "host": .string(host), "pid": .integer(processID),
      "argv": .array(arguments.map { .string($0) }), "version": .string(version),
      "config_hash": .string(configurationHash), "lock_wait_ms": .integer(lockWaitMilliseconds),
    ]
  }
}

extension RunResult {
  func event(_ run: RunID) -> JSONValue {
    .object(
      [
        .init("event", "run_finished"), .init("run_id", .string(run.description)),
        .init("status", .string(status.rawValue)), .init("exit_code", .integer(exitCode)),
        .init("finished_at", .string(finishedAt.description)),
      ] + cost.members + failureMembers(failure))
  }
}

extension StageResult {
  func event(_ stage: StageID) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("event", "stage_finished"), .init("seq", .integer(stage.sequence)),
      .init("status", .string(status.rawValue)), .init("skip_reason", .optional(skipReason)),
      .init("finished_at", .string(finishedAt.description)),
    ]
    members += cost.members
    members += [
      .init("rows", rows.json), .init("rows_out", .optional(rowsOut)), .init("bytes_in", .integer(bytesIn)),
      .init("input_path", .optional(inputPath)), .init("input_sha256", .optional(inputSHA256.map(hexadecimal))),
      .init("wal_bytes", .optional(serverCost?.walBytes)), .init("shared_hit", .optional(serverCost?.sharedHit)),
      .init("shared_read", .optional(serverCost?.sharedRead)),
      .init("shared_written", .optional(serverCost?.sharedWritten)),
      .init("temp_bytes", .optional(serverCost?.temporaryBytes)),
    ]
    if !controlSums.isEmpty {
      members.append(
        .init(
          "control_sums",
          .array(
            controlSums.map {
              [
                "column": .string($0.column), "currency": .string($0.currency),
                "outcome": .string($0.outcome.rawValue), "amount": .string($0.amount.description),
              ]
            })))
    }
    return .object(members + failureMembers(failure))
  }
}

extension RowCounts {
  /// The counts as the object `rows` of `--json`.
  public var json: JSONValue {
    [
      "read": .integer(read), "inserted": .integer(inserted), "updated": .integer(updated),
      "unchanged": .integer(unchanged), "deleted": .integer(deleted), "duplicate": .integer(duplicate),
      "rejected": .integer(rejected),
    ]
  }
}

extension ProcessCost {
  var members: [JSONValue.Member] {
    [
      .init("wall_ms", .integer(wallMilliseconds)), .init("cpu_user_ms", .integer(cpuUserMilliseconds)),
      .init("cpu_sys_ms", .integer(cpuSystemMilliseconds)), .init("maxrss_kb", .integer(peakResidentKilobytes)),
    ]
  }
}

private func failureMembers(_ failure: RunFailure?) -> [JSONValue.Member] {
  guard let failure else { return [] }
  return [
    .init("error_stage", .string(failure.stage)), .init("error_class", .string(failure.errorClass)),
    .init("error_message", .string(failure.message)), .init("sqlstate", .optional(failure.sqlState)),
  ]
}
