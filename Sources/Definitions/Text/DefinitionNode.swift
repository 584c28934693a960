// A YAML document as Daybook sees it: positions everywhere, environment already read, no aliases.
// Invariant: a mapping's keys are different, and depth is bounded. Nothing behind this file knows Yams.
// What could not be read stays in its place as unreadable, so that nobody calls it missing.

internal import Finding

/// One value of a definition file.
struct DefinitionNode {
  enum Content {
    case scalar(Scalar)
    case mapping([Entry])
    case sequence([DefinitionNode])
    /// Something that was reported already and about which nothing more is to be said.
    case unreadable
  }

  struct Entry {
    let key: String
    let position: SourcePosition
    let value: DefinitionNode
  }

  /// Text as it was written and as it reads once the environment is filled in.
  struct Scalar {
    /// With `${…}` replaced.
    let text: String
    /// With `${…}` in place: what an error may show, for a replaced value can be a secret.
    let shown: String
    /// Whether it was written without quotes.
    let isPlain: Bool

    var usesEnvironment: Bool { text != shown }
    var isNull: Bool { isPlain && ["", "~", "null", "Null", "NULL"].contains(text) && !usesEnvironment }
  }

  let position: SourcePosition
  let content: Content

  var isNull: Bool {
    if case .scalar(let scalar) = content { scalar.isNull } else { false }
  }

  var isUnreadable: Bool {
    if case .unreadable = content { true } else { false }
  }

  /// What it is, in words.
  var kindName: String {
    switch content {
    case .scalar(let scalar): scalar.isNull ? "nothing" : "a single value"
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .unreadable: "something unreadable"
    }
  }
}
