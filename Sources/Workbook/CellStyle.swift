// How cells look: number formats and a few roles. A style is a value; the library's format behind it is made once for a
// workbook.
// Invariant: the formats are Excel's own codes, so that a reader's locale decides about points and commas.

/// How a number, a date or a text is shown.
public enum NumberFormat: Sendable, Hashable {
  /// As Excel likes.
  case general
  /// `1,234`, negatives red in parentheses.
  case integer
  /// `1,234.50` with this many decimals, negatives red in parentheses.
  case decimal(Int)
  /// `12.5%` with this many decimals, negatives red in parentheses; the cell holds 0.125.
  case percent(Int)
  /// `2026-11-20`, or as the workbook writes dates.
  case date
  /// `Nov 2026`.
  case month
  /// `2026-11-20 04:15:00`.
  case moment
  /// Whatever is typed stays text.
  case text

  /// The amount format of a currency with this many minor digits.
  public static func money(decimals: Int) -> NumberFormat { decimals == 0 ? .integer : .decimal(decimals) }

  /// Excel's code.
  ///
  /// - Parameter date: that of a date.
  func code(date: String) -> String {
    switch self {
    case .general: "General"
    case .integer: Self.both("#,##0")
    case .decimal(let places): Self.both("#,##0" + Self.fraction(places))
    case .percent(let places): Self.both("#,##0" + Self.fraction(places) + "%")
    case .date: date
    case .month: "mmm yyyy"
    case .moment: "\(date) hh:mm:ss"
    case .text: "@"
    }
  }

  var isDate: Bool {
    switch self {
    case .date, .month, .moment: true
    case .general, .integer, .decimal, .percent, .text: false
    }
  }

  private static func both(_ digits: String) -> String { "\(digits)_);[Red](\(digits))" }

  private static func fraction(_ places: Int) -> String {
    places <= 0 ? "" : "." + String(repeating: "0", count: min(places, SheetNumber.significantDigits))
  }
}

/// How a cell looks.
public struct CellStyle: Sendable, Hashable {
  /// What a cell is for.
  public enum Role: Sendable, Hashable {
    /// A figure or a text.
    case body
    /// The title of a sheet.
    case title
    /// The title of a section.
    case heading
    /// The head of a column.
    case header
    /// The head of a column of figures.
    case figureHeader
    /// Words beside figures.
    case note
    /// Words that something is as it should be.
    case good
    /// Words that something is not.
    case warning
    /// A figure that stands otherwise than it should: an amount as text.
    case flagged
  }

  /// What the cell is for.
  public var role: Role
  /// How its value is shown.
  public var format: NumberFormat

  /// Creates a style.
  public init(_ role: Role = .body, _ format: NumberFormat = .general) {
    self.role = role
    self.format = format
  }
}
