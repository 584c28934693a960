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
  var keysAscend: Bool
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
  /// Columns that the file fills, constants included, in the table's order.
  var columns: [ColumnDefinition]
  /// Place of each of those columns in the file.
  var places: [String: Int]
  /// Fields of its header.
  var fieldCount: Int
  var summary: EncodedSummary
}
