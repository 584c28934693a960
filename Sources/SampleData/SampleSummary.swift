// What a generation run wrote, for the caller's last line and for progress on a terminal.
// The exact counts and sums of every file are in expected.json, not here.

/// The files one generation run wrote.
public struct SampleSummary: Sendable, Hashable {
  /// One feed file.
  public struct File: Sendable, Hashable {
    /// The feed it belongs to.
    public let feed: String
    /// Its name inside the inbox.
    public let name: String
    /// Records in it, the header not counted, bad ones counted.
    public let rows: Int
    /// How many of those the feed's definition must reject.
    public let badRows: Int
    /// Its size.
    public let bytes: Int
  }

  /// The feed files, in load order.
  public let files: [File]
  /// Where the expected figures stand.
  public let expectationPath: String

  /// Records over all files.
  public var rows: Int { files.reduce(0) { $0 + $1.rows } }
  /// Bytes over all files.
  public var bytes: Int { files.reduce(0) { $0 + $1.bytes } }
}

/// How far a generation run has come.
public struct SampleProgress: Sendable, Hashable {
  /// The file being written.
  public let file: String
  /// Records written so far, over all files.
  public let rowsDone: Int
  /// About how many records there will be.
  public let rowsTotal: Int
}
