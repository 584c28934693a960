// Files that are there and not to be loaded yet: their control file has not come, or somebody still writes them.
// Invariant: a file of the inbox that waits is a warning, and is looked at again by the next run; a file that a person
// named is an error, because nothing of what was asked for would happen.

internal import Definitions
internal import Finding
internal import Glibc
internal import Ledger

extension Discovery {
  /// Leaves a file for the next run.
  mutating func wait(_ reason: Diagnostic) {
    waiting.append(reason)
    findings.append(reason)
  }
}

extension FeedIngestion {
  /// Takes the file that was found last out again when somebody still writes it.
  nonisolated(nonsending) func leaveUnfinished(_ discovery: inout Discovery) async throws {
    guard let last = discovery.files.last, !discovery.isFinished.contains(last.name) else { return }
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    guard try await last.file.isBeingWritten(nowNanoseconds: Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec))
    else {
      discovery.isFinished.insert(last.name)
      return
    }
    let message = "feed \(feed.name): the file is still being written"
    guard discovery.isInbox else {
      throw IngestError(
        .fileRefused,
        Diagnostic(
          .error, code: "being_written", at: SourcePosition(file: last.displayPath), message,
          notes: ["state: nothing of this feed is committed"],
          fix: "wait until whoever writes it has closed it, then run again"))
    }
    discovery.files.removeLast()
    discovery.wait(
      Diagnostic(
        .warning, code: "being_written", at: SourcePosition(file: last.displayPath), message,
        notes: ["state: the file is not loaded; it waits until it is complete"],
        fix: "deliver under another name and rename when complete; then: daybook ingest \(feed.name)"))
  }

  /// The control file of a feed file; nil when there is none, or none is looked for.
  func controlFile(of name: String, _ path: String, _ discovery: Discovery) throws -> SenderStatement? {
    guard feed.controlFile != .none else { return nil }
    let folder = path.dropLast(name.count)
    for candidate in ControlFile.names(for: name) {
      let place = "\(folder)\(candidate)"
      let shown = discovery.display(place)
      do {
        let file = discovery.isInbox ? try discovery.inbox.open(candidate) : try OpenFile(place, followsLinks: true)
        guard let file else {
          return SenderStatement(
            source: .controlFile, path: shown,
            problems: [
              Diagnostic(
                .error, code: "control_file", at: SourcePosition(file: shown),
                "the control file is a link out of the inbox, which is not followed",
                fix: "put the control file itself into the inbox")
            ])
        }
        return ControlFile(feed: feed).read(file, path: shown)
      } catch {
        if error.number == ENOENT { continue }
        return SenderStatement(
          source: .controlFile, path: shown,
          problems: [
            Diagnostic(
              .error, code: "control_file", at: SourcePosition(file: shown), "cannot read the control file: \(error)")
          ])
      }
    }
    return nil
  }

  func controlFileAbsent(_ place: String, _ discovery: Discovery) throws(IngestError) -> Diagnostic {
    let path = discovery.display(place)
    let message = "feed \(feed.name): its control file \(path)\(ControlFile.suffix) is not there, and is required"
    guard discovery.isInbox else {
      throw IngestError(
        .fileRefused,
        Diagnostic(
          .error, code: "control_file_absent", at: SourcePosition(file: path), message,
          notes: ["declared in \(feed.position)", "state: nothing of this feed is committed"],
          fix: discovery.isSpooled(place)
            ? "save the data as a file, put the control file beside it, and give its path to --file"
            : "put the control file beside it"))
    }
    return Diagnostic(
      .warning, code: "control_file_absent", at: SourcePosition(file: path), message,
      notes: ["state: the file is not loaded; it waits for its control file"],
      fix: "deliver the control file, or declare control_file: optional; then: daybook ingest \(feed.name)")
  }
}
