// Which keys of a file came out of order, and so the only ones that can come twice in it.
// Invariant: the keys of a file are one strictly ascending row and the late ones beside it. A key that comes twice has
// at most one place in the row, so that its value is among the late ones. Only a key of one whole-number column is
// followed.

/// The keys that do not fit into a file's ascending row.
enum LateKeys: Sendable, Hashable {
  /// Too many, or a key that is not followed: any key may come twice.
  case unknown
  /// Ascending and distinct; every key that comes twice is among them. Empty when no key comes twice.
  case known([Int64])

  /// The most distinct keys that are kept.
  static let maximumCount = 100_000
}
