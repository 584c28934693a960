// The marks of numbers, the order of dates and the clock, as the readers of a project expect them.
// Invariant: only what a person reads passes through here; CSV and JSON carry plain digits and ISO dates. The notation
// is bound to the task that renders, because every figure of a page, a chart and a mail has to follow the same one.
// What a project says about it is elsewhere: LocaleSettings, in the room Definitions.

public import Money

/// How numbers and dates are written.
public struct FigureNotation: Sendable, Hashable {
  /// Between whole units and their parts.
  public var decimalMark: String
  /// Between groups of three digits; empty for none.
  public var groupingMark: String
  /// How a date is written, with `yyyy`, `MM` and `dd` and one mark between them. Nil where the project says nothing:
  /// dates of tables are then `2026-11-20`, and those of headings and sentences name the month.
  public var datePattern: String?
  /// Whose clock and calendar points in time are shown by; nil for UTC.
  public var timeZone: TimeZoneRules?

  /// Creates a notation; `1,234.50`, `2026-11-20` and UTC unless told.
  public init(
    decimalMark: String = ".", groupingMark: String = ",", datePattern: String? = nil,
    timeZone: TimeZoneRules? = nil
  ) {
    self.decimalMark = decimalMark
    self.groupingMark = groupingMark
    self.datePattern = datePattern
    self.timeZone = timeZone
  }

  /// The notation of what is being rendered.
  @TaskLocal public static var current = FigureNotation()

  /// A date by the pattern.
  public func date(_ date: CivilDate) -> String { part(of: date, without: nil) ?? date.description }

  /// A date by the pattern, less one of its parts; nil where there is no pattern, or none for such a year: those before 0
  /// and after 9999 have another form.
  func part(of date: CivilDate, without left: String?) -> String? {
    let digits = date.description.split(separator: "-", omittingEmptySubsequences: false)
    guard let datePattern, digits.count == 3, digits[0].utf8.count == 4,
      let mark = datePattern.first(where: { !$0.isLetter })
    else { return nil }
    return datePattern.split(separator: mark).filter { $0 != left ?? "" }
      .map { $0 == "yyyy" ? digits[0] : $0 == "MM" ? digits[1] : digits[2] }.joined(separator: String(mark))
  }

  /// Digits with a point, with the notation's mark in its place.
  func marked(_ digits: String) -> String {
    decimalMark == "." ? digits : digits.replacing(".", with: decimalMark)
  }
}
