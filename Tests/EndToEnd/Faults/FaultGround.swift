// What all fault trials share: one set of dirty feeds, and for each way of loading the pictures of its two nights
// undisturbed, and a database as it is between them, from which every trial of the second night gets a copy.
// Invariant: made once per test process, by the first trial that asks; it ends with the throwaway cluster.

import Foundation
import TestSupport
import Testing

/// The ground on which trials take place.
actor FaultGround {
  static let shared = FaultGround()

  /// Undisturbed nights of one way of loading.
  struct Undisturbed: Sendable {
    var pictures: [FaultNight: FaultPicture] = [:]
    /// How long each night took.
    var wall: [FaultNight: Duration] = [:]

    func picture(_ night: FaultNight) throws -> FaultPicture { try #require(pictures[night]) }
  }

  private var feeds: Task<String, any Error>?
  private var nights: [FaultLoad: Task<Undisturbed, any Error>] = [:]

  /// The folder of the feeds: for each of four feeds a base extract and three nights.
  func feedsFolder() async throws -> String {
    let making = feeds ?? Task { try await Self.makeFeeds() }
    feeds = making
    return try await making.value
  }

  /// What the nights are without a disturbance.
  func undisturbed(_ load: FaultLoad) async throws -> Undisturbed {
    let making = nights[load] ?? Task { try await Self.run(load, feeds: feedsFolder()) }
    nights[load] = making
    return try await making.value
  }

  /// Lends a project before its night, with a database of its own.
  static func withTrial<R: Sendable>(
    _ load: FaultLoad = .copy, _ night: FaultNight,
    _ body: @Sendable (FaultTrial, FaultPicture) async throws -> R
  ) async throws -> R {
    let undisturbed = try await shared.undisturbed(load)
    let feeds = try await shared.feedsFolder()
    return try await TestDatabase.withDatabase { database in
      if night == .second {
        try await copyDatabase(template(load), to: await name(of: database), near: database.url, replacing: true)
      }
      return try await TemporaryDirectory.with { directory in
        let project = try makeProject(load, night, in: directory, database: database, feeds: feeds)
        return try await body(
          FaultTrial(project: project, night: night, url: database.url, database: database),
          try undisturbed.picture(night))
      }
    }
  }

  /// A project whose feeds are loaded in one way, with the files of a night in its inbox.
  static func makeProject(
    _ load: FaultLoad, _ night: FaultNight, in directory: TemporaryDirectory, database: TestDatabase?, feeds: String
  ) throws -> NightProject {
    let project = try NightProject(copying: NightProject.repository, into: directory, database: database)
    for feed in FaultTrial.feeds {
      let path = project.root + "/Jobs/feeds/\(feed).yaml"
      let text = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        .filter { !$0.hasPrefix("load:") && !$0.hasPrefix("rejects:") }
      let changed = text + ["load: \(load.rawValue)", "rejects: { limit: 20% }", ""]
      try changed.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }
    try project.deliver(from: feeds) { night.isDelivered($0) }
    return project
  }

  // MARK: Making

  private static func makeFeeds() async throws -> String {
    let folder = try await TestDatabase.clusterDirectory() + "/fault-feeds"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return try await TemporaryDirectory.with { directory in
      let project = try NightProject(copying: NightProject.repository, into: directory)
      _ = try await project.sample(to: folder, seed: 29, nights: 3, dirty: "0.06")
      let base = folder + "/transactions_2024-12-28.csv"
      try addCorrections(of: base, to: folder + "/transactions_2024-12-31.csv")
      // Large enough for the way straight into the empty table.
      let bytes = try FileManager.default.attributesOfItem(atPath: base)[.size] as? Int ?? 0
      guard bytes >= 256 << 10 else { throw TestSupportError("\(base) has only \(bytes) bytes") }
      return folder
    }
  }

  /// Lets a night deliver most of the base extract again: mostly as it was, with corrections, new records, and keys that
  /// come twice. What is damaged stays so.
  private static func addCorrections(of base: String, to night: String) throws {
    // Some of the damage is no UTF-8; this encoding keeps every byte.
    let records = try String(contentsOfFile: base, encoding: .isoLatin1).components(separatedBy: "\n")
    guard records[0].hasPrefix("transaction_id,order_id,customer_id,type,amount,") else {
      throw TestSupportError("the transactions begin otherwise: \(records[0])")
    }
    var (lines, again): ([String], [String]) = ([], [])
    for (number, record) in records.dropFirst().enumerated() {
      var fields = record.components(separatedBy: ",")
      guard number % 5 == 0, fields.count == 8, !record.contains("\""), let id = Int(fields[0]) else {
        lines.append(record)
        continue
      }
      if number % 10 == 0 { fields[4] = "\(number).07" } else { fields[0] = "\(id + 10_000_000)" }
      lines.append(fields.joined(separator: ","))
      if number % 50 == 0 { again.append(record) }
    }
    let text =
      try String(contentsOfFile: night, encoding: .isoLatin1)
      + (lines.filter { !$0.isEmpty } + again + [""])
      .joined(separator: "\n")
    try text.write(toFile: night, atomically: true, encoding: .isoLatin1)
  }

  private static func run(_ load: FaultLoad, feeds: String) async throws -> Undisturbed {
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        var undisturbed = Undisturbed()
        let project = try makeProject(load, .first, in: directory, database: database, feeds: feeds)
        for night in FaultNight.allCases {
          if night == .second {
            try project.deliver(from: feeds) { night.isDelivered($0) && !FaultNight.first.isDelivered($0) }
          }
          let outcome = try await FaultTrial(project: project, night: night, url: database.url).ingest()
          try #require(outcome.status == 0, "\(outcome.stderr)")
          undisturbed.wall[night] = outcome.wall
          undisturbed.pictures[night] = try await FaultPicture(of: project, at: database.url, night: night)
          if night == .first {
            try await copyDatabase(await name(of: database), to: template(load), near: database.url, replacing: false)
            try await database.psql(rememberTables)
          }
        }
        let isVaried = try await lines(
          """
          select bool_and(b.kind = 'delta') and min(least(f.updated, f.inserted, f.unchanged, f.duplicate, f.rejected)) > 100
          from daybook.batch b join kept.mark on b.batch_id > last, (select sum(rows_updated) as updated,
            sum(rows_inserted) as inserted, sum(rows_unchanged) as unchanged, sum(rows_duplicate) as duplicate,
            sum(rows_rejected) as rejected from daybook.file where as_of = '\(FaultNight.second.asOf)') as f
          """, at: database.url)
        guard isVaried == ["t"] else { throw TestSupportError("the second night is not what the trials need") }
        for feed in FaultTrial.feeds {
          #expect(try await lines(unexplainedChanges(feed), at: database.url) == [], "\(load) \(feed)")
        }
        return undisturbed
      }
    }
  }

  private static let rememberTables = """
    create schema kept; create table kept.mark as select max(batch_id) as last from daybook.batch;
    """
    + FaultTrial.feeds.map { "create table kept.\($0) as table finance.\($0);" }.joined()

  /// Rows in which the first night's table, the journal since then and the table now do not add up.
  private static func unexplainedChanges(_ feed: String) -> String {
    """
    select line from (
      select to_jsonb(t)::text as line, 1 as weight from kept.\(feed) t
      union all select (to_jsonb(j) - array['_daybook_batch', '_daybook_weight'])::text, _daybook_weight
        from daybook.journal_\(feed) j, kept.mark where _daybook_batch > last
      union all select to_jsonb(t)::text, -1 from finance.\(feed) t) as images
    group by line having sum(weight) <> 0 limit 5
    """
  }

  private static func template(_ load: FaultLoad) -> String { "fault_\(load.rawValue)" }

  private static func name(of database: TestDatabase) async throws -> String {
    try #require(try await lines("select current_database()", at: database.url).first)
  }

  /// Copies a database; sessions that have not quite gone yet are waited for.
  private static func copyDatabase(
    _ source: String, to target: String, near url: String, replacing: Bool
  ) async throws {
    let parts = try #require(url.firstIndex(of: "?")).utf16Offset(in: url)
    let administration = "postgresql:///daybook" + url.dropFirst(parts)
    if replacing { try await Psql.run(["drop database \(target) with (force)"], at: administration) }
    for attempt in 1... {
      do {
        try await Psql.run(["create database \(target) template \(source)"], at: administration)
        return
      } catch  where attempt < 200 {
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }
}
