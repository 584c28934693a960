// What would be loaded from a file, and what would be refused, without loading: the entry of the preview.
// Invariant: nothing is written and no database is asked. Rows are decoded from the bytes that COPY would get, and
// rejects are the encoder's own; duplicates and references are the database's affair and not seen here.

internal import CSV
public import Definitions
public import Finding
internal import Glibc
public import Ledger
internal import Money

/// The first rows and the first rejects of a file.
public struct PreviewedFile: Sendable {
  /// One refused record.
  public struct Reject: Sendable, Hashable {
    /// The line on which it starts, the header counted.
    public var line: Int
    /// Its number, the header counted.
    public var record: Int
    /// Its first byte in the decompressed stream.
    public var byteOffset: Int
    /// The column that was wrong; nil for the record as a whole.
    public var column: String?
    /// Why, as a stable word.
    public var code: RejectCode
    /// Why, in one sentence.
    public var reason: String
  }

  /// One row of the table.
  public struct Row: Sendable, Hashable {
    /// The line on which its record starts.
    public var line: Int
    /// The columns' values as PostgreSQL would show them; nil for NULL.
    public var values: [String?]
  }

  /// The table's columns, in the order of the definition.
  public var columns: [ColumnDefinition] = []
  /// The first rows.
  public var rows: [Row] = []
  /// The first rejects.
  public var rejects: [Reject] = []
  /// Records in the file, the header not counted.
  public var recordsRead = 0
  /// Records that would be refused.
  public var recordsRefused = 0
  /// What is to be said about the header, or an empty file.
  public var findings: [Diagnostic] = []
}

/// Shows what a feed would make of a file.
public struct FeedPreview: Sendable {
  private let feed: FeedDefinition
  private let timeZone: String

  /// Creates a preview; `timeZone` is the project's.
  public init(feed: FeedDefinition, timeZone: String) {
    self.feed = feed
    self.timeZone = timeZone
  }

  /// Reads the file at `path` to its end; `-` is standard input.
  ///
  /// - Throws: `IngestError` for a file that could not be used as a whole.
  public func read(_ path: String, rows: Int, rejects: Int = 10) throws(IngestError) -> PreviewedFile {
    let zone = try zone()
    return try withUsableFile(path) { file in
      let scan = try FeedScan(file, feed: feed, displayPath: path == "-" ? "standard input" : path, zone: zone)
      var preview = PreviewedFile()
      preview.columns = feed.columns
      preview.findings = scan.match.findings
      let decoder = EncodedRows(types: scan.plan.definitions.map(\.type), zone: zone)
      // For each column of the feed, its place among the encoded ones.
      let places = feed.columns.map { column in scan.plan.definitions.firstIndex { $0.name == column.name } }
      func take(_ block: EncodedBlock) {
        guard preview.rows.count < rows else { return }
        for row in decoder.rows(of: block.bytes, atMost: rows - preview.rows.count) {
          let values = zip(places, feed.columns).map { place, column in
            place.map { row.values[$0] } ?? constant(of: column)
          }
          preview.rows.append(PreviewedFile.Row(line: row.line, values: values))
        }
      }
      let outcome = try scan.run(file, block: take)
      preview.recordsRead = outcome.recordsRead
      preview.recordsRefused = outcome.rejects.count
      preview.rejects = outcome.rejects.records.prefix(rejects).map {
        PreviewedFile.Reject(
          line: $0.line, record: $0.record, byteOffset: $0.byteOffset, column: $0.column, code: $0.code,
          reason: $0.reason)
      }
      return preview
    }
  }

  /// A constant as the table would hold it; nil for a column that the file does not have.
  private func constant(of column: ColumnDefinition) -> String? {
    guard let text = column.constant else { return nil }
    switch column.type {
    case .decimal(_, let scale):
      return ExactDecimal(text)?.rounded(scale: scale, rounding: .towardZero)?.description ?? text
    case .boolean: return text == "true" ? "t" : "f"
    case .integer, .bigint: return Int64(text).map { String($0) } ?? text
    case .uuid: return text.lowercased()
    default: return text
    }
  }

  private func zone() throws(IngestError) -> TimeZoneRules {
    if let zone = TimeZoneRules(named: timeZone) { return zone }
    throw IngestError(
      .definition,
      Diagnostic(
        .error, code: "time_zone", "this machine does not know the time zone \(timeZone)",
        fix: "install tzdata, or correct calendar.time_zone"))
  }

  /// What writing a file as standard CSV came to.
  public struct Conversion: Sendable {
    /// Records written, the header not counted.
    public var records = 0
    /// Records that could not be read as fields and were left out.
    public var rejects: [PreviewedFile.Reject] = []
    /// How many of them there are.
    public var refused = 0
  }

  /// Writes the file's records, all fields of them, as RFC 4180 in UTF-8.
  ///
  /// - Parameters:
  ///   - rows: at most so many records behind the header; all of them for nil.
  ///   - descriptor: where to; it stays open.
  /// - Throws: `IngestError`; of kind `.output` when nobody takes what is written.
  public func writeCSV(_ path: String, rows: Int?, to descriptor: Int32) throws(IngestError) -> Conversion {
    try withUsableFile(path) { file in
      let dialect = try FileDialect(feed.format)
      var reader = try dialect.reader(of: file.stablePath, chunkBytes: readChunkBytes)
      var parser = RecordParser(dialect: dialect.csv)
      var writer = CSVWriter(descriptor: descriptor, lineEnd: .crlf)
      var conversion = Conversion()
      let limit = rows ?? .max
      do {
        while conversion.records < limit, let chunk = try reader.next() {
          try Task.checkCancellation()
          try parser.parse(chunk) { record throws(CSVError) in
            if conversion.records >= limit { return }
            if let reject = Self.defect(record) {
              conversion.refused += 1
              if conversion.rejects.count < 10 { conversion.rejects.append(reject) }
              return
            }
            for index in 0..<record.fieldCount {
              let field = record[index]
              // "" is text and nothing is NULL: the difference is kept.
              try writer.field(bytes: field.bytes, quoting: field.isQuoted && field.count == 0 ? .always : .whenNeeded)
            }
            try writer.endRecord()
            if record.record > 1 { conversion.records += 1 }
          }
        }
        try writer.flush()
      } catch let error as CSVError where error.kind == .write {
        throw IngestError(
          .output, Diagnostic(.error, code: "cannot_write", "standard output: \(error.message)"))
      }
      return conversion
    }
  }

  private static func defect(_ record: borrowing ParsedRecord) -> PreviewedFile.Reject? {
    let found: (RejectCode, String)?
    switch record.defect {
    case .unterminatedQuote:
      found = (.unterminatedQuote, "a quoted field that opens on this line does not end properly")
    case .strayQuote: found = (.strayQuote, "a quote stands inside an unquoted field, or text behind a closing quote")
    case .tooLong: found = (.recordTooLong, "the record is too long")
    case nil:
      // What is written is said to be UTF-8.
      found = verdict(onText: record.rawBytes) == .notUTF8 ? (.notUTF8, "the record is not valid UTF-8") : nil
    }
    return found.map { code, reason in
      PreviewedFile.Reject(
        line: record.line, record: record.record, byteOffset: record.byteOffset, column: nil, code: code, reason: reason
      )
    }
  }
}
