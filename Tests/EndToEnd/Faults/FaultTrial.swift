// A project that is about to be disturbed, and what it must look like afterwards.
// Invariant: the picture is taken through psql, apart from the code under test, and without numbers that a rolled back
// attempt may use up. Two projects with equal pictures have the same rows from the same lines of the same files, the
// same accounts, rejects, duplicates and journal, the same Output, and nothing left over.

import Foundation
import TestSupport
import Testing

/// How the feeds of a trial are loaded.
enum FaultLoad: String, Sendable, CaseIterable {
  case copy, insert
}

/// Which night of a trial is disturbed.
enum FaultNight: String, Sendable, CaseIterable {
  /// Two files of each feed into an empty database.
  case first = "2024-12-29"
  /// Two more files of each, with corrections.
  case second = "2024-12-31"

  var asOf: String { rawValue }

  /// Whether a file with this name is in the inbox of the night.
  func isDelivered(_ name: String) -> Bool {
    self == .second || name.hasSuffix("_2024-12-28.csv") || name.hasSuffix("_2024-12-29.csv")
  }
}

/// A project of one trial, ready for its night.
struct FaultTrial: Sendable {
  static let feeds = ["customers", "products", "orders", "transactions"]

  let project: NightProject
  let night: FaultNight
  /// Where its database is.
  let url: String
  /// The database, when it is one of the tests' own.
  var database: TestDatabase?

  /// What is typed.
  var words: [String] { ["ingest"] + Self.feeds + ["--as-of", night.asOf] }

  /// Loads the night, however many disturbances are to come.
  func ingest(timeout: Duration = .seconds(300)) async throws -> ProgramOutcome {
    try await project.daybook(words, timeout: timeout)
  }

  /// Loads the night, and says which process does.
  func start(_ started: @escaping @Sendable (Int32) -> Void) async throws -> ProgramOutcome {
    try await project.daybook(words, started: started)
  }

  /// Loads the night once more, undisturbed, and compares the result with a night that never was.
  ///
  /// A run whose predecessor was killed a moment ago may find the lock still held by a session that the server has not
  /// yet missed.
  func expectMended(as undisturbed: FaultPicture, _ comment: @autoclosure () -> String = "") async throws {
    var outcome = try await ingest()
    for _ in 0..<300 where outcome.status == 75 {
      try await Task.sleep(for: .milliseconds(100))
      outcome = try await ingest()
    }
    #expect(outcome.status == 0, "\(comment()): \(outcome.stderr)")
    let picture = try await FaultPicture(of: project, at: url, night: night)
    #expect(picture.difference(from: undisturbed) == [], "\(comment())")
  }

  /// Looks for what a run that ended by itself must have tidied up already.
  func expectNothingLeftOver() async throws {
    #expect(try await lines(FaultPicture.leftOvers, at: url) == [])
  }
}

extension ProgramOutcome {
  /// Holds the failed run to its exit code, to a message of at most fifteen lines, and to words in it.
  func expectFailure(_ statuses: Int..., saying words: String..., sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(statuses.contains(status), "exit \(status): \(stderr)", sourceLocation: sourceLocation)
    let text = message
    let count = text.split(separator: "\n").count
    #expect((1...15).contains(count), "\(count) lines: \(text)", sourceLocation: sourceLocation)
    for word in words {
      #expect(text.contains(word), "no \"\(word)\" in: \(stderr)", sourceLocation: sourceLocation)
    }
  }

  /// What is said about the failure, from `error:` on; before it stand the lines of stages.
  var message: String {
    let all = stderr.split(separator: "\n", omittingEmptySubsequences: false)
    guard let first = all.firstIndex(where: { $0.hasPrefix("error:") }) else { return stderr }
    return all[first...].joined(separator: "\n")
  }
}

/// Everything about a project that an undisturbed run would have made the same.
struct FaultPicture: Sendable, Equatable {
  private let facts: [String]

  /// Takes the picture of a database and of what the night wrote to Output.
  ///
  /// - Parameter output: where Output can be seen from here, when it is mounted elsewhere.
  init(of project: NightProject, at url: String, night: FaultNight, output: String? = nil) async throws {
    let tables = FaultTrial.feeds.map(Self.table).joined(separator: "\nunion all\n")
    facts =
      try await lines(Self.ledger + "\nunion all\n" + tables + "\nunion all\n" + Self.leftOvers, at: url)
      + Self.files(in: output ?? project.root + "/Output", night: night)
  }

