// A copy of each run in a file, one JSON object a line, so that its story outlives the database.
// A mirror that cannot be written never fails a run: the first failure is kept and can be asked for.
// The database is the authority; nothing reads this file back.

internal import Glibc

/// Appends the events of runs to `<directory>/<run_id>.jsonl`.
struct RunMirror: Sendable {
  /// Where the files go; nil keeps no copy.
  let directory: String?
  /// Why the last event could not be written.
  private(set) var lastFailure: String?

  init(directory: String?) {
    self.directory = directory
  }

  /// Appends one event in one write.
  mutating func append(_ event: JSONValue, to run: RunID) {
    guard let directory else { return }
    // A project whose database is elsewhere may have no folder of state yet.
    if let slash = directory.lastIndex(of: "/"), slash != directory.startIndex {
      mkdir(String(directory[..<slash]), 0o755)
    }
    if mkdir(directory, 0o755) != 0, errno != EEXIST {
      lastFailure = "\(directory): \(String(cString: strerror(errno)))"
      return
    }
    let path = "\(directory)/\(run).jsonl"
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard file >= 0 else {
      lastFailure = "\(path): \(String(cString: strerror(errno)))"
      return
    }
    var line = event.text + "\n"
    let written = line.withUTF8 { write(file, $0.baseAddress, $0.count) }
    if written != line.utf8.count { lastFailure = "\(path): written in part" }
    close(file)
  }
}
