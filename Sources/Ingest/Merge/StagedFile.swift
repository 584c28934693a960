// A file on its way: what the client found in it and the staging table that holds its good rows.

internal import Definitions
internal import Postgres

/// What parsing one file gave.
struct EncodedSummary: Sendable {
  var recordsRead: Int
  var accepted: Int
  var rejects: RejectLog
  var controls: ControlTotals
  /// Why the control sums cannot be used, if so.
  var controlProblem: String?
  /// Whether every key is greater than the one before it in the file, so that no key comes twice.
  var keysAscend: Bool
  /// Which keys may come twice.
  var lateKeys: LateKeys
  /// How the file ended.
  var tail: FileTail
}

/// A file whose good rows are in staging.
struct StagedFile: Sendable {
  var name: String
  /// As a person finds it: relative to the project, or as it was named.
  var displayPath: String
  var file: OpenFile
  var sha256: [UInt8]
  var isReload: Bool
  var staging: QualifiedName
  /// How it is read.
  var dialect: FileDialect
  /// Whether staging gives the rows in the order of the file.
  var isInFileOrder = true
  /// When the file was opened for staging.
  var started: ContinuousClock.Instant?
  /// Columns that the file fills, constants included, in the table's order.
  var columns: [ColumnDefinition]
  /// Place of each of those columns in the file.
  var places: [String: Int]
  var summary: EncodedSummary
  /// The names in the file's header.
  var header: [String]
  /// What the file's control file says; nil when there is none. Given by every way of reading a file, so that none
  /// passes it over.
  let control: SenderStatement?
}
