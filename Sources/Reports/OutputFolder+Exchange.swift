// How a whole set takes the place of another, and what becomes of what killed runs leave.
// Invariant: at every moment each set that was published stands whole under a name that says what it is: its date, or,
// where the file system cannot exchange two names, for a moment one that tells its date. The sweep puts it back there.
// Source: renameat2(2), RENAME_EXCHANGE: EINVAL where the file system cannot (NFS, exFAT, many of FUSE).

internal import FoundationEssentials
internal import Glibc
internal import Money

extension OutputFolder {
  /// The date follows, then a point.
  private static let asidePrefix = ".daybook-aside-"

  /// Puts a new set in its place, for a caller that holds the lock on the folder.
  ///
  /// - Returns: where the set that it replaces is now, to be removed when the change is on disk.
  func exchange(_ staging: String, for asOf: CivilDate) throws(ReportError) -> String? {
    let target = directory(for: asOf)
    if FileKind(of: target) == .missing {
      guard rename(staging, target) == 0 else { throw failure(target) }
      return nil
    }
    switch exchangeNames(staging, target) {
    case 0: return staging
    case EINVAL, ENOSYS: break
    case let code: throw failure(target, code)
    }
    let aside = try setAside(asOf)
    guard rename(staging, target) == 0 else {
      let error = failure(target)
      _ = rename(aside, target)
      throw error
    }
    return aside
  }

  /// Takes the set for `asOf` out of its place. Whoever is killed before another stands there leaves it to the sweep.
  func setAside(_ asOf: CivilDate) throws(ReportError) -> String {
    let aside = "\(path)/\(Self.asidePrefix)\(asOf).\(Self.uniqueSuffix())"
    guard rename(directory(for: asOf), aside) == 0 else { throw failure(directory(for: asOf)) }
    return aside
  }

  private static func dateAside(_ name: String) -> CivilDate? {
    guard name.hasPrefix(asidePrefix) else { return nil }
    return CivilDate(name.dropFirst(asidePrefix.count).prefix { $0 != "." })
  }

  /// Removes what killed runs have left, and nothing that a living one holds. A set that was put aside goes back where its
  /// date is empty. For a caller that holds the lock on the folder.
  func sweep() {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else { return }
    for name in names {
      let left = "\(path)/\(name)"
      if name.hasPrefix(Self.linkPrefix) { unlink(left) }
      if let date = Self.dateAside(name) { putBack(left, as: date) }
      guard name.hasPrefix(Self.stagingPrefix) else { continue }
      let descriptor = open(left, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { remove(left) }
      close(descriptor)
    }
  }

  private func putBack(_ aside: String, as date: CivilDate) {
    if FileKind(of: directory(for: date)) == .missing {
      if rename(aside, directory(for: date)) == 0 { try? synchronize(path) }
    } else if dates.contains(date) {
      remove(aside)
    }
  }

  /// Puts sets back that a killed run has put aside, before anybody looks at what is published. What hinders that hinders
  /// publishing, too, and is told there.
  func recover() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    if names.contains(where: { Self.dateAside($0) != nil }) { try? locked { sweep() } }
  }
}

/// renameat2(2) with RENAME_EXCHANGE: both names change places in one step. The Glibc module does not declare it, so
/// it is looked up in the library that is linked anyway.
///
/// - Returns: 0, or the number of the error.
@Sendable func renameExchange(_ a: String, _ b: String) -> Int32 {
  typealias Call =
    @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
  guard let symbol = dlsym(nil, "renameat2") else { return ENOSYS }
  let exchange: UInt32 = 1 << 1
  return unsafeBitCast(symbol, to: Call.self)(AT_FDCWD, a, AT_FDCWD, b, exchange) == 0 ? 0 : errno
}
