// What the files of a feed hashed to when they were last looked at, so that a night with nothing new reads none
// of them. One small file per feed under `.daybook/fingerprints`.
// Invariant: losing or distrusting it costs time, never correctness: a line counts only while inode, size and both
// times of the file are what they were, and were at rest for two seconds when it was written.

internal import Glibc

/// Hashes by file name and identity.
struct FingerprintCache {
  private struct Entry: Equatable {
    var identity: FileIdentity
    var sha256: [UInt8]
  }

  private static let version = "daybook-fingerprints-1"
  /// A file changed this shortly before it was hashed may change again within the clock's granularity.
  private static let restNanoseconds: Int64 = 2_000_000_000

  private let directory: String
  private let path: String
  private var entries: [String: Entry] = [:]
  private var seen: [String: Entry] = [:]
  private var definitionRead = ""
  /// The hash of the definition that the table was last compared with.
  var fittingDefinition = ""

  /// Reads the cache of a feed; an unreadable one is an empty one.
  init(projectRoot: String, feed: String) {
    directory = "\(projectRoot)/.daybook/fingerprints"
    path = "\(directory)/\(feed)"
    guard let text = readText(path) else { return }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
    let head = lines.first?.split(separator: " ", maxSplits: 1) ?? []
    guard head.first.map(String.init) == Self.version else { return }
    definitionRead = head.count == 2 ? String(head[1]) : ""
    fittingDefinition = definitionRead
    for line in lines.dropFirst() {
      let parts = line.split(separator: "\t", maxSplits: 6, omittingEmptySubsequences: false)
      guard parts.count == 7, let device = UInt64(parts[0]), let inode = UInt64(parts[1]), let bytes = Int(parts[2]),
        let modified = Int64(parts[3]), let changed = Int64(parts[4]), let hash = bytesOfHex(parts[5])
      else { continue }
      entries[String(parts[6])] = Entry(
        identity: FileIdentity(
          device: device, inode: inode, bytes: bytes, modifiedNanoseconds: modified, changedNanoseconds: changed),
        sha256: hash)
    }
  }

  /// The hash of a file that is exactly as it was.
  mutating func sha256(name: String, identity: FileIdentity) -> [UInt8]? {
    guard let entry = entries[name], entry.identity == identity else { return nil }
    seen[name] = entry
    return entry.sha256
  }

  /// Remembers a hash, unless the file changed so recently that it could change unseen.
  mutating func remember(name: String, identity: FileIdentity, sha256: [UInt8], nowNanoseconds: Int64) {
    let latest = max(identity.modifiedNanoseconds, identity.changedNanoseconds)
    guard latest + Self.restNanoseconds < nowNanoseconds, !name.contains("\n") else { return }
    seen[name] = Entry(identity: identity, sha256: sha256)
  }

  /// Writes what was seen, when that differs from what was read. A failure to write is no failure of the ingest.
  func save() {
    guard seen != entries || definitionRead != fittingDefinition else { return }
    var text = "\(Self.version) \(fittingDefinition)\n"
    for (name, entry) in seen.sorted(by: { $0.key < $1.key }) {
      let i = entry.identity
      text += "\(i.device)\t\(i.inode)\t\(i.bytes)\t\(i.modifiedNanoseconds)\t\(i.changedNanoseconds)"
      text += "\t\(hex(entry.sha256))\t\(name)\n"
    }
    guard makeDirectories(directory) else { return }
    _ = replaceFile(path, with: Array(text.utf8))
  }
}
