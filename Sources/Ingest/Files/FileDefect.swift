// Why a file cannot be used as a whole, in words: the same for the ingest, the preview and the inference.

internal import CSV
internal import Finding

/// What a person is told about a file that cannot be read; nil for an error that is not about the file's contents.
func diagnostics(ofFileDefect error: any Error, at path: String) -> [Diagnostic]? {
  switch error {
  case let error as DiagnosticsError: error.diagnostics
  case let error as CSVError:
    [
      Diagnostic(
        .error, code: "unreadable_file", at: SourcePosition(file: path), error.message,
        fix: error.fix ?? "have the file delivered again")
    ]
  case let error as HeaderDefect:
    [
      Diagnostic(
        .error, code: "header", at: SourcePosition(file: path, line: 1), error.message,
        fix: error.defect == .tooLong
          ? "see that the file has line ends and the feed's delimiter; or raise format.max_record_bytes"
          : "correct the first line of the file")
    ]
  default: nil
  }
}
