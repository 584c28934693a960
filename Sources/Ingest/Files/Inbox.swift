// The files of the inbox that belong to a feed.
// Invariant: only regular files directly in the inbox are opened; a symbolic link is followed only to a file that
// lies in the inbox too, so that nobody can have the ingest read what they may not read themselves.
// The order is that of the names' bytes: dates in names (yyyy-MM-dd) load in order of time.

internal import Finding
internal import Glibc

/// A folder into which files are delivered.
struct Inbox: Sendable {
  let path: String

  /// The matching names in load order, and what was passed over.
  ///
  /// - Throws: when the folder cannot be read; one that does not exist holds no files.
  /// - Returns: the names, and those that are no UTF-8 and therefore name nothing here, with replacement characters.
  func names(matching pattern: String) throws(SystemError) -> (valid: [String], invalid: [String]) {
    guard let directory = opendir(path) else {
      if errno == ENOENT { return ([], []) }
      throw SystemError(number: errno)
    }
    defer { closedir(directory) }
    var names: [String] = []
    var invalid: [String] = []
    while let entry = readdir(directory) {
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in Array(bytes.prefix { $0 != 0 }) }
      let name = String(decoding: bytes, as: UTF8.self)
      // FNM_PERIOD: a leading dot is how files under way are hidden.
      guard fnmatch(pattern, name, FNM_PERIOD | FNM_PATHNAME) == 0 else { continue }
      if name.utf8.elementsEqual(bytes) { names.append(name) } else { invalid.append(name) }
    }
    return (names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }, invalid.sorted())
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
