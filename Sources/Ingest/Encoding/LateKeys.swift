// Which keys of a file came out of order, and so the only ones that can come twice in it.
// Invariant: a key that comes twice is late the second time, because the first one is at or below the highest key
// before it. Only a key of one whole-number column is followed.

/// The keys at or below the highest key before them in the file.
enum LateKeys: Sendable, Hashable {
  /// Too many, or a key that is not followed: any key may come twice.
  case unknown
  /// Ascending and distinct; every key that comes twice is among them. Empty when no key comes twice.
  case known([Int64])

  /// The most distinct keys that are kept.
  static let maximumCount = 100_000
}
