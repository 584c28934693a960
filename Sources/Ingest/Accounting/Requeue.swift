// Loads a corrected export of rejects by the ordinary way of a file: the same checks, merge and reconciliation, an
// entry of its own in the ledger, and rows that say which line of it they came from.
// Invariant: rejects are closed in the transaction that loads their rows; what is refused again stays open under its
// old number. A correction never deletes rows, whatever the feed's mode, and never undoes what a later file has said
// (`FileMerge+Correction`). However
// much of it is refused, the rest is loaded; more than the feed's limit is an error all the same.

internal import CSV
internal import Definitions
internal import Finding
internal import Glibc
internal import Ledger
internal import Money
internal import Postgres

extension FeedIngestion {
  /// The code of the finding that corrected records were refused again. Those that were not are loaded all the same.
  public static let refusedAgain = "refused_again"

  /// The ingest of the same feed as a corrected export is written: standard CSV, single changes, nothing around it.
  private var forCorrections: FeedIngestion {
    var feed = feed
    feed.format.delimiter = 0x2C
    feed.format.quote = 0x22
    feed.format.encoding = .utf8
    feed.mode = .delta
    feed.load = .copy
    feed.controlFile = .none
    feed.trailer = nil
    feed.drift = DriftRules(extra: .ignore, missing: .ignore)
    feed.rejectLimit = .ratio(ExactDecimal(1))
    return FeedIngestion(project: project, feed: feed, pool: pool, runID: runID, asOf: asOf, progress: meter.sink)
  }

  /// Loads the corrected records of `path` whose rejects are open.
  func requeue(_ path: String, _ zone: TimeZoneRules) async throws -> IngestOutcome {
    let discovery = Discovery(project: project, feed: feed)
    let shown = discovery.display(path)
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let corrected: CorrectedFile
    do {
      corrected = try CorrectedFile(try OpenFile(path, followsLinks: true), path: shown)
    } catch let error as DiagnosticsError {
      throw IngestError(.fileRefused, error.diagnostics)
    } catch let error as SystemError {
      throw CorrectedFile.unreadable(shown, error)
    }
    let ingestion = forCorrections
    let design = TableDesign(feed: feed, schema: project.database.schema, timeZone: project.calendar.timeZone)
    let area = StagingArea(runID: runID, feed: feed.name)
    return try await withStaging(area) { connection in
      try await markRejects(on: connection)
      try await StagingArea.sweep(on: connection)
      let standing = try await FileLedger.standing(
        of: Set(corrected.records.map(\.rejectID)).sorted(), rawOf: [.notUTF8, .nulByte], on: connection)
      try check(corrected, standing)
      var (wanted, findings) = try select(corrected, standing)
      guard !wanted.isEmpty else {
        findings.append(
          Diagnostic(
            .warning, code: "nothing_to_requeue", at: SourcePosition(file: shown),
            "nothing to load: no record of the file is both open and corrected"))
        return IngestOutcome(
          status: .nothingNew, files: [], rows: RowCounts(), bytesIn: 0, findings: findings, rejectsFile: nil)
      }
      let file = try InputSpool.anonymousFile(
        corrected.keeping { wanted[$0.line] != nil }, in: "\(project.root)/\(InputSpool.folder)")
      let sha256 = try contentHash(of: file) { _ in try Task.checkCancellation() }
      let isKnown = try await FileLedger.isLoaded(feed: feed.name, sha256: sha256, on: connection) != nil
      var publication = FeedPublication(
        feed: ingestion.feed, design: design, dialect: try FileDialect(ingestion.feed.format), runID: runID, asOf: asOf)
      publication.correction = Correction(rejects: wanted)
      publication.closed = try await ClosedMonths.read(feed, project, asOf: asOf, on: connection)
      let discovered = DiscoveredFile(
        name: name, displayPath: shown, file: file, sha256: sha256, isReload: isKnown, control: nil)
      var outcome = try await ingestion.stageAndPublish([discovered], publication, area, zone, on: connection)
      // Listed as the feed's files are written, not as the correction is.
      await reportRejects(&outcome, on: connection)
      outcome.findings = findings + told(outcome, shown)
      return outcome
    }
  }