  /// Facts that stand on one side only, at most some of them.
  func difference(from undisturbed: FaultPicture) -> [String] {
    let (mine, theirs) = (Set(facts), Set(undisturbed.facts))
    return
      (facts.filter { !theirs.contains($0) }.map { "only here: \($0)" }
      + undisturbed.facts.filter { !mine.contains($0) }.map { "missing: \($0)" }).prefix(12).map { $0 }
  }

  private static let ledger = """
    select concat_ws('|', 'file', feed, name, status, rows_read, rows_inserted, rows_updated, rows_unchanged,
      rows_deleted, rows_duplicate, rows_rejected) from daybook.file where status <> 'refused'
    union all
    select concat_ws('|', 'sum', f.name, s.column_name, s.currency, s.outcome, trim_scale(s.amount))
    from daybook.file f join daybook.file_control_sum s using (file_id) where f.status <> 'refused' and s.amount <> 0
    union all
    select concat_ws('|', 'reject', r.file, r.line, r.record, r.byte_offset, r.column_name, r.code, r.reason,
      md5(r.raw), r.resolved_at is null)
    from daybook.reject r join daybook.file f using (file_id) where f.status <> 'refused'
    union all
    select concat_ws('|', 'duplicate', d.file, d.line, d.record, d.byte_offset, d.key, d.kept_line)
    from daybook.duplicate_row d join daybook.file f using (file_id) where f.status <> 'refused'
    union all
    select concat_ws('|', 'batch', b.feed, b.kind, f.name, sum(b.rows_plus), sum(b.rows_minus))
    from daybook.batch b left join daybook.file f using (file_id) group by b.feed, b.kind, f.name
    """

  /// Rows, and the net of the journal, as digests without the numbers of files.
  private static func table(_ feed: String) -> String {
    """
    select concat_ws('|', 'table', '\(feed)', count(*),
      md5(coalesce(string_agg(line, chr(10) order by line collate "C"), '')))
    from (select (to_jsonb(t) - '_daybook_file')::text || coalesce(f.name, '') as line
      from finance.\(feed) t left join daybook.file f on f.file_id = t._daybook_file) as rows
    union all
    select concat_ws('|', 'journal', '\(feed)', sum(images),
      md5(coalesce(string_agg(line || weight, chr(10) order by line collate "C"), '')))
    from (select (to_jsonb(j) - array['_daybook_file', '_daybook_batch', '_daybook_weight'])::text
        || coalesce(f.name, '') as line, sum(j._daybook_weight) as weight, count(*) as images
      from daybook.journal_\(feed) j left join daybook.file f on f.file_id = j._daybook_file group by 1) as images
    """
  }

  /// Staging tables, locks, and runs that nobody is running.
  static let leftOvers = """
    select 'left|' || relname from pg_class where relname like 'staging%' and relkind = 'r'
    union all
    select distinct 'left|a lock of ' || a.application_name from pg_locks l join pg_stat_activity a using (pid)
    where l.database = (select oid from pg_database where datname = current_database())
      and a.application_name like 'daybook%' and l.pid <> pg_backend_pid()
    union all
    select 'left|a run that is ' || status from daybook.run where status = 'running'
    """

  /// The files under Output with their contents, without the reports of other nights.
  private static func files(in folder: String, night: FaultNight) throws -> [String] {
    var facts: [String] = []
    for name in FileManager.default.enumerator(atPath: folder).map({ $0.compactMap { $0 as? String } }) ?? [] {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: folder + "/" + name, isDirectory: &isFolder), !isFolder.boolValue,
        !name.hasPrefix("rejects/") || name.hasPrefix("rejects/\(night.asOf)/")
      else { continue }
      facts.append("output|\(name)|" + (try String(contentsOfFile: folder + "/" + name, encoding: .utf8)))
    }
    return facts
  }
}

/// Whether a process has ended, though its parent may not have noticed yet.
func isEnded(_ pid: Int32) -> Bool {
  guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return true }
  return text.split(separator: ")").last?.hasPrefix(" Z") ?? true
}
