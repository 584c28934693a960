// Runs of the ledger as lines and as JSON.

internal import Jobs
internal import Ledger
internal import Money

enum RunText {
  /// `0192…  2026-11-20T04:15:00.123Z  nightly  as of 2026-11-19  success  3.2s`
  static func line(_ run: RunSummary) -> String {
    let record = run.record
    var parts = [
      record.runID.description, record.startedAt.description, record.job, "as of \(record.asOf)", run.status.rawValue,
    ]
    if let code = run.exitCode, code != 0 { parts.append("exit \(code)") }
    if let cost = run.cost { parts.append(shortText(milliseconds: cost.wallMilliseconds)) }
    return parts.joined(separator: "  ")
  }

  static func published(_ state: PublishedState) -> String {
    state.date.map { "Output/latest is as of \($0)" } ?? "none were ever published"
  }

  static func details(_ run: RunSummary, _ stages: [StageSummary]) -> [String] {
    let record = run.record
    let server = "\(run.serverVersion / 10_000).\(run.serverVersion % 10_000)"
    var lines = [
      "run       \(record.runID)", "job       \(record.job) as of \(record.asOf), attempt \(record.attempt)",
      "status    \(run.status.rawValue)" + (run.exitCode.map { ", exit \($0)" } ?? ""),
      "started   \(record.startedAt) on \(record.host), process \(record.processID), \(record.trigger.rawValue)",
      "finished  \(run.finishedAt?.description ?? "not yet")",
      "command   daybook \(record.arguments.map(shellQuoted).joined(separator: " "))",
      "versions  daybook \(record.version), PostgreSQL \(server), definitions \(record.configurationHash)",
    ]
    if let parent = record.parent { lines.append("retry of  \(parent)") }
    if let cost = run.cost { lines.append("cost      \(text(cost))") }
    if let failure = run.failure {
      lines.append("failure   \(failure.stage.isEmpty ? "" : failure.stage + ": ")\(failure.message)")
    }
    for stage in stages { lines += details(stage) }
    return lines
  }

  private static func details(_ stage: StageSummary) -> [String] {
    var head = "\(stage.id.sequence.description.padded(to: 3)) \(stage.stage) \(stage.name)  \(stage.status.rawValue)"
    if stage.attempt > 1 { head += "  attempt \(stage.attempt)" }
    guard let result = stage.result else { return [head] }
    if let told = result.skipReason ?? result.detail { head += "  \(told)" }
    var lines = [head]
    guard result.status != .skipped else { return lines }
    lines.append("      \(text(result.cost))" + (result.bytesIn > 0 ? ", \(result.bytesIn) bytes read" : ""))
    if let cost = result.serverCost {
      lines.append(
        "      wal \(cost.walBytes) bytes; blocks \(cost.sharedHit) hit, \(cost.sharedRead) read, "
          + "\(cost.sharedWritten) written; \(cost.temporaryBytes) temporary bytes")
    }
    for sum in result.controlSums {
      lines.append("      \(sum.column) \(sum.currency) \(sum.outcome.rawValue) \(sum.amount)")
    }
    if let failure = result.failure {
      lines.append("      \(failure.message)" + (failure.sqlState.map { ", SQLSTATE \($0)" } ?? ""))
    }
    return lines
  }

  private static func text(_ cost: ProcessCost) -> String {
    let cpu = shortText(milliseconds: cost.cpuMilliseconds)
    return "\(shortText(milliseconds: cost.wallMilliseconds)), cpu \(cpu), "
      + "memory at most \(cost.peakResidentKilobytes / 1024) MB"
  }

  static func json(_ run: RunSummary) -> JSONValue { .object(members(run)) }

  static func json(_ run: RunSummary, _ stages: [StageSummary], _ failures: [CheckFailure]) -> JSONValue {
    .object(
      members(run) + [
        .init("stages", .array(stages.map(json))), .init("checks", .array(failures.map(CheckText.json))),
      ])
  }

  private static func members(_ run: RunSummary) -> [JSONValue.Member] {
    let record = run.record
    return [
      .init("run_id", .string(record.runID.description)), .init("job", .string(record.job)),
      .init("as_of", .string(record.asOf.description)), .init("status", .string(run.status.rawValue)),
      .init("exit_code", .optional(run.exitCode)), .init("wall_ms", .optional(run.cost?.wallMilliseconds)),
      .init("attempt", .integer(record.attempt)), .init("parent_run_id", .optional(record.parent?.description)),
      .init("trigger", .string(record.trigger.rawValue)), .init("started_at", .string(record.startedAt.description)),
      .init("finished_at", .optional(run.finishedAt?.description)),
      .init("heartbeat_at", .string(run.heartbeatAt.description)), .init("host", .string(record.host)),
      .init("pid", .integer(record.processID)), .init("argv", .array(record.arguments.map { .string($0) })),
      .init("version", .string(record.version)), .init("config_hash", .string(record.configurationHash)),
      .init("pg_version", .integer(run.serverVersion)), .init("error_stage", .optional(run.failure?.stage)),
      .init("error_class", .optional(run.failure?.errorClass)),
      .init("error_message", .optional(run.failure?.message)),
    ]
  }

  private static func json(_ stage: StageSummary) -> JSONValue {
    let result = stage.result
    let cost = result?.serverCost
    return [
      "seq": .integer(stage.id.sequence), "stage": .string(stage.stage), "name": .string(stage.name),
      "attempt": .integer(stage.attempt), "status": .string(stage.status.rawValue),
      "skip_reason": .optional(result?.skipReason), "detail": .optional(result?.detail),
      "wall_ms": .optional(result?.cost.wallMilliseconds),
      "cpu_ms": .optional(result.map { $0.cost.cpuMilliseconds }),
      "maxrss_kb": .optional(result?.cost.peakResidentKilobytes), "bytes_in": .integer(result?.bytesIn ?? 0),
      "rows": (result?.rows ?? RowCounts()).json, "rows_out": .optional(result?.rowsOut),
      "input_path": .optional(result?.inputPath), "wal_bytes": .optional(cost?.walBytes),
      "shared_hit": .optional(cost?.sharedHit), "shared_read": .optional(cost?.sharedRead),
      "shared_written": .optional(cost?.sharedWritten), "temp_bytes": .optional(cost?.temporaryBytes),
      "sqlstate": .optional(result?.failure?.sqlState), "error_message": .optional(result?.failure?.message),
      "control_sums": .array(
        (result?.controlSums ?? []).map {
          [
            "column": .string($0.column), "currency": .string($0.currency), "outcome": .string($0.outcome.rawValue),
            "amount": .string($0.amount.description),
          ]
        }),
    ]
  }
}
