// Values of the environment that definitions refer to, and texts in which they are put back to their references.
// Invariant: none of them is ever shown by what is written of a definition.

/// Values that came from the environment, with the reference that brought each.
public struct Redaction: Sendable {
  private var references: [String: String] = [:]
  /// A shorter value is no secret, and hiding it would garble the words around it.
  private static let shortestSecret = 4

  /// Creates one that hides nothing.
  public init() {}

  mutating func hide(_ value: String, writtenAs reference: String) {
    if value.count >= Self.shortestSecret { references[value] = reference }
  }

  /// `text` with every value put back to its reference, the longest first.
  ///
  /// - Parameter definition: where `text` comes from: only what this refers to is put back, so that a word that happens
  ///   to be in the environment, too, stays as it is; nil for a text that may come from any.
  public func redacted(_ text: String, of definition: String? = nil) -> String {
    references.sorted { ($0.key.count, $0.key) > ($1.key.count, $1.key) }.reduce(text) { text, secret in
      if let definition, !definition.contains(secret.value.dropLast()) { return text }
      return text.replacing(secret.key, with: secret.value)
    }
  }
}

/// A dump of it, or of a project that holds it, shows nothing.
extension Redaction: CustomReflectable, CustomStringConvertible {
  /// Without children.
  public var customMirror: Mirror { Mirror(self, children: []) }
  /// Without values.
  public var description: String { "Redaction" }
}
