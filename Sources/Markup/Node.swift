// A document as a value: elements, text, and nothing else.
// Invariant: there is no case for raw markup, and element and attribute names exist only as the constants
// of this room, so whatever a feed contains can only ever become text. A style sheet is a constant of the program.
// Turning nodes into bytes, with the escaping, is MarkupRenderer; style sheets are StyleSheet.

/// A piece of an HTML or SVG tree.
public indirect enum Node: Sendable, Hashable {
  /// An element with its attributes and children.
  case element(Element)
  /// Text, escaped when rendered.
  case text(String)
  /// Several nodes in a row.
  case fragment([Node])
  /// A style sheet in an element of its own; it is not escaped, and no data can be among it.
  case style(StyleSheet)

  /// Nothing at all.
  public static let empty = Node.fragment([])
}

/// One element of a tree. Made by calling an `ElementKind`: `HTML.p(.class("lead")) { "Text" }`.
public struct Element: Sendable, Hashable {
  /// What element it is.
  public let kind: ElementKind
  /// Its attributes, in the order given.
  public let attributes: [Attribute]
  /// What it contains.
  public let children: [Node]

  init(kind: ElementKind, attributes: [Attribute], children: [Node]) {
    self.kind = kind
    self.attributes = attributes
    self.children = kind.isVoid ? [] : children
  }
}

/// The name of an element and how it is written. Only the constants in `HTML` and `SVG` exist.
public struct ElementKind: Sendable, Hashable {
  /// The name, as written between the angle brackets.
  public let name: String
  let isVoid: Bool
  /// Whether a line break before the element changes nothing that a reader sees.
  let startsLine: Bool

  init(_ name: String, isVoid: Bool = false, startsLine: Bool = false) {
    self.name = name
    self.isVoid = isVoid
    self.startsLine = startsLine
  }

  /// An element with attributes and built content.
  public func callAsFunction(
    _ attributes: Attribute..., @MarkupBuilder content: () -> [Node] = { [] }
  ) -> Node {
    .element(Element(kind: self, attributes: attributes, children: content()))
  }

  /// An element with a list of attributes and of children.
  public func callAsFunction(attributes: [Attribute], children: [Node] = []) -> Node {
    .element(Element(kind: self, attributes: attributes, children: children))
  }
}

/// Collects nodes and strings; a string is text, never markup.
@resultBuilder
public enum MarkupBuilder {
  /// Text.
  public static func buildExpression(_ text: String) -> [Node] { [.text(text)] }
  /// A node.
  public static func buildExpression(_ node: Node) -> [Node] { [node] }
  /// Several nodes.
  public static func buildExpression(_ nodes: [Node]) -> [Node] { nodes }
  /// A node that may be absent.
  public static func buildExpression(_ node: Node?) -> [Node] { node.map { [$0] } ?? [] }
  /// Everything in order.
  public static func buildBlock(_ parts: [Node]...) -> [Node] { parts.flatMap { $0 } }
  /// `if` without `else`.
  public static func buildOptional(_ part: [Node]?) -> [Node] { part ?? [] }
  /// The first branch.
  public static func buildEither(first part: [Node]) -> [Node] { part }
  /// The second branch.
  public static func buildEither(second part: [Node]) -> [Node] { part }
  /// `for` loops.
  public static func buildArray(_ parts: [[Node]]) -> [Node] { parts.flatMap { $0 } }
}
