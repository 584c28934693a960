// SHA-256 over bytes, by libcrypto: fingerprints of what feeds a page, and the hashes in the manifest.
// Nothing secret is hashed; the digest only tells whether bytes are the same.

internal import CLibCrypto

/// SHA-256 of bytes or text.
enum ContentHash {
  /// The digest in lower-case hexadecimal.
  static func sha256(_ bytes: [UInt8]) -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    _ = bytes.withUnsafeBufferPointer { input in
      digest.withUnsafeMutableBufferPointer { SHA256(input.baseAddress, input.count, $0.baseAddress) }
    }
    return Figure.hexadecimal(digest)
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
