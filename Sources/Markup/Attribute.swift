// Attributes as typed constructors. Event handlers (`on…`), `style` and `src` are deliberately absent: the pages
// carry no script and load nothing. A link can only lead to a place inside the published set.
// Every value is escaped when it is rendered.

/// One attribute of an element.
public struct Attribute: Sendable, Hashable {
  let name: String
  let value: String

  init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }

  /// One or more class names, separated by spaces.
  public static func `class`(_ names: String) -> Attribute { Attribute("class", names) }
  /// The element's identifier.
  public static func id(_ name: String) -> Attribute { Attribute("id", name) }
  /// Where a link leads.
  public static func href(_ link: Link) -> Attribute { Attribute("href", link.text) }
  /// The language of the content.
  public static func lang(_ code: String) -> Attribute { Attribute("lang", code) }
  /// The role for assistive technology.
  public static func role(_ role: String) -> Attribute { Attribute("role", role) }
  /// A spoken name.
  public static func ariaLabel(_ text: String) -> Attribute { Attribute("aria-label", text) }
  /// The identifiers of the elements that name this one.
  public static func ariaLabelledBy(_ identifiers: String) -> Attribute { Attribute("aria-labelledby", identifiers) }
  /// Marks the current page of a navigation.
  public static let ariaCurrentPage = Attribute("aria-current", "page")
  /// Hides an ornament from assistive technology.
  public static let ariaHidden = Attribute("aria-hidden", "true")
  /// Whether a `details` is open.
  public static let open = Attribute("open", "open")
  /// Lets the keyboard reach a box that scrolls.
  public static let tabStop = Attribute("tabindex", "0")
  /// What a header cell heads: `col` or `row`.
  public static func scope(_ scope: HeaderScope) -> Attribute { Attribute("scope", scope.rawValue) }
  /// The encoding of the document.
  public static func charset(_ name: String) -> Attribute { Attribute("charset", name) }
  /// The name of a `meta`.
  public static func name(_ name: String) -> Attribute { Attribute("name", name) }
  /// The header a `meta` stands for.
  public static func httpEquiv(_ name: String) -> Attribute { Attribute("http-equiv", name) }
  /// The content of a `meta`.
  public static func content(_ text: String) -> Attribute { Attribute("content", text) }

  static func viewBox(_ width: Double, _ height: Double) -> Attribute {
    Attribute("viewBox", "0 0 \(pixels(width)) \(pixels(height))")
  }
  static let svgNamespace = Attribute("xmlns", "http://www.w3.org/2000/svg")
  static func number(_ name: String, _ value: Double) -> Attribute { Attribute(name, pixels(value)) }
  static func x(_ value: Double) -> Attribute { number("x", value) }
  static func y(_ value: Double) -> Attribute { number("y", value) }
  static func width(_ value: Double) -> Attribute { number("width", value) }
  static func height(_ value: Double) -> Attribute { number("height", value) }
  static func cx(_ value: Double) -> Attribute { number("cx", value) }
  static func cy(_ value: Double) -> Attribute { number("cy", value) }
  static func r(_ value: Double) -> Attribute { number("r", value) }
  static func x1(_ value: Double) -> Attribute { number("x1", value) }
  static func y1(_ value: Double) -> Attribute { number("y1", value) }
  static func x2(_ value: Double) -> Attribute { number("x2", value) }
  static func y2(_ value: Double) -> Attribute { number("y2", value) }
  static func d(_ path: String) -> Attribute { Attribute("d", path) }
  static func textAnchor(_ anchor: String) -> Attribute { Attribute("text-anchor", anchor) }
  /// The width that a text is squeezed or spaced to.
  static func textLength(_ value: Double) -> Attribute { number("textLength", value) }
  static let squeezedGlyphs = Attribute("lengthAdjust", "spacingAndGlyphs")
}

/// What a header cell heads.
public enum HeaderScope: String, Sendable, Hashable {
  case column = "col"
  case row
}

/// A link to a file of the published set or to a place on the same page; nothing else can be written.
public struct Link: Sendable, Hashable {
  let text: String

  /// A link to a file, by its path relative to the page, for example `data/rejects.csv`.
  public static func file(_ path: String) -> Link {
    var encoded = ""
    for byte in path.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F, 0x7E:
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        encoded += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    // A leading slash would leave the set.
    while encoded.hasPrefix("/") { encoded.removeFirst() }
    return Link(text: encoded)
  }

  /// A link to an element of another page of the set, for example `definitions/revenue.html#section-3`.
  public static func file(_ path: String, fragment identifier: String) -> Link {
    identifier.isEmpty ? file(path) : Link(text: file(path).text + fragment(identifier).text)
  }

  /// A link to an element of the same page.
  public static func fragment(_ identifier: String) -> Link {
    Link(text: "#" + file(identifier).text)
  }
}

/// A pixel position with at most two decimals and no exponent: `12`, `12.5`, `-0.25`.
func pixels(_ value: Double) -> String {
  guard value.isFinite else { return "0" }
  let hundredths = Int((min(max(value, -1e9), 1e9) * 100).rounded())
  let (whole, rest) = hundredths.magnitude.quotientAndRemainder(dividingBy: 100)
  let sign = hundredths < 0 ? "-" : ""
  if rest == 0 { return "\(sign)\(whole)" }
  if rest % 10 == 0 { return "\(sign)\(whole).\(rest / 10)" }
  return "\(sign)\(whole).\(rest < 10 ? "0" : "")\(rest)"
}
