// Marking the newest set as stale after a failed night, and taking the mark away when that night is mended.
// Invariant: a mark is a new set in the place of the old one, put there by the same exchange as any other: whoever
// kills it when leaves the set as it was or the set with the mark, complete and with the hashes of its manifest.
// What somebody changed in a set is no reason not to tell its readers: it keeps their bytes, but for the mark, and the
// hash that it was published with, so that it is never taken for what it was.
// What is written into which file is elsewhere: StaleMark.

internal import FoundationEssentials
internal import Glibc
internal import Money

/// A set without what a failed night has put into it.
struct StandingSet: Sendable {
  /// The manifest, without the mark.
  var manifest: SetManifest
  /// Whether a failed night has marked it since.
  var mark: StaleMark?
  /// The files that carry the mark, as they were before.
  var unmarked: [String: [UInt8]] = [:]
  /// The files that are not as they were published, or not there.
  var changed: Set<String> = []
}

/// What became of marking.
public enum StaleOutcome: Sendable, Hashable {
  /// Nothing is published that could be stale.
  case nothingPublished
  /// What is published is of a later night than the one that failed.
  case newerSet(String)
  /// The set of this date says that it is stale.
  ///
  /// - Parameters:
  ///   - changed: files that were changed or removed since they were published; those that carry a mark carry it.
  ///   - silent: files that ought to say it and have no place for it any more.
  case marked(String, changed: [String] = [], silent: [String] = [])
  /// The set of this date has no manifest that could be read, so it was left alone.
  case damaged(String)
}

extension OutputFolder {
  /// The set for `asOf` as it was published; nil when there is none, or it is not as its manifest says.
  func standing(for asOf: CivilDate) -> StandingSet? {
    found(for: asOf).flatMap { $0.changed.isEmpty ? $0 : nil }
  }

