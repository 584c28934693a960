// What stands in a cell, where, and what became of it. No value is ever a formula or a link, whatever its text begins
// with.

public import Money

/// What a cell holds.
public enum CellValue: Sendable, Hashable {
  /// Nothing.
  case blank
  /// Text, as text.
  case text(String)
  /// A number; `amountDecimals` are the digits of its currency when it is an amount.
  case number(ExactDecimal, amountDecimals: Int?)
  /// A day.
  case date(CivilDate)
  /// A day and a time, as a clock that runs in UTC would show them.
  case moment(microsecondsSince1970: Int64)
}

/// What became of a value.
public enum CellFate: Sendable, Hashable {
  /// The cell holds it.
  case whole
  /// The cell holds as many characters of the text as it can.
  case cut
  /// The cell holds the number rounded to 15 significant digits.
  case rounded
  /// The cell holds the digits as text, because a spreadsheet cannot hold them as a number.
  case numberAsText
  /// The cell holds the day as text, because a spreadsheet does not know it.
  case dateAsText
}

/// A place on a sheet, counted from 0.
public struct CellPlace: Sendable, Hashable {
  /// The row.
  public var row: Int
  /// The column.
  public var column: Int

  /// Creates a place.
  public init(_ row: Int, _ column: Int) {
    self.row = row
    self.column = column
  }

  /// `B7`.
  public var name: String { columnLetters + String(row + 1) }

  /// `$B$7`.
  var absoluteName: String { "$\(columnLetters)$\(row + 1)" }

  private var columnLetters: String {
    var letters = ""
    var rest = column + 1
    while rest > 0 {
      letters = String(UnicodeScalar(UInt8(0x41 + (rest - 1) % 26))) + letters
      rest = (rest - 1) / 26
    }
    return letters
  }
}

/// A rectangle of cells; both corners belong to it.
public struct CellRange: Sendable, Hashable {
  /// The upper left corner.
  public var first: CellPlace
  /// The lower right corner.
  public var last: CellPlace

  /// Creates a range.
  public init(_ first: CellPlace, _ last: CellPlace) {
    self.first = first
    self.last = last
  }

  /// `A1:C9`.
  public var name: String { first == last ? first.name : "\(first.name):\(last.name)" }
}

/// One sheet of a workbook.
public struct SheetID: Sendable, Hashable {
  let index: Int
}

/// Days as the serial numbers of a spreadsheet.
enum SheetDate {
  /// 1970-01-01.
  private static let epoch = 25_569
  /// 1900-03-01: Excel counts a 29 February 1900, so that readers differ on what is before.
  private static let first = 61
  /// 9999-12-31.
  private static let last = 2_958_465

  /// The serial number of a day; nil for one that a spreadsheet does not know.
  static func serial(_ date: CivilDate) -> Int? {
    let serial = date.daysSince1970 + epoch
    return (first...last).contains(serial) ? serial : nil
  }

  /// The serial number of a point in time, to the millisecond; nil for one that a spreadsheet does not know.
  static func serial(microsecondsSince1970 moment: Int64) -> Double? {
    let millisecondsOfDay: Int64 = 86_400_000
    let milliseconds = moment >= 0 ? moment / 1000 : -((999 - moment) / 1000)
    let serial = Double(milliseconds) / Double(millisecondsOfDay) + Double(epoch)
    return serial >= Double(first) && serial < Double(last + 1) ? serial : nil
  }
}
