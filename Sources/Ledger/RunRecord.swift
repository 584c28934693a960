// What the ledger keeps about a run and its stages: the values that go in and the values that come out.
// `LedgerStore` writes and reads them; the costs of the server are in `ServerCost`.

public import Money

/// How a run or a stage stands.
public enum RunStatus: String, Sendable, Hashable, CaseIterable {
  /// Not finished yet.
  case running
  /// Everything was done.
  case success
  /// Done, with something to look at: rejects within the limit.
  case warning
  /// Stopped by an error.
  case failed
  /// Some of it was done and stays done.
  case partial
  /// Not needed, or not possible because something before it failed.
  case skipped
  /// Stopped by a signal.
  case cancelled
  /// Stopped because its time was up.
  case timeout
  /// Its process died without a word.
  case lost
}

/// What started a run.
public enum RunTrigger: String, Sendable, Hashable {
  /// A person at a terminal.
  case terminal
  /// A scheduler, or anything else without a terminal.
  case unattended
  /// `daybook retry`.
  case retry
}

/// A run at its start.
public struct RunRecord: Sendable, Hashable {
  /// Its name.
  public var runID: RunID
  /// The job, or the verb when there is no job.
  public var job: String
  /// The business date.
  public var asOf: CivilDate
  /// 1, or one more than the run that is tried again.
  public var attempt: Int
  /// The run that is tried again.
  public var parent: RunID?
  /// What started it.
  public var trigger: RunTrigger
  /// When it started.
  public var startedAt: Moment
  /// The machine.
  public var host: String
  /// The process.
  public var processID: Int
  /// The command as typed.
  public var arguments: [String]
  /// The program's version.
  public var version: String
  /// A hash of all definitions.
  public var configurationHash: String
  /// How long it waited for the lock.
  public var lockWaitMilliseconds: Int

  /// Creates a record.
  public init(
    runID: RunID, job: String, asOf: CivilDate, attempt: Int = 1, parent: RunID? = nil, trigger: RunTrigger,
    startedAt: Moment, host: String, processID: Int, arguments: [String], version: String,
    configurationHash: String, lockWaitMilliseconds: Int = 0
  ) {
    self.runID = runID
    self.job = job
    self.asOf = asOf
    self.attempt = attempt
    self.parent = parent
    self.trigger = trigger
    self.startedAt = startedAt
    self.host = host
    self.processID = processID
    self.arguments = arguments
    self.version = version
    self.configurationHash = configurationHash
    self.lockWaitMilliseconds = lockWaitMilliseconds
  }
}

/// What processes and the clock say about a run or a stage.
public struct ProcessCost: Sendable, Hashable {
  /// Elapsed time.
  public var wallMilliseconds: Int
  /// CPU time in the program.
  public var cpuUserMilliseconds: Int
  /// CPU time in the kernel for the program.
  public var cpuSystemMilliseconds: Int
  /// The largest resident size of the process so far.
  public var peakResidentKilobytes: Int

  /// Creates a cost.
  public init(
    wallMilliseconds: Int, cpuUserMilliseconds: Int, cpuSystemMilliseconds: Int, peakResidentKilobytes: Int
  ) {
    self.wallMilliseconds = wallMilliseconds
    self.cpuUserMilliseconds = cpuUserMilliseconds
    self.cpuSystemMilliseconds = cpuSystemMilliseconds
    self.peakResidentKilobytes = peakResidentKilobytes
  }

  /// CPU time in all.
  public var cpuMilliseconds: Int { cpuUserMilliseconds + cpuSystemMilliseconds }

  /// Nothing yet.
  public static let zero = ProcessCost(
    wallMilliseconds: 0, cpuUserMilliseconds: 0, cpuSystemMilliseconds: 0, peakResidentKilobytes: 0)
}

/// What went wrong, as the ledger keeps it.
public struct RunFailure: Sendable, Hashable {
  /// The stage, such as `ingest transactions`.
  public var stage: String
  /// A stable word for the kind of failure, such as `reject_limit` or `database`.
  public var errorClass: String
  /// One sentence.
  public var message: String
  /// The server's error code.
  public var sqlState: String?

