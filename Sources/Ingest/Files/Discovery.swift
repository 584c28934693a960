// Which files of a feed are new: found, opened, hashed, and compared with the ledger.
// Invariant: a file counts as loaded by its content alone. A file that the cache vouches for and the ledger knows
// is not even opened; every file that is returned is open, and stays the same file to the end.

internal import Definitions
internal import Finding
internal import Glibc
internal import Ledger
internal import Postgres

/// A file to load.
struct DiscoveredFile: Sendable {
  var name: String
  var displayPath: String
  var file: OpenFile
  var sha256: [UInt8]
  var isReload: Bool
  /// What its control file says; nil when there is none.
  let control: SenderStatement?
}

/// What was found in the inbox.
struct Discovery {
  let feed: FeedDefinition
  let inbox: Inbox
  let root: String
  var cache: FingerprintCache
  var files: [DiscoveredFile] = []
  var findings: [Diagnostic] = []
  /// Whether the feed has no loaded file yet.
  var isFirst = false
  var isInbox = true
  /// Files of which it is known that nobody writes them.
  var isFinished: Set<String> = []
  /// Whether names were left for another look, because as many files are open as one call takes.
  var isCut = false
  /// Files that are there and not to be loaded yet, each with what it waits for.
  var waiting: [Diagnostic] = []

  init(project: Project, feed: FeedDefinition) {
    self.feed = feed
    inbox = Inbox(path: project.inbox)
    root = project.root
    cache = FingerprintCache(projectRoot: project.root, feed: feed.name)
  }

  /// Whether a path leads to what came by standard input.
  func isSpooled(_ path: String) -> Bool { path.hasPrefix("\(root)/\(InputSpool.folder)/") }

  /// A path as a person of the project would write it.
  func display(_ path: String) -> String {
    // What is kept of standard input is gone when the message is read.
    if isSpooled(path) { return path.split(separator: "/").last.map(String.init) ?? path }
    return path.hasPrefix(root + "/") ? String(path.dropFirst(root.utf8.count + 1)) : path
  }
}

extension FeedIngestion {
  /// Finds the files to load.
  nonisolated(nonsending) func discover(
    _ selection: FileSelection, _ discovery: inout Discovery, on connection: PostgresConnection
  ) async throws {
    let loaded = try await FileLedger.loaded(feed: feed.name, on: connection)
    discovery.isFirst = loaded.isEmpty
    let known = Set(loaded.map(\.sha256))
    // A file that is part way in, by a reload too, is to be gone on with.
    var passedOver = known.subtracting(try await ChunkLedger.loading(feed: feed.name, on: connection).map(\.sha256))
    try await find(selection, &passedOver, &discovery)
    for index in discovery.files.indices where known.contains(discovery.files[index].sha256) {
      discovery.files[index].isReload = true
    }
  }

  private nonisolated(nonsending) func find(
    _ selection: FileSelection, _ known: inout Set<[UInt8]>, _ discovery: inout Discovery
  ) async throws {
    switch selection {
    case .correction: break
    case .file(let path, let reload):
      discovery.isInbox = false
      do {
        let file = try OpenFile(path, followsLinks: true)
        let name = path.split(separator: "/").last.map(String.init) ?? path
        try await take(name, path, file, isReload: reload, &known, &discovery)
      } catch let error as SystemError {
        throw error.number == ENOENT ? missing(path) : unreadable(path, error)
      }
      try await leaveUnfinished(&discovery)
    case .inbox, .reloadInbox:
      let names: (legible: [String], illegible: [String])
      do { names = try discovery.inbox.names(matching: feed.filePattern) } catch {
        throw unreadable(discovery.inbox.path, error)
      }
      if let name = names.illegible.first { throw illegible("\(discovery.display(discovery.inbox.path))/\(name)") }
      for name in names.legible {
        // Each file is held open until it is loaded, and a process has 1024 descriptors unless told otherwise.
        if discovery.files.count >= filesTogether, selection == .inbox {
          discovery.isCut = true
          break
        }
        try await look(at: name, isReload: selection == .reloadInbox, &known, &discovery)
        try await leaveUnfinished(&discovery)
      }
    }
  }

