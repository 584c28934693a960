// Why a record is not handed on as fields.
// Defects are found while records are split; that a record has too few fields or bytes that are no UTF-8 is for
// the ingest to say, because only the ingest knows what was declared.

/// What is wrong with the punctuation of a record.
public enum RecordDefect: UInt8, Sendable, Hashable, CaseIterable {
  /// A quoted field does not end on this line, nor properly within the dialect's limits after it. The record is
  /// this one line; reading resumes with the next, so that no good row is swallowed.
  case unterminatedQuote = 1
  /// A quote inside an unquoted field, or text after a closing quote. The record is this one line.
  case strayQuote
  /// The line is longer than `CSVDialect.maxRecordBytes`; `rawBytes` is cut there.
  case tooLong
}
