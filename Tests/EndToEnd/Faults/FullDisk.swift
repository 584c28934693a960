// A disk that is full: below the database, and below Output.
// Where nobody may mount a small disk, the server is made to say what it says on a full one, and a file stands where the
// folder would have to be made: the same words to the person and the same exit codes, though not the same cause.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite(.serialized) struct FullDisk {
  @Test func fullDiskBelowTheDatabaseIsNamedAndTheLoadIsDoneOnceThereIsRoom() async throws {
    try await TemporaryDirectory.with { directory in
      try await SmallDisk.with(mountedAt: directory.appending("disk"), kilobytes: 250 << 10) { disk in
        guard let disk else { return try await saidByTheServer() }
        let made = try NightProject(copying: NightProject.repository, into: directory)
        let file = made.inbox + "/customers_2024-02-01.csv"
        try "customer_id,name,email,country,segment,signed_up_on\n0,first,,US,consumer,2024-01-02\n".write(
          toFile: made.inbox + "/customers_2024-01-01.csv", atomically: true, encoding: .utf8)
        try await disk.shell("mkdir project && cp -a '\(made.root)/Jobs' project")
        // Left to choose, the ingest would see how little room there is and load by chunks.
        try await disk.shell("echo 'load: copy' >> project/Jobs/feeds/customers.yaml")
        let program = try BuiltProgram().path
        let root = disk.path + "/project"
        func daybook(_ arguments: String...) async throws -> ProgramOutcome {
          try await disk.run(program, arguments, environment: ["DAYBOOK_INBOX": made.inbox], in: root)
        }
        func rows(_ statement: String) async throws -> [String] {
          try await daybook("db", "psql", "--", "-XAtc", statement).stdout.split(separator: "\n").map(String.init)
            .sorted()
        }
        let started = try await daybook("db", "start")
        try #require(started.status == 0, "\(started.stderr)")
        try #require(try await daybook("ingest", "customers").status == 0)
        // The log has room for what is to come; without it the server itself would go down, which is another trial.
        for _ in 1...3 { _ = try await rows("select pg_switch_wal()") + rows("checkpoint") }
        try await ChangedFiles.makeCustomers(file)
        try await disk.fill(leaving: 3_000)

        let failed = try await daybook("ingest", "customers")
        failed.expectFailure(
          1, saying: "feed customers", "the disk that holds the database is full", "53100", "fix: make room",
          "nothing of this feed is committed", "next:")
        #expect(try await rows("select count(*) from finance.customers") == ["1"])
        #expect(try await rows(FaultPicture.leftOvers) == [])
        #expect(try await rows("select name, max(attempt) from daybook.stage_run group by 1") == ["customers|1"])

        try await disk.empty()
        let outcome = try await daybook("ingest", "customers")
        #expect(outcome.status == 0, "\(outcome.stderr)")
        let table = try await rows(
          """
          select concat_ws(',', customer_id, name, coalesce(email, ''), country, segment, signed_up_on)
          from finance.customers where customer_id > 0
          """)
        #expect(try table == ChangedFiles.records(file), "\(table.count) rows")
        #expect(try await daybook("db", "stop").status == 0)
      }
    }
  }

  @Test func fullDiskThatTheServerTellsOfIsNamedAndNotTriedAgain() async throws { try await saidByTheServer() }

  private func saidByTheServer() async throws {
    try await FaultGround.withTrial(.copy, .second) { trial, undisturbed in
      try await Psql.run(
        [
          """
          create function fill() returns trigger language plpgsql as $$begin raise exception
            'could not extend file "base/1/1": No space left on device' using errcode = '53100'; end$$;
          create trigger fill before insert on finance.transactions for each row execute function fill()
          """
        ], at: trial.url)
      let failed = try await trial.ingest()
      failed.expectFailure(
        1, saying: "feed transactions", "the disk that holds the database is full", "53100", "fix: make room",
        "nothing of this feed is committed", "next:")
      try await trial.expectNothingLeftOver()
      try await Psql.run(["drop function fill cascade"], at: trial.url)
      try await trial.expectMended(as: undisturbed)
    }
  }

  @Test func fullDiskBelowOutputDoesNotUndoWhatIsCommittedAndExitsWith73() async throws {
    try await FaultGround.withTrial(.copy, .second) { trial, undisturbed in
      let output = trial.project.root + "/Output"
      try await SmallDisk.with(mountedAt: output, kilobytes: 64) { disk in
        let full: ProgramOutcome
        if let disk {
          try await disk.fill(leaving: 0)
          full = try await run(trial, on: disk)
          try await disk.empty()
        } else {
          try Data().write(to: URL(filePath: output + "/rejects"))
          full = try await trial.ingest()
          try FileManager.default.removeItem(atPath: output + "/rejects")
        }
        full.expectFailure(73, saying: "cannot write the refused records", "committed: ingest", "next: daybook retry")
        #expect(
          try await lines("select count(*) from daybook.file where as_of = '\(trial.night.asOf)'", at: trial.url)
            != ["0"])
        try await trial.expectNothingLeftOver()
        let outcome: ProgramOutcome
        if let disk { outcome = try await run(trial, on: disk) } else { outcome = try await trial.ingest() }
        #expect(outcome.status == 0, "\(outcome.stderr)")
        let picture = try await FaultPicture(
          of: trial.project, at: trial.url, night: trial.night, output: disk?.pathFromOutside)
        #expect(picture.difference(from: undisturbed) == [])
      }
    }
  }

  private func run(_ trial: FaultTrial, on disk: SmallDisk) async throws -> ProgramOutcome {
    try await disk.run(
      BuiltProgram().path, trial.words,
      environment: ["DAYBOOK_INBOX": trial.project.inbox, "DATABASE_URL": trial.url], in: trial.project.root)
  }
}
