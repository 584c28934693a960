// What a person gets to read, also when the data is hostile to the terminal that shows it.

import Finding
import Testing

struct DiagnosticRendererTests {
  private let plain = DiagnosticRenderer(color: false)

  @Test func aFullDiagnosticHasItsPlaceNotesAndFix() {
    let diagnostic = Diagnostic(
      .error, code: "wrong_type", at: SourcePosition(file: "Jobs/feeds/a.yaml", line: 14, column: 3),
      "\"1,203.50\" is not a decimal(14,2)", notes: ["declared in line 9", "nothing is committed"],
      fix: "set format.grouping_mark")
    #expect(
      plain.render(diagnostic) == """
        error: Jobs/feeds/a.yaml:14:3: "1,203.50" is not a decimal(14,2)
          declared in line 9
          nothing is committed
          fix: set format.grouping_mark
        """)
  }

  @Test func whatIsUnknownIsLeftOut() {
    #expect(plain.render(Diagnostic(.note, code: "x", "all is well")) == "note: all is well")
    #expect(SourcePosition(file: "f").description == "f")
    #expect(SourcePosition(file: "f", line: 2).description == "f:2")
    #expect(SourcePosition(file: "f", line: 2, column: 5).description == "f:2:5")
    #expect(SourcePosition(file: "f", column: 5).description == "f")
  }

  @Test func coloursAreOnlyTheRenderersOwn() {
    let rendered = DiagnosticRenderer(color: true).render(Diagnostic(.warning, code: "x", "\u{1B}[2Jgone"))
    #expect(rendered == "\u{1B}[1;33mwarning\u{1B}[0m: \\u{1b}[2Jgone")
  }

  @Test(arguments: [
    ("tab\tnewline\nreturn\r", "tab\\tnewline\\nreturn\\r"), ("\r\n", "\\r\\n"), ("\u{0}\u{7F}", "\\u{0}\\u{7f}"),
    ("\u{9B}2J", "\\u{9b}2J"), ("user\u{202E}cod.exe", "user\\u{202e}cod.exe"),
    ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
    ("\u{200F}\u{061C}", "\\u{200f}\\u{61c}"), ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
    ("\u{FEFF}id", "\\u{feff}id"),
    ("naïve 名前 👩‍👩‍👧 é", "naïve 名前 👩‍👩‍👧 é"),
  ])
  func hostileCharactersAreShownNotSent(_ text: String, _ shown: String) {
    #expect(visible(text) == shown)
  }

  @Test func noControlCharacterSurvivesAnywhereInADiagnostic() {
    let hostile = String(String.UnicodeScalarView((0..<0x3000).compactMap(Unicode.Scalar.init)))
    let rendered = plain.render(
      Diagnostic(
        .error, code: "x", at: SourcePosition(file: hostile, line: 1), hostile, notes: [hostile, hostile], fix: hostile)
    )
    // Five texts on four lines: the head, two notes, the fix.
    #expect(rendered.unicodeScalars.count { $0 == "\n" } == 3)
    let controls = rendered.unicodeScalars.filter {
      $0 != "\n" && ($0.properties.generalCategory == .control || $0.properties.isBidiControl)
    }
    #expect(controls.isEmpty)
  }

  @Test func anErrorSaysAllItsDiagnostics() {
    let error = DiagnosticsError([Diagnostic(.error, code: "a", "first"), Diagnostic(.warning, code: "b", "second")])
    #expect(error.description == "error: first\nwarning: second")
    #expect("\(error)" == error.description)
  }

  @Test func severitiesAreOrdered() {
    #expect([Severity.error, .note, .warning].sorted() == [.note, .warning, .error])
  }
}

struct NearestWordTests {
  private let keys = ["feed", "files", "format", "mode", "columns", "on_conflict", "rejects", "key"]

  @Test(arguments: [
    ("fedd", "feed"), ("flies", "files"), ("collumns", "columns"), ("on-conflict", "on_conflict"), ("Mode", "mode"),
    ("rejcets", "rejects"), ("kye", "key"), ("formats", "format"), ("feed", "feed"),
  ])
  func aSlipFindsItsWord(_ typed: String, _ meant: String) {
    #expect(nearestWord(to: typed, in: keys) == meant)
  }

  @Test(arguments: ["banana", "xyzzy", "columnar_storage", "q", ""])
  func whatResemblesNothingGetsNoSuggestion(_ typed: String) {
    #expect(nearestWord(to: typed, in: keys) == nil)
  }

  @Test func theFirstOfEquallyNearWordsWins() {
    #expect(nearestWord(to: "cat", in: ["bat", "hat"]) == "bat")
    #expect(nearestWord(to: "cat", in: ["hat", "bat"]) == "hat")
    #expect(nearestWord(to: "cat", in: [String]()) == nil)
  }

  @Test func anExactWordBeatsAnyOther() {
    #expect(nearestWord(to: "order", in: ["orders", "order", "border"]) == "order")
  }
}
