// The refused records of a feed and a business date, as a CSV for people: Output/rejects/<date>/<feed>.csv.
// It stands beside the dated report sets, not in them: those are published whole or not at all, and a refused feed
// must be explained on a night without new reports. Made from the ledger, so a second run writes the same bytes,
// and the same bytes are not written again.

internal import CSV
internal import Finding
internal import Glibc
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
  /// - Returns: its path, or nil when nothing was refused; and whether records were left out.
  nonisolated(nonsending) func write(
    on connection: PostgresConnection, atMost maximum: Int = maximumRecords
  ) async throws -> (path: String?, isCut: Bool) {
    var writer = CSVWriter()
    try writer.record(Self.columns)
    var count = 0
    let rows = try await connection.query(
      """
      select r.feed, r.file, r.line, r.record, r.byte_offset, r.column_name, r.code, r.reason, r.raw
      from daybook.reject r join daybook.file f using (file_id)
      where r.feed = $1 and f.as_of = $2 and r.resolved_at is null
      order by f.name, f.file_id, r.record, r.reject_id limit $3
      """,
      [.text(feed), .date(daysSince1970: Int32(clamping: asOf.daysSince1970)), .int8(Int64(maximum) + 1)])
    let isCut = rows.count > maximum
    for row in rows.prefix(maximum) {
      count += 1
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
    if count == 0 { return (nil, false) }
    let bytes = writer.takeBytes()
    let directory = "\(output)/rejects/\(asOf)"
    // Nothing is written outside of Output: a link in a folder's place would lead there.
    for folder in ["\(output)/rejects", directory] where isLink(folder) {
      throw IngestError.output(folder, "a symbolic link stands in its place")
    }
    for draft in leftOverDrafts(of: path) { unlink(draft) }
    if readBytes(path) == bytes { return (path, isCut) }
    guard makeDirectories(directory) else { throw IngestError.output(path, "the folder cannot be made") }
    let number = replaceFile(path, with: bytes)
    if number != 0 { throw IngestError.output(path, SystemError(number: number).description) }
    return (path, isCut)
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