  /// Creates a failure.
  public init(stage: String, errorClass: String, message: String, sqlState: String? = nil) {
    self.stage = stage
    self.errorClass = errorClass
    self.message = message
    self.sqlState = sqlState
  }
}

/// A run at its end.
public struct RunResult: Sendable, Hashable {
  /// How it ended; never `running`.
  public var status: RunStatus
  /// What the process exits with.
  public var exitCode: Int
  /// When it ended.
  public var finishedAt: Moment
  /// What it cost.
  public var cost: ProcessCost
  /// What went wrong.
  public var failure: RunFailure?

  /// Creates a result.
  public init(status: RunStatus, exitCode: Int, finishedAt: Moment, cost: ProcessCost, failure: RunFailure? = nil) {
    self.status = status
    self.exitCode = exitCode
    self.finishedAt = finishedAt
    self.cost = cost
    self.failure = failure
  }
}

/// The name of one stage of one run.
public struct StageID: Sendable, Hashable {
  /// The run.
  public var runID: RunID
  /// 1-based place in the run.
  public var sequence: Int

  /// Creates a name.
  public init(runID: RunID, sequence: Int) {
    self.runID = runID
    self.sequence = sequence
  }
}

/// A stage at its end.
public struct StageResult: Sendable, Hashable {
  /// How it ended; never `running`.
  public var status: RunStatus
  /// Why it was skipped, or had nothing to do.
  public var skipReason: String?
  /// When it ended.
  public var finishedAt: Moment
  /// What it cost the program.
  public var cost: ProcessCost
  /// What it cost the server; nil when it was not asked.
  public var serverCost: ServerCost?
  /// What became of its rows.
  public var rows: RowCounts
  /// Rows of the relation or file it made.
  public var rowsOut: Int?
  /// Bytes read.
  public var bytesIn: Int
  /// The file it read, when it was one.
  public var inputPath: String?
  /// Hash of that file.
  public var inputSHA256: [UInt8]?
  /// What became of the money.
  public var controlSums: [ControlSumEntry]
  /// What went wrong.
  public var failure: RunFailure?
  /// One line to print: what was done.
  public var detail: String?

  /// Creates a result.
  public init(
    status: RunStatus, skipReason: String? = nil, finishedAt: Moment, cost: ProcessCost,
    serverCost: ServerCost? = nil, rows: RowCounts = RowCounts(), rowsOut: Int? = nil, bytesIn: Int = 0,
    inputPath: String? = nil, inputSHA256: [UInt8]? = nil, controlSums: [ControlSumEntry] = [],
    failure: RunFailure? = nil, detail: String? = nil
  ) {
    self.status = status
    self.skipReason = skipReason
    self.finishedAt = finishedAt
    self.cost = cost
    self.serverCost = serverCost
    self.rows = rows
    self.rowsOut = rowsOut
    self.bytesIn = bytesIn
    self.inputPath = inputPath
    self.inputSHA256 = inputSHA256
    self.controlSums = controlSums
    self.failure = failure
    self.detail = detail
  }
}

/// A run as the ledger holds it.
public struct RunSummary: Sendable, Hashable {
  /// How it started.
  public var record: RunRecord
  /// The server's version number, such as 150014.
  public var serverVersion: Int
  /// How it stands.
  public var status: RunStatus
  /// The last sign of life.
  public var heartbeatAt: Moment
  /// When it ended; nil while running.
  public var finishedAt: Moment?
  /// What the process exited with; nil while running or lost.
  public var exitCode: Int?
  /// What it cost; nil while running or lost.
  public var cost: ProcessCost?
  /// What went wrong.
  public var failure: RunFailure?
}

/// A stage as the ledger holds it.
public struct StageSummary: Sendable, Hashable {
  /// Its name.
  public var id: StageID
  /// `ingest`, `refresh`, `check` or `report`.
  public var stage: String
  /// The feed, view or report.
  public var name: String
  /// 1-based try.
  public var attempt: Int
  /// When it started.
  public var startedAt: Moment
  /// How it stands.
  public var status: RunStatus
  /// How it ended; nil while running.
  public var result: StageResult?
}
