// What the sender of a file says that it holds: a number of rows, and sums of control columns.
// Invariant: figures that could not be read are problems and never left out, so that a file with a statement that
// cannot be understood is refused instead of loaded unproven. Control files are read in `ControlFile`, trailers in
// `FileTail`; the comparison is in `StatementCheck`.

internal import Finding
internal import Ledger
internal import Money

/// What was stated about one file, and by what.
struct SenderStatement: Sendable {
  /// One figure.
  struct Figure: Sendable {
    /// The control column; empty for the number of rows.
    var column: String
    /// The group that was summed; nil where the file is said to have a single one.
    var group: String?
    var value: ExactDecimal
    /// Where it stands in the control file, or in the file itself.
    var line: Int

    var isRows: Bool { column.isEmpty }
  }

  var source: StatementEntry.Source
  /// The file in which it stands, as a person finds it.
  var path: String
  var figures: [Figure] = []
  /// Why it cannot be understood.
  var problems: [Diagnostic] = []

  /// How a message calls it.
  var name: String { source == .controlFile ? "the control file" : "the trailer" }
}
