// A whole page: one file, no script, nothing loaded from anywhere. The content security policy says so to the
// browser, so that even a mistake here could not run or fetch anything.
// Styles are constants of the program; there is no way to put data among them.

/// A style sheet. Only a constant of the program can be one, so no data ever reaches it.
public struct StyleSheet: Sendable, Hashable {
  let text: String

  /// A sheet from a constant without `<` or `&`.
  public init(_ constant: StaticString) {
    text = constant.description
  }

  /// Both sheets, the second after the first.
  public static func + (a: StyleSheet, b: StyleSheet) -> StyleSheet {
    StyleSheet(joined: a.text + "\n" + b.text)
  }

  private init(joined text: String) {
    self.text = text
  }
}

/// A self-contained page.
public struct HTMLDocument: Sendable {
  private let language: String
  private let title: String
  private let style: StyleSheet
  private let content: [Node]

  /// Nothing may be loaded or run; styles stand in the page itself.
  public static let contentSecurityPolicy = """
    default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'
    """

  /// Creates a page.
  public init(title: String, language: String = "en", style: StyleSheet, @MarkupBuilder content: () -> [Node]) {
    self.language = language
    self.title = title
    self.style = style
    self.content = content()
  }

  /// The bytes of the page, ending with a line feed.
  public func render() -> String {
    let page = HTML.html(.lang(language)) {
      HTML.head {
        HTML.meta(.charset("utf-8"))
        HTML.meta(.httpEquiv("Content-Security-Policy"), .content(Self.contentSecurityPolicy))
        HTML.meta(.name("viewport"), .content("width=device-width, initial-scale=1"))
        HTML.meta(.name("color-scheme"), .content("light dark"))
        HTML.meta(.name("referrer"), .content("no-referrer"))
        HTML.title { title }
        Node.style(style)
      }
      HTML.body { content }
    }
    return "<!DOCTYPE html>" + MarkupRenderer().render(.fragment([.text("\n"), page, .text("\n")]))
  }
}
