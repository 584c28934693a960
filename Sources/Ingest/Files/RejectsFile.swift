// The refused records of a feed and a business date, as a CSV for people: Output/rejects/<date>/<feed>.csv.
// It stands beside the dated report sets, not in them: those are published whole or not at all, and a refused feed
// must be explained on a night without new reports. Made from the ledger, so a second run writes the same bytes,
// and the same bytes are not written again.
// Invariant: a run leaves the CSVs as the ledger is, whatever it loads itself: see `RejectsMark`.

internal import CSV
internal import Definitions
internal import Finding
internal import Glibc
internal import Ledger
internal import Money
internal import Postgres

/// The CSV of refused records.
struct RejectsFile: Sendable {
  let output: String
  let feed: String
  let asOf: CivilDate
  /// That of the feed's files.
  var encoding = CharacterEncoding.utf8

  var path: String { "\(output)/rejects/\(asOf)/\(feed).csv" }

  /// Whether it was written before, and no process was killed while it wrote it again.
  var isThere: Bool { isPresent(path) && leftOverDrafts(of: path).isEmpty }

  static let columns = [
    "feed", "file", "line", "record", "byte_offset", "column", "code", "reason", "raw",
  ]

  /// The most records that the file holds, so that memory is bounded.
  static let maximumRecords = 100_000

  /// Writes the file from the ledger.
  ///
  /// - Returns: its path, or nil when nothing is open, and then the file is not there either; and whether records were
  ///   left out.
  nonisolated(nonsending) func write(
    on connection: PostgresConnection, atMost maximum: Int = maximumRecords
  ) async throws -> (path: String?, isCut: Bool) {
    let (pages, isCut) = try await pages(atMost: maximum, on: connection)
    let directory = "\(output)/rejects/\(asOf)"
    // What was listed is all corrected or done without by now.
    if pages.isEmpty, !isPresent(path) { return (nil, false) }
    // Nothing is written outside of Output: a link in a folder's place would lead there.
    for folder in ["\(output)/rejects", directory] where isLink(folder) {
      throw IngestError.output(folder, "a symbolic link stands in its place")
    }
    if pages.isEmpty {
      for draft in leftOverDrafts(of: path) { unlink(draft) }
      guard unlink(path) == 0 else { throw IngestError.output(path, SystemError(number: errno).description) }
      return (nil, false)
    }
    guard makeDirectories(directory) else { throw IngestError.output(path, "the folder cannot be made") }
    do {
      let draft = try FileDraft(of: path)
      var writer = CSVWriter()
      try writer.record(Self.columns)
      for page in pages {
        for row in try await connection.query(Self.records, [.int8Array(page)]) { try write(row, to: &writer) }
        try draft.append(writer.takeBytes())
      }
      try draft.publish()
    } catch let error as SystemError {
      throw IngestError.output(path, error.description)
    }
    return (path, isCut)
  }

  /// The open records in the order of the file, in pages of bounded size, and whether there are more than `maximum`.
  private nonisolated(nonsending) func pages(
    atMost maximum: Int, on connection: PostgresConnection
  ) async throws -> (pages: [[Int64]], isCut: Bool) {
    var pages: [[Int64]] = []
    var (count, bytes) = (0, Self.pageBytes)
    try await connection.forEachRow(
      """
      select r.reject_id, octet_length(r.raw) + octet_length(r.reason)
      from daybook.reject r join daybook.file f using (file_id)
      where r.feed = $1 and f.as_of = $2 and r.resolved_at is null
      order by \(Self.order) limit $3
      """,
      [.text(feed), .date(daysSince1970: Int32(clamping: asOf.daysSince1970)), .int8(Int64(maximum) + 1)]
    ) { row in
      count += 1
      if count > maximum { return }
      if bytes >= Self.pageBytes {
        pages.append([])
        bytes = 0
      }
      pages[pages.count - 1].append(try row.decode(0))
      bytes += try row.decode(1, as: Int.self) + Self.recordBytes
    }
    return (pages, count > maximum)
  }

  private static let order = "f.name, f.file_id, r.record, r.reject_id"
  /// A record may be as long as the feed allows, so that pages are measured in bytes.
  private static let pageBytes = 2 << 20
  /// What a record takes beside its bytes, roughly.
  private static let recordBytes = 512

  private static let records = """
    select r.feed, r.file, r.line, r.record, r.byte_offset, r.column_name, r.code, r.reason, r.raw
    from daybook.reject r join daybook.file f using (file_id)
    where r.reject_id = any ($1) order by \(order)
    """

