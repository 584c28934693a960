// Escaping by construction, and what a page may contain.
// What a feed may contain is tried as text, as an attribute, as a link and as a style sheet.
// None of it may become markup.

import Testing

@testable import Markup

@Suite struct MarkupTests {
  private let renderer = MarkupRenderer()

  @Test func textAndAttributesAreEscaped() {
    let hostile = "<script>alert(\"1\")</script> & 'x'"
    let node = HTML.p(.class(hostile)) { hostile }
    let escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;"
    #expect(renderer.render(node) == "<p class=\"\(escaped)\">\(escaped)</p>")
  }

  @Test(arguments: [
    ("plain", "plain"), ("a\u{0}b", "a␀b"), ("\u{1B}[31m", "␛[31m"), ("\u{7F}", "␡"), ("\u{85}", "⟨U+0085⟩"),
    ("\u{202E}gpj.exe", "⟨U+202E⟩gpj.exe"), ("\u{2066}x\u{2069}", "⟨U+2066⟩x⟨U+2069⟩"), ("\u{FEFF}a", "⟨U+FEFF⟩a"),
    ("line\nand\ttab", "line\nand\ttab"), ("שלום 👋 é", "שלום 👋 é"), ("\u{2028}", "⟨U+2028⟩"), ("\r", "␍"),
    ("\u{FFFF}", "⟨U+FFFF⟩"),
  ])
  func charactersThatMisleadAreShown(text: String, shown: String) {
    #expect(legible(text) == shown)
    #expect(renderer.render(.text(text)) == shown)
  }

  @Test func voidElementsAreClosedAndTakeNoChildren() {
    #expect(renderer.render(HTML.br(attributes: [], children: [.text("x")])) == "<br/>")
  }

  @Test(arguments: [
    ("revenue.html", "revenue.html"), ("/etc/passwd", "etc/passwd"), ("//evil.example", "evil.example"),
    ("javascript:alert(1)", "javascript%3Aalert%281%29"), ("data/a b?c#d.csv", "data/a%20b%3Fc%23d.csv"),
    ("https://x.example", "https%3A//x.example"),
  ])
  func linksCannotLeaveTheSet(path: String, expected: String) {
    #expect(Link.file(path).text == expected)
  }

  @Test func pageForbidsScriptAndNetwork() throws {
    let page = HTMLDocument(title: "<T>", style: StyleSheet("p { margin: 0; }")) { HTML.p { "x" } }.render()
    #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
    #expect(page.contains("default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;"))
    #expect(page.contains("<title>&lt;T&gt;</title>"))
    #expect(page.contains("<style>\np { margin: 0; }\n</style>"))
    #expect(!page.contains("<script"))
    #expect(page.hasSuffix("</html>\n"))
  }

  @Test func styleElementInDataStaysText() {
    let page = HTMLDocument(title: "<style></style>", style: StyleSheet("p {}")) { "<style></style>" }.render()
    #expect(page.ranges(of: "<style>").count == 1)
  }

  @Test func positionsHaveNoExponentAndAtMostTwoDecimals() {
    let cases: [(Double, String)] = [
      (0, "0"), (12.5, "12.5"), (-0.25, "-0.25"), (1e-9, "0"), (100.999, "101"), (1e300, "1000000000"), (.nan, "0"),
      (0.05, "0.05"),
    ]
    for (value, text) in cases { #expect(pixels(value) == text) }
  }
}
