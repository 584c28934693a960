// `locale:` of Jobs/daybook.yaml → how numbers and dates are written for readers.
// Invariant: what is read can be told apart again: the two marks differ, and a date names its year, month and day once.
// Writing numbers and dates is elsewhere: the room Markup.

internal import Finding

/// Reads the `locale:` of a project.
struct LocaleReader {
  let findings: Findings

  private enum DecimalMark: String, CaseIterable {
    case point = "."
    case comma = ","
  }

  private enum GroupingMark: String, CaseIterable {
    case comma = ","
    case point = "."
    case apostrophe = "'"
    case space, none

    /// A space must not break a number into two lines.
    var mark: String { self == .space ? "\u{A0}" : self == .none ? "" : rawValue }
  }

  func read(_ node: DefinitionNode, at place: SourcePosition) -> LocaleSettings {
    var locale = LocaleSettings()
    guard
      let reader = MappingReader(
        node, subject: "\"locale\"", keys: ["decimal_mark", "grouping_mark", "dates"], at: place, findings: findings)
    else { return locale }
    let decimal: DecimalMark? = reader.word("decimal_mark")
    let grouping: GroupingMark? = reader.word("grouping_mark")
    if let decimal { locale.decimalMark = decimal.rawValue }
    // With a comma before the cents a comma between thousands cannot be meant.
    locale.groupingMark = grouping?.mark ?? (decimal == .comma ? "." : locale.groupingMark)
    if locale.groupingMark == locale.decimalMark {
      findings.error(
        "bad_locale", at: reader.position(of: "grouping_mark"),
        "\"grouping_mark\" and \"decimal_mark\" are both \"\(locale.decimalMark)\": no number could be read",
        fix: "make one of them another mark")
    }
    if let scalar = reader.scalar("dates") {
      if Self.isDatePattern(scalar.text) {
        locale.datePattern = scalar.text
      } else {
        findings.error(
          "bad_locale", at: reader.position(of: "dates"),
          "\"\(scalar.shown)\" does not say how to write a date: it needs yyyy, MM and dd once each, with . / or - "
            + "between them",
          fix: nearestWord(to: scalar.text, in: Self.usual).map { "did you mean \"\($0)\"?" }
            ?? "write one such as dd.MM.yyyy, MM/dd/yyyy or yyyy-MM-dd")
      }
    }
    return locale
  }

  private static let usual = ["yyyy-MM-dd", "dd.MM.yyyy", "dd/MM/yyyy", "MM/dd/yyyy", "dd-MM-yyyy", "yyyy.MM.dd"]

  /// Whether a text is the three parts of a date with one kind of mark between them.
  static func isDatePattern(_ text: String) -> Bool {
    let marks = Set(text.filter { !$0.isLetter })
    guard marks.count == 1, let mark = marks.first, "./-".contains(mark) else { return false }
    let parts = text.split(separator: mark, omittingEmptySubsequences: false)
    return parts.count == 3 && Set(parts) == ["yyyy", "MM", "dd"]
  }
}