  private func write(_ row: PostgresRow, to writer: inout CSVWriter) throws {
    try writer.field(try row.decode(0, as: String.self))
    try writer.field(try row.decode(1, as: String.self), formulaGuard: true)
    for index in 2...4 { try writer.field(try row.decode(index, as: Int.self)) }
    try writer.field(try row.decode(5, as: String?.self) ?? "")
    try writer.field(try row.decode(6, as: String.self))
    try writer.field(try row.decode(7, as: String.self), formulaGuard: true)
    // The ledger keeps the bytes as they were; here those that are no characters are shown as in an export.
    let raw = encoding.text(of: try row.decode(8, as: [UInt8].self))
    try writer.field(legible(raw, encoding), formulaGuard: true)
    try writer.endRecord()
  }
}

extension FeedIngestion {
  private func rejectsFile(_ date: CivilDate) -> RejectsFile {
    RejectsFile(
      output: project.output, feed: feed.name, asOf: date, encoding: CharacterEncoding(feed.format.encoding))
  }

  private var rejectsMark: RejectsMark { RejectsMark(projectRoot: project.root, feed: feed.name) }

  /// Takes note of what the CSVs show, before anything is changed.
  nonisolated(nonsending) func markRejects(on connection: PostgresConnection) async throws {
    if rejectsMark.microseconds != nil { return }
    let changes = try await FileLedger.lastChanged(feed: feed.name, after: nil, on: connection)
    rejectsMark.set(changes.map(\.microseconds).max() ?? 0)
  }

  /// Writes and tells what was refused.
  func reportingRejects(_ outcome: IngestOutcome) async -> IngestOutcome {
    do {
      return try await pool.withConnection { connection in
        var outcome = outcome
        await reportRejects(&outcome, on: connection)
        return outcome
      }
    } catch {
      var outcome = outcome
      outcome.outputProblem = unlisted(error)
      return outcome
    }
  }

  /// Shows what was refused, and says how many within the limit there were.
  ///
  /// What is committed by now stays so, whatever stands in the way of the list: that is told beside it.
  nonisolated(nonsending) func reportRejects(_ outcome: inout IngestOutcome, on connection: PostgresConnection) async {
    do { try await showRejects(&outcome, on: connection) } catch { outcome.outputProblem = unlisted(error) }
    // Records that wait for their month are told for themselves, and do not count.
    let refused = outcome.rows.rejected - outcome.files.reduce(0) { $0 + $1.held }
    guard refused > 0, outcome.status == .loaded else { return }
    outcome.findings.append(
      Diagnostic(
        .warning, code: "rejects", at: outcome.rejectsFile.map { SourcePosition(file: $0) },
        "\(refused) of \(outcome.rows.read) records of feed \(feed.name) "
          + (refused == 1 ? "was refused, " : "were refused, ") + "the limit is \(feed.rejectLimit)"))
  }

  private func unlisted(_ error: any Error) -> [Diagnostic] {
    let path = rejectsFile(asOf).path
    return IngestError.output(path, (error as? PostgresError)?.description ?? "\(error)").diagnostics
  }

  /// Writes the CSVs that are behind the ledger: those of dates with files that were recorded, or rejects that were
  /// closed, since they were written, by whomever, and this date's when it is not there.
  ///
  /// A full disk does not undo what is committed, and must not hide it.
  nonisolated(nonsending) func showRejects(
    _ outcome: inout IngestOutcome, on connection: PostgresConnection
  ) async throws {
    let mark = rejectsMark
    let changes = try await FileLedger.lastChanged(feed: feed.name, after: mark.microseconds, on: connection)
    var dates = Set(changes.map(\.asOf))
    if !rejectsFile(asOf).isThere { dates.insert(asOf) }
    do {
      for date in dates.sorted() {
        let (path, isCut) = try await rejectsFile(date).write(on: connection)
        if date == asOf { outcome.rejectsFile = path }
        guard let path, isCut else { continue }
        outcome.findings.append(
          Diagnostic(
            .warning, code: "rejects_cut", at: SourcePosition(file: path),
            "the file holds the first \(RejectsFile.maximumRecords) refused records and not the others",
            fix: "daybook rejects export"))
      }
      if let last = changes.map(\.microseconds).max() { mark.set(last) }
    } catch let error as IngestError where error.kind == .output {
      outcome.outputProblem = error.diagnostics
    }
  }
}

extension IngestError {
  fileprivate static func output(_ path: String, _ why: String) -> IngestError {
    IngestError(
      .output,
      Diagnostic(
        .error, code: "rejects_file", at: SourcePosition(file: path), "cannot write the refused records: \(why)",
        notes: ["state: the ledger holds them; what was loaded stays loaded"],
        fix: "free or unlock the folder, then run again; or: daybook rejects export"))
  }
}
