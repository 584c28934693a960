// What the ledger keeps about one file of a feed, its rejects and its duplicates.
// These are values; `FileLedger` writes and reads them on the caller's connection.

public import Money

/// One file of a feed and what became of it.
public struct FileEntry: Sendable, Hashable {
  /// Whether the file is part of the data.
  public enum Status: String, Sendable, Hashable {
    /// It is being loaded in chunks; those that committed are in the base table.
    case loading
    /// Its good rows are in the base table.
    case loaded
    /// Nothing of it is in the base table.
    case refused
    /// It was loaded, and then loaded again on request; the later entry counts.
    case superseded
  }

  /// How rows reached the table.
  public enum LoadPath: String, Sendable, Hashable, CaseIterable {
    /// Into an empty table, whose keys and indexes were built behind the rows.
    case bulk
    /// COPY into staging, then a merge.
    case copy
    /// Chunked upserts straight into the table.
    case insert
  }

  /// The number drawn for it by `FileLedger.drawNumber`; nil to let the ledger give one.
  public var fileID: Int64?
  /// The feed it belongs to.
  public var feed: String
  /// File name, without its folder.
  public var name: String
  /// Hash of the file's bytes as they lie on disk.
  public var sha256: [UInt8]
  /// Size on disk.
  public var bytes: Int
  /// The run that read it.
  public var runID: RunID
  /// The business date of that run.
  public var asOf: CivilDate
  /// What became of it.
  public var status: Status
  /// What became of its rows.
  public var rows: RowCounts
  /// What became of its money.
  public var controlSums: [ControlSumEntry]
  /// How its rows reached the table; nil for a file that was refused.
  public var path: LoadPath?
  /// From opening the file to its last row, in milliseconds; nil when not measured.
  public var wallMs: Int?
  /// The names in its header; nil when it has none, or it was not read.
  public var header: [String]?
  /// What its control file or its trailer said, beside what was read.
  public var statements: [StatementEntry]
  /// Whether it replaces refused files of the same name, whose rejects it then resolves. A correction of single
  /// records does not, however it is named.
  public var replacesNamesakes: Bool

  /// Creates an entry.
  public init(
    fileID: Int64? = nil, feed: String, name: String, sha256: [UInt8], bytes: Int, runID: RunID, asOf: CivilDate,
    status: Status, rows: RowCounts, controlSums: [ControlSumEntry] = [], path: LoadPath? = nil, wallMs: Int? = nil,
    header: [String]? = nil, statements: [StatementEntry] = [], replacesNamesakes: Bool = true
  ) {
    self.fileID = fileID
    self.feed = feed
    self.name = name
    self.sha256 = sha256
    self.bytes = bytes
    self.runID = runID
    self.asOf = asOf
    self.status = status
    self.rows = rows
    self.controlSums = controlSums
    self.path = path
    self.wallMs = wallMs
    self.header = header
    self.statements = statements
    self.replacesNamesakes = replacesNamesakes
  }
}

/// One figure that the sender of a file stated about it.
public struct StatementEntry: Sendable, Hashable {
  /// Where it was stated.
  public enum Source: String, Sendable, Hashable, CaseIterable {
    /// In a file beside the file.
    case controlFile = "control_file"
    /// In the file's last record.
    case trailer
  }

  /// Where it was stated.
  public var source: Source
  /// The control column that was summed; empty for the number of rows.
  public var column: String
  /// The group of the sum, such as a currency; empty for the number of rows.
  public var currency: String
  /// What was stated.
  public var stated: ExactDecimal
  /// What was read.
  public var read: ExactDecimal

  /// Creates an entry.
  public init(source: Source, column: String, currency: String, stated: ExactDecimal, read: ExactDecimal) {
    self.source = source
    self.column = column
    self.currency = currency
    self.stated = stated
    self.read = read
  }
}

/// A file that is part of the data.
public struct LoadedFile: Sendable, Hashable {
  /// Its number in the ledger.
  public var fileID: Int64
  /// The feed it belongs to.
  public var feed: String
  /// File name when it was loaded.
  public var name: String
  /// Hash of its bytes.
  public var sha256: [UInt8]
  /// Size on disk.
  public var bytes: Int
  /// The run that loaded it.
  public var runID: RunID
  /// When it was recorded.
  public var recordedAt: Moment
  /// What became of its rows.
  public var rows: RowCounts
}

/// Why a record was refused.
public enum RejectCode: String, Sendable, Hashable, CaseIterable {
  case fieldCount = "field_count"
  case notUTF8 = "not_utf8"
  case nulByte = "nul_byte"
  case unterminatedQuote = "unterminated_quote"
  case strayQuote = "stray_quote"
  case recordTooLong = "record_too_long"
  case missingValue = "missing_value"
  case wrongType = "wrong_type"
  case outOfRange = "out_of_range"
  case notOneOf = "not_one_of"
  case patternMismatch = "pattern_mismatch"
  case orphanReference = "orphan_reference"
  case keyConflict = "key_conflict"
  case serverRefused = "server_refused"
  /// The row falls into a closed month: nothing is wrong with it but its date.
  case closedPeriod = "closed_period"
}

/// One refused record.
public struct RejectEntry: Sendable, Hashable {
  /// Its number in the ledger; nil before it is recorded.
  public var rejectID: Int64?
  /// The ledger's number of the file.
  public var fileID: Int64
  /// The run that refused it.
  public var runID: RunID
  /// The feed.
  public var feed: String
  /// File name.
  public var file: String
  /// 1-based line where the record starts, the header counted.
  public var line: Int
  /// 1-based number of the record; the header is 1.
  public var record: Int
  /// 0-based offset of the record's first byte in the decompressed file.
  public var byteOffset: Int
  /// The column at fault, unless the record as a whole is.
  public var column: String?
  /// Why, as a stable word.
  public var code: RejectCode
  /// Why, for a person.
  public var reason: String
  /// The record's bytes as they were.
  public var raw: [UInt8]

  /// Creates an entry.
  public init(
    rejectID: Int64? = nil, fileID: Int64, runID: RunID, feed: String, file: String, line: Int, record: Int,
    byteOffset: Int, column: String?, code: RejectCode, reason: String, raw: [UInt8]
  ) {
    self.rejectID = rejectID
    self.fileID = fileID
    self.runID = runID
    self.feed = feed
    self.file = file
    self.line = line
    self.record = record
    self.byteOffset = byteOffset
    self.column = column
    self.code = code
    self.reason = reason
    self.raw = raw
  }
}

/// One record that lost to a later record with the same key in the same file.
public struct DuplicateEntry: Sendable, Hashable {
  /// The ledger's number of the file.
  public var fileID: Int64
  /// The run that read it.
  public var runID: RunID
  /// The feed.
  public var feed: String
  /// File name.
  public var file: String
  /// 1-based line where the losing record starts.
  public var line: Int
  /// 1-based number of the losing record; the header is 1.
  public var record: Int
  /// 0-based offset of the losing record's first byte.
  public var byteOffset: Int
  /// The key, as text; several columns joined by a comma.
  public var key: String
  /// The line of the record that won, when known.
  public var keptLine: Int?

  /// Creates an entry.
  public init(
    fileID: Int64, runID: RunID, feed: String, file: String, line: Int, record: Int, byteOffset: Int, key: String,
    keptLine: Int?
  ) {
    self.fileID = fileID
    self.runID = runID
    self.feed = feed
    self.file = file
    self.line = line
    self.record = record
    self.byteOffset = byteOffset
    self.key = key
    self.keptLine = keptLine
  }
}
