// The published sets on disk. A set is written whole beside the others under a name that nobody reads, brought to
// disk, and then put in place by one rename; `latest` follows by another.
// Invariant: whatever fails or is killed, `<as-of>` and `latest` name complete sets, and nothing outside is touched. On a
// disk that cannot exchange two names a kill may leave a date empty; whoever publishes or marks next puts its set back.
// After each publication `latest` leads to the newest set that stands here, whichever was published.
// The renames, and what killed runs leave, are elsewhere: OutputFolder+Exchange.
// Source: LWN, "Ensuring data reaches disk", on fsync of directories.

internal import FoundationEssentials
internal import Glibc
internal import Money
internal import Workbook

/// The folder that sets are published under.
struct OutputFolder: Sendable {
  /// Its absolute path.
  let path: String
  /// Exchanges two names in one step; gives 0 or the number of the error. Not every file system can.
  var exchangeNames: @Sendable (String, String) -> Int32 = renameExchange

  /// What a file of a new set is made of.
  enum Content: Sendable {
    case bytes([UInt8])
    /// As it is in the set that this one replaces.
    case kept
  }

  static let latestName = "latest"
  static let stagingPrefix = ".daybook-set-"
  static let linkPrefix = ".daybook-latest-"

  /// The path of the set for `asOf`.
  func directory(for asOf: CivilDate) -> String { "\(path)/\(asOf)" }

  /// The manifest of the set for `asOf`, when there is a set that stands as it was published: every file is there,
  /// with its size.
  func intactManifest(for asOf: CivilDate) -> SetManifest? {
    manifest(for: asOf).flatMap { changedFiles(of: $0, asOf: asOf).isEmpty ? $0 : nil }
  }

  /// The manifest of the set for `asOf`, whatever became of the set since.
  func manifest(for asOf: CivilDate) -> SetManifest? {
    guard FileKind(of: directory(for: asOf)) == .directory else { return nil }
    return read(SetManifest.fileName, of: asOf).flatMap { SetManifest(json: $0) }
  }

  /// The files of a set that are not as its manifest says, or not there.
  func changedFiles(of manifest: SetManifest, asOf: CivilDate) -> Set<String> {
    let directory = directory(for: asOf)
    let own = status("\(directory)/\(SetManifest.fileName)")
    let changed = manifest.files.filter { file in
      let path = "\(directory)/\(file.path)"
      guard FileKind(of: path) == .file(bytes: file.bytes), let own, let found = status(path) else { return true }
      // Whoever may read the manifest may read the set.
      guard isReadable(path, like: "\(directory)/\(SetManifest.fileName)") else { return true }
      // When the manifest was written its set was as it says: what is newer was touched by somebody, and may have as
      // many bytes as before. Nobody can put back when a file was changed, as they can when it was written; that it lost
      // a link counts as a change, too.
      if max(nanoseconds(found.st_mtim), nanoseconds(found.st_ctim)) <= nanoseconds(own.st_mtim) { return false }
      return (try? readFile(path)).map(ContentHash.sha256) != file.sha256
    }
    return Set(changed.map(\.path))
  }

  private func status(_ path: String) -> stat? {
    var status = stat()
    return lstat(path, &status) == 0 ? status : nil
  }

