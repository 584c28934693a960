// Marking the newest set as stale after a failed night, and taking the mark away when that night is mended.
// Invariant: a mark is a new set in the place of the old one, put there by the same exchange as any other: whoever
// kills it when leaves the set as it was or the set with the mark, complete and with the hashes of its manifest.
// What is written into which file is elsewhere: StaleMark.

internal import FoundationEssentials
internal import Glibc
internal import Money

/// A set as it was published, whatever it says by now.
struct StandingSet: Sendable {
  /// The manifest, without the mark.
  var manifest: SetManifest
  /// Whether a failed night has marked it since.
  var mark: StaleMark?
  /// The files that carry the mark, as they were before.
  var unmarked: [String: [UInt8]] = [:]
}

/// What became of marking.
public enum StaleOutcome: Sendable, Hashable {
  /// Nothing is published that could be stale.
  case nothingPublished
  /// What is published is of a later night than the one that failed.
  case newerSet(String)
  /// The set of this date says that it is stale.
  case marked(String)
  /// The set of this date is not as it was published, so it was left alone.
  case damaged(String)
}

extension OutputFolder {
  /// The set for `asOf` as it was published; nil when there is none, or it is not as its manifest says.
  func standing(for asOf: CivilDate) -> StandingSet? {
    guard var manifest = intactManifest(for: asOf) else { return nil }
    guard let mark = manifest.stale else { return StandingSet(manifest: manifest) }
    var unmarked: [String: [UInt8]] = [:]
    let former = Dictionary(mark.files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    for file in mark.files {
      guard let bytes = read(file.path, of: asOf),
        let before = StaleMark.removed(from: bytes, path: file.path, was: mark.was),
        ContentHash.sha256(before) == file.sha256
      else { return nil }
      unmarked[file.path] = before
    }
    manifest.files = manifest.files.map { former[$0.path] ?? $0 }
    manifest.state = mark.was
    manifest.stale = nil
    return StandingSet(manifest: manifest, mark: mark, unmarked: unmarked)
  }

  /// Makes the newest set say that the night of `failedAsOf` failed.
  func markStale(
    failedAsOf: CivilDate, at moment: String, run: String?, reason: String, next: String
  ) throws(ReportError) -> StaleOutcome {
    // Before the lock only because there may be no folder to lock.
    if latestTarget == nil { return .nothingPublished }
    return try locked { () throws(ReportError) in
      guard let target = latestTarget, let asOf = CivilDate(target) else { return .nothingPublished }
      guard asOf <= failedAsOf else { return .newerSet(target) }
      guard let set = standing(for: asOf) else { return .damaged(target) }
      // What is said of a later night holds until that one is mended.
      if let mark = set.mark, !mark.isMended(by: failedAsOf) { return .marked(target) }
      let mark = StaleMark(
        since: set.mark?.since ?? moment, failedAsOf: failedAsOf.description, failedAt: moment, runID: run,
        reason: reason, next: next, was: set.manifest.state, files: [])
      _ = try replace(
        marked(wholeSet(set.manifest), by: mark, asOf: asOf, over: set), asOf: asOf, replacing: set.manifest)
      return .marked(target)
    }
  }

  /// Puts a set in place, where there is a new one, and makes `latest` lead to it unless a later one is there. What a
  /// failed night wrote into the newest set goes when the set of that night or of a later one is published; until then
  /// whichever set is the newest says it.
  ///
  /// - Parameters:
  ///   - files: of the new set, with its manifest; nil when the one that is published has everything as it would be.
  ///   - previous: the manifest of the set that is replaced.
  /// - Returns: how many bytes were written, whether `latest` leads to another set now, and what the set still says.
  func publishNewest(
    _ files: [(path: String, content: Content)]?, asOf: CivilDate, replacing previous: SetManifest?
  ) throws(ReportError) -> (written: Int, hasMoved: Bool, staleness: String?) {
    if files != nil {
      try prepare()
    } else if latestTarget == asOf.description {
      sweep()
      return (0, false, mark(of: asOf)?.sentence(of: asOf))
    }
    return try locked { () throws(ReportError) in
      let before = latestTarget.flatMap { CivilDate($0) }.flatMap { $0 == asOf ? nil : $0 }
      let mark =
        isNewest(asOf)
        ? [before, asOf].compactMap { $0.flatMap(mark(of:)) }.filter { !$0.isMended(by: asOf) }
          .max { $0.failedAsOf < $1.failedAsOf } : nil
      var written = 0
      if let mark {
        let set = standing(for: asOf)
        if let whole = files ?? set.map({ wholeSet($0.manifest) }) {
          written = try replace(marked(whole, by: mark, asOf: asOf, over: set), asOf: asOf, replacing: previous)
        }
      } else if let files {
        written = try replace(files, asOf: asOf, replacing: previous)
      }
      let hasMoved = try swapLatest(to: asOf)
      if hasMoved, let before { try removeMark(from: before) }
      return (written, hasMoved, mark?.sentence(of: asOf))
    }
  }

  /// Takes the mark off the set for `asOf`, when it has one; for a caller that holds the lock on the folder.
  func removeMark(from asOf: CivilDate) throws(ReportError) {
    guard let set = standing(for: asOf), set.mark != nil else { return }
    _ = try replace(wholeSet(set.manifest), asOf: asOf, replacing: set.manifest)
  }

  /// What the set for `asOf` says of a failed night, whether it is otherwise as it was published or not.
  private func mark(of asOf: CivilDate) -> StaleMark? {
    read(SetManifest.fileName, of: asOf).flatMap { SetManifest(json: $0) }?.stale
  }

  private func wholeSet(_ manifest: SetManifest) -> [(path: String, content: Content)] {
    manifest.files.map { ($0.path, .kept) } + [(SetManifest.fileName, .bytes(manifest.json))]
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
      let bytes: [UInt8]? =
        if case .bytes(let bytes) = files[place].content {
          bytes
        } else {
          set?.unmarked[file.path] ?? read(file.path, of: asOf)
        }
      guard let marked = bytes.flatMap({ mark.written(into: $0, path: file.path, asOf: asOf) }) else { continue }
      mark.files.append(file)
      manifest.files[index].bytes = marked.count
      manifest.files[index].sha256 = ContentHash.sha256(marked)
      files[place].content = .bytes(marked)
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
