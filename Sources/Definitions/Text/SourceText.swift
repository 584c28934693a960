// One definition file as text: read within bounds, and refused with a position when it is not text.
// Invariant: opening never blocks (a pipe or a directory is refused), and the whole text is valid UTF-8 without
// characters that an editor would not show.

internal import Finding
internal import Glibc

/// A definition file that was read.
struct SourceText {
  /// Path relative to the project's folder.
  let file: String
  /// The text, without a byte order mark.
  let text: String

  /// A definition larger than this is a mistake.
  static let maximumBytes = 1 << 20

  /// Reads `file` below `root`; nil when it cannot be used, which is then among `findings`.
  static func read(_ file: String, root: String, findings: Findings) -> SourceText? {
    let start = SourcePosition(file: file, line: 1, column: 1)
    let descriptor = open("\(root)/\(file)", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      findings.error("unreadable_file", at: start, "cannot be read: \(String(cString: strerror(errno)))")
      return nil
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      findings.error(
        "not_a_file", at: start, isFolder ? "is a folder, not a definition file" : "is not a regular file")
      return nil
    }
    var bytes = [UInt8](repeating: 0, count: maximumBytes + 1)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count) }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else {
        findings.error("unreadable_file", at: start, "cannot be read: \(String(cString: strerror(errno)))")
        return nil
      }
      if got == 0 { break }
      count += got
    }
    guard count <= maximumBytes else {
      findings.error(
        "file_too_large", at: start, "is larger than \(maximumBytes) bytes, the most a definition may have")
      return nil
    }
    return make(file: file, bytes: bytes[..<count], findings: findings)
  }

  /// The text of `bytes`, or nil with an error at the first byte that is not text.
  static func make(file: String, bytes: ArraySlice<UInt8>, findings: Findings) -> SourceText? {
    let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes
    func position(of index: Int) -> SourcePosition {
      let before = body[..<index]
      let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? before.startIndex
      return SourcePosition(
        file: file, line: before.count { $0 == 0x0A } + 1,
        column: String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count + 1)
    }
    if let defect = firstInvalidByte(of: body) {
      findings.error(
        "not_utf8", at: position(of: defect), "a byte here is not UTF-8",
        fix: bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
          ? "save the file as UTF-8, not UTF-16" : "save the file as UTF-8")
      return nil
    }
    if let control = body.firstIndex(where: { $0 < 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D || $0 == 0x7F }) {
      let name = body[control] == 0 ? "a NUL byte" : "the control character \(body[control])"
      findings.error("control_character", at: position(of: control), "\(name) cannot stand in a definition")
      return nil
    }
    return SourceText(file: file, text: String(decoding: body, as: UTF8.self))
  }

  private static func firstInvalidByte(of bytes: ArraySlice<UInt8>) -> Int? {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var index = bytes.startIndex
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): index += UTF8.width(scalar)
      case .emptyInput: return nil
      case .error: return index
      }
    }
  }
}