  /// Since 1970.
  private func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) }

  /// The bytes of a file of the set for `asOf`; nil where no file stands there. Links are not followed.
  func read(_ file: String, of asOf: CivilDate) -> [UInt8]? {
    let path = "\(directory(for: asOf))/\(file)"
    guard case .file = FileKind(of: path) else { return nil }
    return try? readFile(path)
  }

  /// What `latest` leads to, as it is written in the link.
  var latestTarget: String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "\(path)/\(Self.latestName)")
  }

  /// The dates of all sets, oldest first.
  var dates: [CivilDate] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.compactMap { CivilDate($0) }.filter { date in
      FileKind(of: directory(for: date)) == .directory
        && FileKind(of: "\(directory(for: date))/\(SetManifest.fileName)") != .missing
    }.sorted()
  }

  /// The date of the set that `latest` leads to; nil where it leads to none.
  private var linked: CivilDate? {
    latestTarget.flatMap { CivilDate($0) }.flatMap { FileKind(of: directory(for: $0)) == .directory ? $0 : nil }
  }

  /// The date of the set that readers find: the one that `latest` leads to, or where it leads to none the newest.
  var current: CivilDate? { linked ?? dates.last }

  /// The date of the newest set, whether `latest` leads to it or not.
  var newest: CivilDate? { [linked, dates.last].compactMap(\.self).max() }

  // MARK: Publishing

  /// Writes a whole set and puts it in place, for a caller that holds the lock on the folder.
  ///
  /// - Parameters:
  ///   - files: paths inside the set, in any order; `.kept` ones are linked from the set that is replaced.
  ///   - previous: the manifest of the set that is replaced; files that it does not name are not ours and are kept.
  ///   - isSameSet: that it is the set that stands there but for a mark. Its manifest then keeps its time, so that what
  ///     somebody changed since it was published is still newer than that.
  /// - Returns: how many bytes were written.
  func replace(
    _ files: [(path: String, content: Content)], asOf: CivilDate, replacing previous: SetManifest?,
    isSameSet: Bool = false
  ) throws(ReportError) -> Int {
    let target = directory(for: asOf)
    try refuseObstacles(target)
    // What is kept of a set is kept as it was published: a failed night may have marked it since it was looked at.
    let unmarked = found(for: asOf)?.unmarked ?? [:]
    let files = files.map { path, content in
      if case .kept = content, let bytes = unmarked[path] { return (path: path, content: Content.bytes(bytes)) }
      return (path: path, content: content)
    }
    let name = Self.stagingPrefix + Self.uniqueSuffix()
    let staging = "\(path)/\(name)"
    try make(staging)
    let descriptor = open(staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    // Held until this process ends or is done: a sweeper takes only what nobody holds.
    _ = flock(descriptor, LOCK_EX | LOCK_NB)
    do throws(ReportError) {
      let written = try fill(staging, with: files, from: target)
      try carryOver(from: target, to: staging, ours: ours(files, previous))
      if isSameSet { try keepTime(of: SetManifest.fileName, from: target, in: staging) }
      try synchronizeTree(staging)
      let replaced = try exchange(staging, for: asOf)
      try synchronize(path)
      if let replaced { remove(replaced) }
      return written
    } catch {
      remove(staging)
      throw error
    }
  }

  /// Makes `latest` lead to the set for `asOf`.
  ///
  /// - Returns: whether it moved.
  func swapLatest(to asOf: CivilDate) throws(ReportError) -> Bool {
    let link = "\(path)/\(Self.latestName)"
    if let current = latestTarget {
      if current == asOf.description { return false }
    } else if FileKind(of: link) != .missing {
      throw cannotWrite(link, "it is not a link", isInTheWay: true)
    }
    let fresh = "\(path)/\(Self.linkPrefix)\(Self.uniqueSuffix())"
    guard symlink(asOf.description, fresh) == 0 else { throw failure(fresh) }
    guard rename(fresh, link) == 0 else {
      let error = failure(link)
      unlink(fresh)
      throw error
    }
    try synchronize(path)
    return true
  }

  /// Lends a new folder on the same disk, for files that are on their way to bytes of a set. What a killed run leaves
  /// of it is swept like its half-written set.
  func withScratch<Result>(_ body: (String) throws(ReportError) -> Result) throws(ReportError) -> Result {
    try makeAll(path)
    let scratch = "\(path)/\(Self.stagingPrefix)\(Self.uniqueSuffix())"
    guard mkdir(scratch, 0o700) == 0 else { throw failure(scratch) }
    let descriptor = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer {
      remove(scratch)
      if descriptor >= 0 { close(descriptor) }
    }
    _ = flock(descriptor, LOCK_EX | LOCK_NB)
    return try body(scratch)
  }

  /// Makes the bytes of a workbook in a scratch folder.
  func workbook(
    _ name: String, for asOf: CivilDate, _ body: (String) throws(WorkbookError) -> [UInt8]
  ) throws(ReportError) -> [UInt8] {
    try withScratch { scratch throws(ReportError) in
      do throws(WorkbookError) {
        return try body(scratch)
      } catch {
        throw cannotWrite("\(directory(for: asOf))/\(name)", error.reason)
      }
    }
  }

  /// Makes a folder and those above it. Foundation would do it, but its error does not keep what the system said.
  func makeAll(_ directory: String) throws(ReportError) {
    if mkdir(directory, 0o755) == 0 { return }
    switch errno {
    case EEXIST:
      var status = stat()
      guard stat(directory, &status) == 0 else { throw failure(directory) }
      guard status.st_mode & S_IFMT == S_IFDIR else {
        throw cannotWrite(directory, "it is not a directory", isInTheWay: true)
      }
    case ENOENT:
      guard let slash = directory.lastIndex(of: "/"), slash != directory.startIndex else { throw failure(directory) }
      try makeAll(String(directory[..<slash]))
      guard mkdir(directory, 0o755) == 0 || errno == EEXIST else { throw failure(directory) }
    default: throw failure(directory)
    }
  }

  private func refuseObstacles(_ target: String) throws(ReportError) {
    switch FileKind(of: target) {
    case .missing, .directory: break
    case .link: throw cannotWrite(target, "a symbolic link stands in its place", isInTheWay: true)
    case .file, .other: throw cannotWrite(target, "it is not a directory", isInTheWay: true)
    }
    switch FileKind(of: "\(path)/\(Self.latestName)") {
    case .missing, .link: break
    default: throw cannotWrite("\(path)/\(Self.latestName)", "it is not a link", isInTheWay: true)
    }
  }

  private func ours(_ files: [(path: String, content: Content)], _ previous: SetManifest?) -> Set<String> {
    Set(files.map(\.path)).union(previous?.files.map(\.path) ?? []).union([SetManifest.fileName])
  }

  private func fill(_ staging: String, with files: [(path: String, content: Content)], from old: String)
    throws(ReportError) -> Int
  {
    var written = 0
    var made: Set<String> = []
    for (file, content) in files.sorted(by: { $0.path < $1.path }) {
      let place = "\(staging)/\(file)"
      if let slash = file.lastIndex(of: "/"), made.insert(String(file[..<slash])).inserted {
        try make("\(staging)/\(file[..<slash])")
      }
      let before = "\(old)/\(file)"
      switch content {
      case .kept:
        guard link(before, place) != 0 else { continue }
        guard let bytes = try? readFile(before) else { throw failure(before) }
        written += try write(bytes, to: place)
      case .bytes(let bytes):
        // The same bytes keep their inode, unless readers were shut out of it; a file system without links gets a copy.
        if FileKind(of: before) == .file(bytes: bytes.count),
          isReadable(before, like: "\(old)/\(SetManifest.fileName)"), (try? readFile(before)) == bytes,
          link(before, place) == 0
        {
          continue
        }
        written += try write(bytes, to: place)
      }
    }
    return written
  }

  private func isReadable(_ path: String, like other: String) -> Bool {
    guard let own = status(path), let other = status(other) else { return true }
    return own.st_mode & 0o444 == other.st_mode & 0o444
  }

  /// Links everything of `old` that no set of ours wrote, for example a list of rejects that was put there.
  private func carryOver(from old: String, to staging: String, ours: Set<String>, below folder: String = "")
    throws(ReportError)
  {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: old + folder) else { return }
    for name in names.sorted() {
      let file = "\(folder)/\(name)"
      if FileKind(of: old + file) == .directory {
        let place = staging + file
        if case .file = FileKind(of: place) {
          throw cannotWrite(old + file, "it is a folder in the place of a file of the set", isInTheWay: true)
        }
        let wasThere = FileKind(of: place) == .directory
        if !wasThere { try make(place) }
        try carryOver(from: old, to: staging, ours: ours, below: file)
        // A folder that held only files of a former set goes with them.
        if !wasThere { rmdir(place) }
      } else if !ours.contains(String(file.dropFirst())), FileKind(of: staging + file) == .missing {
        guard link(old + file, staging + file) == 0 else { throw failure(staging + file) }
      }
    }
  }

  // MARK: Single calls

  private func make(_ directory: String) throws(ReportError) {
    guard mkdir(directory, 0o755) == 0 else { throw failure(directory) }
  }

  private func write(_ bytes: [UInt8], to file: String) throws(ReportError) -> Int {
    let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure(file) }
    defer { close(descriptor) }
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + offset, $0.count - offset) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure(file) }
      offset += count
    }
    guard fsync(descriptor) == 0 else { throw failure(file) }
    return bytes.count
  }

  private func synchronizeTree(_ directory: String) throws(ReportError) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
      let entry = "\(directory)/\(name)"
      if FileKind(of: entry) == .directory { try synchronizeTree(entry) }
    }
    try synchronize(directory)
  }

  /// Gives a file of a new set the time of the one that it replaces.
  private func keepTime(of file: String, from old: String, in new: String) throws(ReportError) {
    var status = stat()
    guard lstat("\(old)/\(file)", &status) == 0 else { throw failure("\(old)/\(file)") }
    let descriptor = open("\(new)/\(file)", O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("\(new)/\(file)") }
    defer { close(descriptor) }
    guard futimens(descriptor, [status.st_atim, status.st_mtim]) == 0, fsync(descriptor) == 0 else {
      throw failure("\(new)/\(file)")
    }
  }

  func synchronize(_ directory: String) throws(ReportError) {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(directory) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(directory) }
  }

  func remove(_ directory: String) {
    try? FileManager.default.removeItem(atPath: directory)
  }

  func failure(_ path: String, _ code: Int32 = errno) -> ReportError {
    cannotWrite(path, String(cString: strerror(code)))
  }

  private func cannotWrite(_ path: String, _ reason: String, isInTheWay: Bool = false) -> ReportError {
    let state =
      linked.map { "\(self.path)/latest leads to \($0), as before" }
      ?? dates.last.map { "the newest set is that of \($0), as before, and no link leads to it" }
      ?? "nothing is published yet"
    return .cannotWrite(path: path, reason: reason, state: state, isInTheWay: isInTheWay)
  }

  static func uniqueSuffix() -> String {
    "\(getpid())-\(String(UInt32.random(in: .min ... .max), radix: 16))"
  }
}

/// What stands at a path; links are not followed.
enum FileKind: Sendable, Hashable {
  case missing, directory, link, other
  case file(bytes: Int)

  init(of path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      self = .missing
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: self = .directory
    case S_IFLNK: self = .link
    case S_IFREG: self = .file(bytes: Int(status.st_size))
    default: self = .other
    }
  }
}

private func readFile(_ path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(filePath: path)))
}
