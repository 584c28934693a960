// Digests as text: fingerprints of what feeds a page, and the hashes in the manifest. SHA-256 itself is the room Cache's.

internal import Cache

/// SHA-256 of bytes or text.
enum ContentHash {
  /// The digest in lower-case hexadecimal.
  static func sha256(_ bytes: [UInt8]) -> String {
    Figure.hexadecimal(Digest.sha256(bytes))
  }

  /// The digest of a list of texts; each is delimited, so that no two lists share one.
  static func fingerprint(_ parts: [String]) -> String {
    var bytes: [UInt8] = []
    for part in parts {
      bytes += Array("\(part.utf8.count):".utf8)
      bytes += Array(part.utf8)
    }
    return sha256(bytes)
  }
}