  /// Refuses a file that names rejects which cannot be corrected by it.
  private func check(_ file: CorrectedFile, _ standing: [Int64: RejectStanding]) throws {
    for record in file.records {
      let problem: (String, String)?
      if let found = standing[record.rejectID] {
        if found.feed != feed.name {
          problem = ("reject \(record.rejectID) belongs to feed \(found.feed)", "export one feed at a time")
        } else if found.isOpen, found.fileStatus == "refused" {
          problem = (
            "\(found.file) was refused as a whole, so its good rows are not in the table either",
            "correct that file and load it: daybook ingest \(feed.name); or take the line out of this one"
          )
        } else {
          problem = nil
        }
      } else {
        problem = ("there is no reject \(record.rejectID)", "leave _reject_id as it was exported")
      }
      if let (message, fix) = problem {
        throw IngestError(.fileRefused, CorrectedFile.problem(file.path, record.line, message, fix).diagnostics)
      }
    }
  }

  /// The open and corrected records, by line, with their rejects; and what to say about the others.
  private func select(
    _ file: CorrectedFile, _ standing: [Int64: RejectStanding]
  ) throws -> (wanted: [Int: Int64], findings: [Diagnostic]) {
    var wanted: [Int: Int64] = [:]
    var untouched: [Int] = []
    // A reject whose record was made into several lines is corrected when all of them are.
    var unready: Set<Int64> = []
    for record in file.records where standing[record.rejectID]?.isOpen == true {
      if record.isUntouched || showsBytes(record, standing[record.rejectID]) {
        untouched.append(record.line)
        unready.insert(record.rejectID)
      } else {
        wanted[record.line] = record.rejectID
      }
    }
    wanted = wanted.filter { !unready.contains($0.value) }
    guard let first = untouched.first else { return (wanted, []) }
    let finding = Diagnostic(
      .warning, code: "not_corrected", at: SourcePosition(file: file.path, line: first),
      untouched.count == 1
        ? "the record is not corrected yet and stays open"
        : "\(untouched.count) records, from this line on, are not corrected yet and stay open",
      fix: "fill in the columns from _raw, and write the characters that stand as \\xHH")
    return (wanted, [finding])
  }

  /// Whether a field still shows bytes that are no text.
  private func showsBytes(_ record: CorrectedFile.Record, _ standing: RejectStanding?) -> Bool {
    guard let raw = standing?.raw, let fields = feed.fields(of: raw, header: standing?.header) else { return false }
    return fields.contains { name, field in
      let shown = legible(field.bytes, CharacterEncoding(feed.format.encoding))
      return record.values[name] == shown && Array(shown.utf8) != field.bytes
    }
  }

  private func told(_ outcome: IngestOutcome, _ path: String) -> [Diagnostic] {
    var findings = outcome.findings.filter { $0.code != "column_extra" && $0.code != "rejects" }
    let refused = outcome.rows.rejected
    if outcome.status == .loaded, refused > 0 {
      // What was right is loaded whatever else was wrong; whether that is good enough is said by the feed's limit.
      let isAllowed = refused < outcome.rows.read && feed.rejectLimit.allows(refused, of: outcome.rows.read)
      findings.append(
        Diagnostic(
          isAllowed ? .warning : .error, code: Self.refusedAgain, at: SourcePosition(file: path),
          "\(refused) of \(outcome.rows.read) corrected records \(refused == 1 ? "was" : "were") refused again and "
            + (refused == 1 ? "stays open" : "stay open"),
          notes: ["state: \(outcome.rows.read - refused) are loaded, and their rejects closed"],
          fix: "correct them in the same file and requeue it, or dismiss them; "
            + "the reasons: daybook rejects list --feed \(feed.name)"))
    }
    return findings
  }
}