  private nonisolated(nonsending) func look(
    at name: String, isReload: Bool, _ known: inout Set<[UInt8]>, _ discovery: inout Discovery
  ) async throws {
    let path = "\(discovery.inbox.path)/\(name)"
    if !isReload {
      var status = stat()
      if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
        let sha256 = discovery.cache.sha256(name: name, identity: FileIdentity(status)), known.contains(sha256)
      {
        return
      }
    }
    do {
      guard let file = try discovery.inbox.open(name) else {
        discovery.findings.append(
          Diagnostic(
            .warning, code: "outside_inbox", at: SourcePosition(file: discovery.display(path)),
            "the link leads out of the inbox and is not followed", fix: "put the file itself into the inbox"))
        return
      }
      try await take(name, path, file, isReload: isReload, &known, &discovery)
    } catch let error as SystemError {
      if error.number == EISDIR {
        discovery.findings.append(
          Diagnostic(
            .warning, code: "not_a_file", at: SourcePosition(file: discovery.display(path)),
            "it matches \(feed.filePattern) but is not a regular file; it is passed over"))
        return
      }
      throw unreadable(path, error)
    }
  }

  private nonisolated(nonsending) func take(
    _ name: String, _ path: String, _ file: OpenFile, isReload: Bool, _ known: inout Set<[UInt8]>,
    _ discovery: inout Discovery
  ) async throws {
    let sha256 = try await file.hash(meter)
    if discovery.isInbox, !file.hasChanged {
      var now = timespec()
      clock_gettime(CLOCK_REALTIME, &now)
      discovery.cache.remember(
        name: name, identity: file.identity, sha256: sha256,
        nowNanoseconds: Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec))
    }
    let isKnown = known.contains(sha256)
    if isKnown, !isReload { return }
    if isKnown, feed.key.isEmpty {
      throw IngestError(
        .fileRefused,
        Diagnostic(
          .error, code: "reload_without_key", at: SourcePosition(file: discovery.display(path)),
          "feed \(feed.name) has no key: loading this file again would append its rows a second time",
          notes: ["declared in \(feed.position)"], fix: "leave out --reload"))
    }
    let control = try controlFile(of: name, path, discovery)
    if control == nil, feed.controlFile == .required {
      let absent = try controlFileAbsent(path, discovery)
      return discovery.wait(absent)
    }
    known.insert(sha256)
    discovery.files.append(
      DiscoveredFile(
        name: name, displayPath: discovery.display(path), file: file, sha256: sha256, isReload: isReload && isKnown,
        control: control))
  }

  private func illegible(_ path: String) -> IngestError {
    IngestError(
      .unreadable,
      Diagnostic(
        .error, code: "file_name", at: SourcePosition(file: path),
        "feed \(feed.name): the file's name matches \(feed.filePattern) but is not UTF-8",
        notes: ["state: nothing of this feed is committed"], fix: "rename the file, then run again"))
  }

  private func missing(_ path: String) -> IngestError {
    IngestError(
      .missingFile,
      Diagnostic(
        .error, code: "missing_file", at: SourcePosition(file: path), "feed \(feed.name): there is no such file",
        notes: ["state: nothing of this feed is committed"], fix: "correct the path, or deliver the file"))
  }

  private func unreadable(_ path: String, _ error: SystemError) -> IngestError {
    IngestError(
      .unreadable,
      Diagnostic(
        .error, code: "unreadable", at: SourcePosition(file: path), "feed \(feed.name): cannot read it: \(error)",
        notes: ["state: nothing of this feed is committed"],
        fix: whatToDo(error.number)))
  }

  private func whatToDo(_ number: Int32) -> String? {
    switch number {
    case EISDIR: "name a file; what a pipe gives goes in by: … | daybook ingest \(feed.name) --file -"
    case EACCES: "let this user read it, then run again"
    case EMFILE: "allow the process more open files (ulimit -n), then run again"
    case ENOENT, ELOOP: "a link that leads nowhere? take it out of the inbox; else run again"
    default: nil
    }
  }
}
