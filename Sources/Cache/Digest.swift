// SHA-256 over bytes, by libcrypto. Nothing secret is hashed; a digest only tells whether bytes are the same.

internal import CLibCrypto

/// Digests of bytes.
public enum Digest {
  /// The 32 bytes of SHA-256.
  public static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    _ = bytes.withUnsafeBufferPointer { input in
      digest.withUnsafeMutableBufferPointer { SHA256(input.baseAddress, input.count, $0.baseAddress) }
    }
    return digest
  }
}