  /// The set for `asOf` with whatever somebody changed in it; nil when there is none, or its manifest cannot be read.
  func found(for asOf: CivilDate) -> StandingSet? {
    guard let manifest = manifest(for: asOf) else { return nil }
    var set = StandingSet(manifest: manifest, mark: manifest.stale, changed: changedFiles(of: manifest, asOf: asOf))
    guard let mark = manifest.stale else { return set }
    for file in mark.files {
      let before = read(file.path, of: asOf).flatMap { StaleMark.removed(from: $0, path: file.path, was: mark.was) }
      if before.map(ContentHash.sha256) != file.sha256 { set.changed.insert(file.path) }
      set.unmarked[file.path] = before
    }
    let former = Dictionary(mark.files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    set.manifest.files = manifest.files.map { former[$0.path] ?? $0 }
    set.manifest.state = mark.was
    set.manifest.stale = nil
    return set
  }

  /// Makes the newest set say that the night of `failedAsOf` failed, and `latest` lead to it where it leads to none.
  func markStale(
    failedAsOf: CivilDate, at moment: String, run: String?, reason: String, next: String
  ) throws(ReportError) -> StaleOutcome {
    // Before the lock only because there may be no folder to lock.
    if (try? FileManager.default.contentsOfDirectory(atPath: path)) == nil { return .nothingPublished }
    return try locked { () throws(ReportError) in
      sweep()
      guard let asOf = current else { return .nothingPublished }
      guard asOf <= failedAsOf else { return .newerSet(asOf.description) }
      guard let set = found(for: asOf) else { return .damaged(asOf.description) }
      // What is said of a later night holds until that one is mended.
      if set.mark?.isMended(by: failedAsOf) ?? true {
        let mark = StaleMark(
          since: set.mark?.since ?? moment, failedAsOf: failedAsOf.description, failedAt: moment, runID: run,
          reason: reason, next: next, was: set.manifest.state, files: [])
        _ = try put(mark, into: set, asOf: asOf)
      }
      _ = try swapLatest(to: asOf)
      let said = Set(mark(of: asOf)?.files.map(\.path) ?? [])
      return .marked(
        asOf.description, changed: set.changed.sorted(),
        silent: wholeSet(set, asOf: asOf).map(\.path).filter { StaleMark.isMarked($0) && !said.contains($0) })
    }
  }

  /// Puts a set in place, where there is a new one, and makes `latest` lead to the newest. What a failed night wrote into
  /// the set that readers find goes when the set of that night or of a later one is published; until then whichever set
  /// is the newest says it.
  ///
  /// - Parameters:
  ///   - files: of the new set, with its manifest; nil when the one that is published has everything as it would be.
  ///   - previous: the manifest of the set that is replaced.
  /// - Returns: how many bytes were written, whether `latest` leads to another set now, and what the set still says.
  func publishNewest(
    _ files: [(path: String, content: Content)]?, asOf: CivilDate, replacing previous: SetManifest?
  ) throws(ReportError) -> (written: Int, hasMoved: Bool, staleness: String?) {
    if files != nil { try makeAll(path) }
    return try locked { () throws(ReportError) in
      sweep()
      let before = current
      guard let newest = [newest, files.map { _ in asOf }].compactMap(\.self).max() else { return (0, false, nil) }
      let mark = [before, newest].compactMap { $0.flatMap(mark(of:)) }.filter { !$0.isMended(by: newest) }
        .max { $0.failedAsOf < $1.failedAsOf }
      var written = 0
      if let files {
        let whole = asOf == newest ? mark.map { marked(files, by: $0, asOf: asOf, over: found(for: asOf)) } : nil
        written = try replace(whole ?? files, asOf: asOf, replacing: previous)
      }
      if let mark, self.mark(of: newest)?.sentence(of: newest) != mark.sentence(of: newest),
        let set = found(for: newest)
      {
        written += try put(mark, into: set, asOf: newest)
      }
      let hasMoved = try swapLatest(to: newest)
      if hasMoved, let before, before != newest { try removeMark(from: before) }
      return (written, hasMoved, asOf == newest ? mark?.sentence(of: asOf) : nil)
    }
  }

  /// Takes the mark off the set for `asOf`, when it has one; for a caller that holds the lock on the folder.
  func removeMark(from asOf: CivilDate) throws(ReportError) {
    guard let set = found(for: asOf), set.mark != nil else { return }
    _ = try replace(wholeSet(set, asOf: asOf), asOf: asOf, replacing: set.manifest, isSameSet: true)
  }

  /// Puts a mark into a set that stands.
  private func put(_ mark: StaleMark, into set: StandingSet, asOf: CivilDate) throws(ReportError) -> Int {
    try replace(
      marked(wholeSet(set, asOf: asOf), by: mark, asOf: asOf, over: set), asOf: asOf, replacing: set.manifest,
      isSameSet: true)
  }

  /// What the set for `asOf` says of a failed night, whether it is otherwise as it was published or not.
  private func mark(of asOf: CivilDate) -> StaleMark? { manifest(for: asOf)?.stale }

  /// What is there of a set, to be kept as it is.
  private func wholeSet(_ set: StandingSet, asOf: CivilDate) -> [(path: String, content: Content)] {
    let there = set.manifest.files.map(\.path).filter { path in
      switch FileKind(of: "\(directory(for: asOf))/\(path)") {
      case .missing, .directory: false
      case .file, .link, .other: true
      }
    }
    return there.map { ($0, .kept) } + [(SetManifest.fileName, .bytes(set.manifest.json))]
  }

  /// The files of a set, its manifest among them, with a mark.
  ///
  /// - Parameter set: the one that is replaced, from which files are kept.
  private func marked(
    _ files: [(path: String, content: Content)], by mark: StaleMark, asOf: CivilDate, over set: StandingSet?
  ) -> [(path: String, content: Content)] {
    var (files, mark) = (files, mark)
    guard let last = files.firstIndex(where: { $0.path == SetManifest.fileName }),
      case .bytes(let json) = files[last].content, var manifest = SetManifest(json: json)
    else { return files }
    mark.was = manifest.state
    mark.files = []
    for index in manifest.files.indices {
      let file = manifest.files[index]
      guard StaleMark.isMarked(file.path), let place = files.firstIndex(where: { $0.path == file.path }) else {
        continue
      }
      var (bytes, isChanged) = (set?.unmarked[file.path] ?? read(file.path, of: asOf), set?.changed.contains(file.path))
      if case .bytes(let new) = files[place].content { (bytes, isChanged) = (new, false) }
      guard let marked = bytes.flatMap({ mark.written(into: $0, path: file.path, asOf: asOf) }) else { continue }
      mark.files.append(file)
      files[place].content = .bytes(marked)
      if isChanged == true { continue }
      manifest.files[index].bytes = marked.count
      manifest.files[index].sha256 = ContentHash.sha256(marked)
    }
    manifest.state = StaleMark.word
    manifest.stale = mark
    files[last].content = .bytes(manifest.json)
    return files
  }

  /// Runs `body` while no other process changes what is published here.
  func locked<R>(_ body: () throws(ReportError) -> R) throws(ReportError) -> R {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .cannotWrite(path: path, reason: String(cString: strerror(errno)), state: "nothing was changed")
    }
    defer { close(descriptor) }
    var tries = 0
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      tries += 1
      // An exchange takes a moment; who holds the folder for longer hangs.
      guard errno == EWOULDBLOCK || errno == EINTR, tries < 1_500 else {
        throw .cannotWrite(
          path: path, reason: "another process has been publishing here for 30 seconds", state: "nothing was changed")
      }
      usleep(20_000)
    }
    return try body()
  }
}
