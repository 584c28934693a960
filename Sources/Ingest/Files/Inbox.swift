// The files of the inbox that belong to a feed.
// Invariant: only regular files directly in the inbox are opened; a symbolic link is followed only to a file that
// lies in the inbox too, so that nobody can have the ingest read what they may not read themselves.
// The order is `FileOrder`'s.

internal import Finding
internal import Glibc

/// A folder into which files are delivered.
struct Inbox: Sendable {
  let path: String

  /// The matching names in load order, and those that match but are no UTF-8, as far as they can be shown: such a
  /// file can be neither recorded nor named to a person, and must not be passed over in silence.
  ///
  /// - Throws: when the folder cannot be read; one that does not exist holds no files.
  func names(matching pattern: String) throws(SystemError) -> (legible: [String], illegible: [String]) {
    guard let directory = opendir(path) else {
      if errno == ENOENT { return ([], []) }
      throw SystemError(number: errno)
    }
    defer { closedir(directory) }
    var legible: [String] = []
    var illegible: [String] = []
    while let entry = readdir(directory) {
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      // FNM_PERIOD: a leading dot is how files under way are hidden.
      let isMatch = (bytes + [0]).withUnsafeBytes { raw in
        raw.baseAddress.map { fnmatch(pattern, $0.assumingMemoryBound(to: CChar.self), FNM_PERIOD | FNM_PATHNAME) } == 0
      }
      // Control files speak of feed files and are none, whatever the pattern allows.
      guard isMatch, !bytes.suffix(4).elementsEqual(ControlFile.suffix.utf8) else { continue }
      if let name = String(validating: bytes, as: UTF8.self) {
        legible.append(name)
      } else {
        illegible.append(String(decoding: bytes, as: UTF8.self))
      }
    }
    return (legible.sorted(by: FileOrder.precedes), illegible.sorted())
  }

  /// Opens a file of the inbox.
  ///
  /// - Returns: nil for a link that leads out of the inbox.
  func open(_ name: String) throws(SystemError) -> OpenFile? {
    do {
      return try OpenFile("\(path)/\(name)")
    } catch  where error.number == ELOOP {
      guard let target = resolved("\(path)/\(name)"), let root = resolved(path) else {
        throw SystemError(number: ENOENT)
      }
      guard target.hasPrefix(root + "/") else { return nil }
      return try OpenFile(target)
    }
  }

  private func resolved(_ path: String) -> String? {
    guard let pointer = realpath(path, nil) else { return nil }
    defer { free(pointer) }
    return String(cString: pointer)
  }
}
