// A load by chunks that stopped part way: what the run says of it, what `status` says, and that the command it names goes
// on behind what is committed.

import Foundation
import TestSupport
import Testing

@Suite struct PartWayLoad {
  private static let definition = """
    feed: readings
    files: readings_*.csv*
    load: insert
    key: [id]
    columns:
      id:    { type: bigint }
      place: { type: text }
      value: { type: "decimal(12,2)" }
    """

  /// Two and a half megabytes of readings, which are about three chunks.
  private static func readings() -> String {
    var text = "id,place,value\n"
    for id in 1...60_000 {
      text += "\(id),a place with a rather long name,\(id).25\n"
    }
    return text
  }

  @Test func aFileThatIsPartWayInIsToldByTheRunAndByStatusAndGoneOnWith() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        let path = project.root + "/Jobs/feeds/readings.yaml"
        try Self.definition.write(toFile: path, atomically: true, encoding: .utf8)
        try "id,place,value\n0,first,1.00\n".write(
          toFile: project.inbox + "/readings_0.csv", atomically: true, encoding: .utf8)
        try #require(try await project.daybook("ingest", "readings").status == 0)
        #expect(try await !project.daybook("status").stdout.contains("part way"))

        // The disk is full when the second chunk comes.
        try await database.psql(
          """
          create function finance.full() returns trigger language plpgsql as $$begin
            raise exception 'could not extend file: No space left on device' using errcode = '53100'; end$$
          """,
          """
          create trigger full_disk before insert on finance.readings for each row when (new.id > 30000)
            execute function finance.full()
          """)
        try Self.readings().write(
          toFile: project.inbox + "/readings_1.csv", atomically: true, encoding: .utf8)
        let stopped = try await project.daybook("ingest", "readings")
        stopped.expectFailure(
          1, saying: "53100", "the chunks that are committed stay", "make room there",
          "committed: of readings the chunks listed by: daybook status", "next:")

        let status = try await project.daybook("status")
        let line = try #require(
          status.stdout.split(separator: "\n").first { $0.hasPrefix("part way") }, "\(status.stdout)")
        #expect(line.contains("readings: readings_1.csv, "))
        #expect(line.contains(" of about 3 chunks committed with "), "\(line)")
        #expect(line.contains(", begun at 20") && line.contains(", the last chunk at 20"))
        #expect(status.stdout.contains("goes on with: daybook ingest readings\n"), "\(status.stdout)")
        let object = try #require(
          try JSONSerialization.jsonObject(with: Data(try await project.daybook("status", "--json").stdout.utf8))
            as? [String: Any])
        let told = try #require((object["part_way"] as? [[String: Any]])?.first)
        #expect(told["file"] as? String == "readings_1.csv" && told["chunks_planned"] as? Int == 3)
        #expect(told["next"] as? String == "daybook ingest readings")
        let records = try #require(told["records"] as? Int)
        #expect(records > 0)
        #expect(try await lines("select count(*) - 1 from finance.readings", at: database.url) == ["\(records)"])

        // Away from the inbox, the command alone would not find it.
        let kept = directory.appending("kept.csv")
        try FileManager.default.moveItem(atPath: project.inbox + "/readings_1.csv", toPath: kept)
        let away = try await project.daybook("status").stdout
        #expect(away.contains("daybook ingest readings --file FILE, for it is not in the inbox"), "\(away)")
        try FileManager.default.moveItem(atPath: kept, toPath: project.inbox + "/readings_1.csv")

        try await database.psql("drop function finance.full() cascade")
        let rest = try await project.daybook("ingest", "readings")
        #expect(rest.status == 0, "\(rest.stderr)")
        #expect(try await lines("select count(*) from finance.readings", at: database.url) == ["60001"])
        #expect(
          try await lines(
            "select status, rows_read, rows_inserted from daybook.file where name like '%1.csv'", at: database.url)
            == ["loaded|60000|60000"])
        #expect(try await !project.daybook("status").stdout.contains("part way"))
      }
    }
  }

  @Test func aFileBehindTheLimitOnRefusedRecordsIsToldSoAndGoesOnWhenThatIsRaised() async throws {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
        let path = project.root + "/Jobs/feeds/readings.yaml"
        func allow(_ limit: Int) throws {
          let text = Self.definition + "\nrejects: { limit: \(limit) }\n"
          try text.write(toFile: path, atomically: true, encoding: .utf8)
        }
        try allow(3)
        try "id,place,value\n".write(toFile: project.inbox + "/readings_0.csv", atomically: true, encoding: .utf8)
        try #require(try await project.daybook("ingest", "readings").status == 0)
        try await database.psql(
          "create function finance.stop() returns trigger language plpgsql as $$begin raise 'x' using errcode = '53100'; end$$",
          """
          create trigger stop before insert on finance.readings for each row when (new.id > 30000)
            execute function finance.stop()
          """)
        let header = "id,place,value\n"
        let bad = (1...3).map { "x\($0),nowhere,1.00\n" }.joined()
        try (header + bad + Self.readings().dropFirst(header.count)).write(
          toFile: project.inbox + "/readings_1.csv", atomically: true, encoding: .utf8)
        #expect(try await project.daybook("ingest", "readings").status == 1)
        #expect(try await project.daybook("status").stdout.contains("goes on with: daybook ingest readings\n"))
        try await database.psql("drop function finance.stop() cascade")

        try allow(2)
        let stopped = try await project.daybook("ingest", "readings")
        stopped.expectFailure(65, saying: "3 of ", "the limit is 2", "raise rejects.limit")
        let status = try await project.daybook("status").stdout
        #expect(
          status.contains(
            "stopped: 3 of its records were refused, and rejects.limit is 2, in Jobs/feeds/readings.yaml"),
          "\(status)")
        #expect(!status.contains("goes on with"))
        let object = try #require(
          try JSONSerialization.jsonObject(with: Data(try await project.daybook("status", "--json").stdout.utf8))
            as? [String: Any])
        let told = try #require((object["part_way"] as? [[String: Any]])?.first)
        #expect(told["over_limit"] as? Bool == true)
        #expect(told["next"] as? String == "daybook rejects list --feed readings")

        try allow(3)
        #expect(try await project.daybook("status").stdout.contains("goes on with: daybook ingest readings\n"))
        let rest = try await project.daybook("ingest", "readings")
        #expect(rest.status == 0, "\(rest.stderr)")
        #expect(try await lines("select count(*) from finance.readings", at: database.url) == ["60000"])
      }
    }
  }
}
