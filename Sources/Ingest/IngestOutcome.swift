// What the ingest of one feed did: values to print, to record and to compare.
// Invariant: every file's rows and control sums add up, or the ingest would have thrown.

public import Finding
public import Ledger

/// Which files to ingest.
public enum FileSelection: Sendable, Hashable {
  /// The files of the inbox that match the feed's pattern and are not loaded yet.
  case inbox
  /// One file, wherever it lies; with `reload` even when its content is loaded already.
  case file(String, reload: Bool)
  /// A corrected export of rejects.
  case correction(String)
  /// All files of the inbox that match, even those whose content is loaded already.
  case reloadInbox
}

/// What became of one file.
public struct FileOutcome: Sendable, Hashable {
  /// Its name, without the folder.
  public var name: String
  /// Hash of its bytes as they lie on disk.
  public var sha256: [UInt8]
  /// Its size on disk.
  public var bytes: Int
  /// What became of its rows. Of a refused file only `read` and `rejected` are known.
  public var rows: RowCounts
  /// What became of its money, by column, currency and outcome.
  public var controlSums: [ControlSumEntry]
  /// The ledger's number of the file.
  public var fileID: Int64
  /// How many of its rejected rows are good ones that wait, because they fall into closed months.
  public var held = 0
}

/// What the ingest of one feed did.
public struct IngestOutcome: Sendable, Hashable {
  /// How it ended.
  public enum Status: String, Sendable, Hashable {
    /// The new files are in the base table.
    case loaded
    /// There was no new file.
    case nothingNew = "nothing_new"
    /// More records were refused than the definition allows: nothing was published.
    case refused
  }

  /// How it ended.
  public var status: Status
  /// The files that were read, in load order.
  public var files: [FileOutcome]
  /// What became of all rows.
  public var rows: RowCounts
  /// Bytes read, as they lie on disk.
  public var bytesIn: Int
  /// What to tell the person: drift, duplicates, rejects within the limit, why a feed was refused.
  public var findings: [Diagnostic]
  /// The CSV of the refused records under Output, when there were any.
  public var rejectsFile: String?
  /// Why the CSV of the refused records could not be written; what was loaded is committed all the same.
  public var outputProblem: [Diagnostic] = []

  /// The way the rows took and why; nil where the definition left no choice.
  public var choice: LoadChoice?

  /// Puts what was loaded earlier in the same call before this.
  mutating func add(_ earlier: IngestOutcome) {
    files = earlier.files + files
    rows = earlier.rows + rows
    bytesIn += earlier.bytesIn
    findings = earlier.findings + findings
  }

  /// The sums over all files, by column, currency and outcome.
  public var controlSums: [ControlSumEntry] { ControlTotals(files.flatMap(\.controlSums)).entries }
}
