// Marking the newest set as stale after a failed night, and taking the mark away.
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
    guard let target = latestTarget, let asOf = CivilDate(target) else { return .nothingPublished }
    guard asOf <= failedAsOf else { return .newerSet(target) }
    return try locked { () throws(ReportError) in
      guard let set = standing(for: asOf) else { return .damaged(target) }
      var mark = StaleMark(
        since: set.mark?.since ?? moment, failedAsOf: failedAsOf.description, failedAt: moment, runID: run,
        reason: reason, next: next, was: set.manifest.state, files: [])
      var manifest = set.manifest
      var files: [(path: String, content: Content)] = []
      for index in manifest.files.indices {
        let file = manifest.files[index]
        guard StaleMark.isMarked(file.path), let bytes = set.unmarked[file.path] ?? read(file.path, of: asOf),
          let marked = mark.written(into: bytes, path: file.path, asOf: asOf)
        else {
          files.append((file.path, .kept))
          continue
        }
        mark.files.append(file)
        manifest.files[index].bytes = marked.count
        manifest.files[index].sha256 = ContentHash.sha256(marked)
        files.append((file.path, .bytes(marked)))
      }
      manifest.state = StaleMark.word
      manifest.stale = mark
      files.append((SetManifest.fileName, .bytes(manifest.json)))
      _ = try replace(files, asOf: asOf, replacing: set.manifest)
      return .marked(target)
    }
  }

  /// Takes the mark off the set for `asOf`, when it has one.
  func removeMark(from asOf: CivilDate) throws(ReportError) {
    try locked { () throws(ReportError) in
      guard let set = standing(for: asOf), set.mark != nil else { return }
      let files = set.manifest.files.map { ($0.path, Content.kept) }
      _ = try replace(
        files + [(SetManifest.fileName, .bytes(set.manifest.json))], asOf: asOf, replacing: set.manifest)
    }
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
