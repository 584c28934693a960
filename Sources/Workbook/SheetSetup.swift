// How a sheet is shown and printed.

/// The widths, panes and print set-up of a sheet.
public struct SheetSetup: Sendable, Hashable {
  /// Widths of the columns from the first on, in characters.
  public var columnWidths: [Double]
  /// How many rows at the top stay in view, and stand on every printed page.
  public var headRows: Int
  /// What stands at the head of every printed page.
  public var header: PageLine
  /// What stands at its foot.
  public var footer: PageLine

  /// Creates a set-up: landscape, as many pages long as it takes and one wide.
  public init(
    columnWidths: [Double] = [], headRows: Int = 0, header: PageLine = PageLine(), footer: PageLine = PageLine()
  ) {
    self.columnWidths = columnWidths
    self.headRows = headRows
    self.header = header
    self.footer = footer
  }
}

/// A line at the edge of a printed page.
public struct PageLine: Sendable, Hashable {
  /// At the left.
  public var left: String
  /// At the right.
  public var right: String
  /// Whether "Page 2 of 7" stands in the middle.
  public var hasPageNumber: Bool

  /// Creates a line.
  public init(left: String = "", right: String = "", hasPageNumber: Bool = false) {
    self.left = left
    self.right = right
    self.hasPageNumber = hasPageNumber
  }

  /// The most characters of one part, so that all of them stay below Excel's 255, ampersands doubled.
  private static let maximumUnits = 100

  /// Excel's code.
  var code: String {
    let parts = [
      ("&L", Self.escaped(left)), ("&C", hasPageNumber ? "Page &P of &N" : ""), ("&R", Self.escaped(right)),
    ]
    return parts.map { mark, text in text.isEmpty ? "" : mark + text }.joined()
  }

  /// An ampersand of a text is doubled, or what follows it would be taken for a command.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in SheetText.line(text).unicodeScalars {
      let piece = scalar == "&" ? "&&" : String(scalar)
      if result.utf16.count + piece.utf16.count > maximumUnits { break }
      result += piece
    }
    return result
  }
}
