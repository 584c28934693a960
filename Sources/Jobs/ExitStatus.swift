// What the process tells its caller. The numbers are a contract with cron lines and scripts.
// Source: sysexits.h for 64 to 78, timeout(1) for 124, the shells for 128 + signal.

/// The exit codes of the program.
public enum ExitStatus: Int32, Sendable, Hashable, CaseIterable {
  /// Everything was done, or there was nothing to do.
  case ok = 0
  /// A stage failed.
  case stageFailed = 1
  /// The command line was wrong.
  case usage = 64
  /// Data was refused: the reject limit, or something did not add up.
  case dataRefused = 65
  /// A required feed is missing.
  case missingFeed = 66
  /// The database cannot be reached.
  case databaseUnreachable = 69
  /// The program is wrong.
  case bug = 70
  /// Output cannot be written.
  case cannotWriteOutput = 73
  /// Another run holds the lock.
  case locked = 75
  /// A definition is wrong.
  case badDefinition = 78
  /// The time was up.
  case timeout = 124
  /// SIGINT.
  case interrupted = 130
  /// SIGTERM.
  case terminated = 143

  /// The code for a signal that ended the work.
  public init(signal: Int32) {
    self = signal == 15 ? .terminated : .interrupted
  }
}
