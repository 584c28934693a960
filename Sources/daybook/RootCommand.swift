// The verbs, and what `daybook --help` says. One file per group of verbs holds the rest.

internal import ArgumentParser

struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "daybook",
    abstract: "Loads nightly CSV feeds into PostgreSQL, keeps views current, and publishes report files.",
    discussion: """
      Definitions are read from Jobs/ of the project's folder; `daybook check` says what is wrong with them.
      Exit codes: 0 ok, 1 a stage failed, 64 usage, 65 data refused, 66 a required feed is missing, 69 database \
      unreachable, 70 a bug, 73 cannot write Output, 75 another run holds the lock, 78 a definition is wrong, \
      124 timeout, 130 and 143 stopped by a signal.
      """,
    version: Program.version,
    subcommands: [
      RunCommand.self, IngestCommand.self, RefreshCommand.self, ReportCommand.self, CheckCommand.self,
      CloseCommand.self, DoctorCommand.self, StatusCommand.self, RunsCommand.self, RetryCommand.self,
      RejectsCommand.self,
      FeedCommand.self, TraceCommand.self, CacheCommand.self, SampleCommand.self, DatabaseCommand.self,
      BenchCommand.self,
    ])
}
