// How a figure is written for a reader: grouping, parentheses for negatives, "–" for zero, blank for missing,
// "n/m" for a ratio without a meaningful base. Exact decimals only; nothing here rounds but at display.
// Files for machines (CSV, JSON) never pass through here: they carry plain digits.

public import Money

/// A way to write a figure.
public enum FigureFormat: Sendable, Hashable {
  /// An amount with grouping and this many decimals.
  case money(decimals: Int)
  /// A whole number with grouping.
  case integer
  /// A ratio written as percent with this many decimals: 0.125 is `12.5%`.
  case percent(decimals: Int)
  /// A number with grouping and this many decimals.
  case decimal(places: Int)
  /// A number with grouping and the decimals it has.
  case plain

  /// The figure as text: `1,234.50`, `(1,234.50)`, `–` for zero, empty for nil.
  public func text(_ value: ExactDecimal?) -> String {
    guard let value else { return "" }
    if value.isZero { return "–" }
    switch self {
    case .money(let decimals): return parenthesized(value, decimals: decimals, suffix: "")
    case .integer: return parenthesized(value, decimals: 0, suffix: "")
    case .decimal(let places): return parenthesized(value, decimals: places, suffix: "")
    case .plain: return parenthesized(value, decimals: value.normalized.scale, suffix: "")
    case .percent(let decimals):
      guard let hundred = value.multiplied(by: 100) else { return "n/m" }
      return parenthesized(hundred, decimals: decimals, suffix: "%")
    }
  }

  /// The figure with zero spelt out: `0.00`, for sentences such as "difference 0.00".
  public func spelled(_ value: ExactDecimal) -> String {
    guard value.isZero else { return text(value) }
    switch self {
    case .money(let decimals), .decimal(let decimals):
      return FigureNotation.current.marked((value.rounded(scale: decimals) ?? .zero).description)
    case .percent(let decimals):
      return FigureNotation.current.marked((value.rounded(scale: decimals) ?? .zero).description) + "%"
    case .integer, .plain: return "0"
    }
  }

  /// As `spelled`, with all its digits where rounding would make zero of what is not: a difference that is not zero is
  /// never written as zero.
  public func exactlySpelled(_ value: ExactDecimal) -> String {
    guard isLost(value) else { return spelled(value) }
    if case .percent = self { return value.multiplied(by: 100).map { FigureFormat.plain.spelled($0) + "%" } ?? "n/m" }
    return FigureFormat.plain.spelled(value)
  }

  /// Whether rounding to the decimals that are shown makes zero of a value that is not.
  private func isLost(_ value: ExactDecimal) -> Bool {
    let decimals: Int
    switch self {
    case .money(let places), .decimal(let places): decimals = places
    case .integer: decimals = 0
    case .percent(let places): decimals = places + 2
    case .plain: return false
    }
    return !value.isZero && value.rounded(scale: decimals)?.isZero == true
  }

  /// A change with an explicit sign, for comparatives: `+12.5%`, `−3.1%`.
  public func signed(_ value: ExactDecimal?) -> String {
    guard let value else { return "" }
    if value.isZero { return "±0" }
    let magnitude = value.isNegative ? -value : value
    return (value.isNegative ? "−" : "+") + exactlySpelled(magnitude)
  }

  private func parenthesized(_ value: ExactDecimal, decimals: Int, suffix: String) -> String {
    guard let rounded = value.rounded(scale: decimals) else { return value.description + suffix }
    let digits = grouped(rounded.isNegative ? -rounded : rounded) + suffix
    // The sign is the value's own: a small negative that rounds to 0.00 is still shown as one.
    return value.isNegative ? "(\(digits))" : digits
  }
}

/// A change against a base, with the cases that are not a number kept apart.
public enum ChangeRatio: Sendable, Hashable {
  /// One of the two figures is missing.
  case missing
  /// The base is zero or negative, so a ratio would mislead.
  case notMeaningful
  /// (value − base) / base, rounded to six decimals; zero only where nothing changed.
  case ratio(ExactDecimal)
  /// There is a change, and too little of it for the one decimal of the percents that are shown.
  case slight(isNegative: Bool)

  /// The change from `base` to `value`.
  public init(from base: ExactDecimal?, to value: ExactDecimal?) {
    guard let base, let value else {
      self = .missing
      return
    }
    guard let change = value.subtracting(base) else {
      self = .notMeaningful
      return
    }
    if change.isZero {
      self = .ratio(.zero)
      return
    }
    guard !base.isNegative, !base.isZero,
      let ratio = change.divided(by: base, scale: 6, rounding: .halfAwayFromZero)
    else {
      self = .notMeaningful
      return
    }
    let shown = ratio.rounded(scale: Self.shownDecimals + 2)
    self = shown?.isZero == true ? .slight(isNegative: change.isNegative) : .ratio(ratio)
  }

  /// How many decimals a change in percent is shown with.
  private static let shownDecimals = 1

  /// "up 12.5%", "down 3.0%", "up less than 0.1%", "unchanged", "n/m".
  public var words: String {
    switch self {
    case .missing: return "no figure"
    case .notMeaningful: return "n/m"
    case .slight(let isNegative): return (isNegative ? "down " : "up ") + Self.slightText
    case .ratio(let ratio):
      if ratio.isZero { return "unchanged" }
      return (ratio.isNegative ? "down " : "up ") + Self.percent.spelled(ratio.isNegative ? -ratio : ratio)
    }
  }

  private static let percent = FigureFormat.percent(decimals: shownDecimals)
  private static var slightText: String {
    "less than " + ((ExactDecimal(coefficient: 1, scale: shownDecimals + 2)).map(percent.spelled) ?? "")
  }

  /// `+12.5%`, `less than 0.1%`, `n/m`, or empty when missing.
  public var text: String {
    switch self {
    case .missing: ""
    case .notMeaningful: "n/m"
    case .slight: Self.slightText
    case .ratio(let ratio): Self.percent.signed(ratio)
    }
  }
}

extension ExactDecimal {
  /// The value at `scale` digits, ties away from zero, as every figure in a report is rounded for display.
  func rounded(scale: Int) -> ExactDecimal? {
    rounded(scale: scale, rounding: .halfAwayFromZero)
  }
}

/// The digits of a value with a mark between groups of three: `1,234.5`.
func grouped(_ value: ExactDecimal) -> String {
  let notation = FigureNotation.current
  let text = value.description
  let isNegative = text.hasPrefix("-")
  let digits = isNegative ? text.dropFirst() : text[...]
  let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
  let whole = Array(parts[0].utf8)
  var result = isNegative ? "-" : ""
  for (index, digit) in whole.enumerated() {
    if index > 0, (whole.count - index) % 3 == 0 { result += notation.groupingMark }
    result.unicodeScalars.append(Unicode.Scalar(digit))
  }
  return parts.count > 1 ? result + notation.decimalMark + parts[1] : result
}

/// A number short enough for an axis: `1.2M`, `850K`, `−40`, `1e21`. Never used where a figure is read off.
func abbreviated(_ value: ExactDecimal) -> String {
  if value.isZero { return "0" }
  let magnitude = value.isNegative ? -value : value
  let sign = value.isNegative ? "−" : ""
  if let text = magnitude.rounded(scale: 0)?.description, text.utf8.count > 15 {
    // Beyond thousands of billions: the first digits and the power of ten.
    let digits = Array(text.utf8)
    let fraction = String(decoding: digits[1...2], as: UTF8.self)
    let head =
      String(decoding: digits[...0], as: UTF8.self)
      + (fraction == "00" ? "" : FigureNotation.current.decimalMark + fraction)
    return "\(sign)\(head)e\(digits.count - 1)"
  }
  let units: [(suffix: String, exponent: Int)] = [("T", 12), ("B", 9), ("M", 6), ("K", 3)]
  for unit in units {
    guard let size = ExactDecimal(coefficient: tenTo(unit.exponent), scale: 0), magnitude >= size else { continue }
    guard let short = magnitude.divided(by: size, scale: 2, rounding: .halfAwayFromZero) else { break }
    return sign + grouped(short.normalized) + unit.suffix
  }
  let short = magnitude.normalized.scale > 4 ? (magnitude.rounded(scale: 4) ?? magnitude) : magnitude.normalized
  return sign + FigureNotation.current.marked(short.description)
}

/// 10^`exponent` for 0 ≤ exponent ≤ 38.
func tenTo(_ exponent: Int) -> Int128 {
  var result: Int128 = 1
  for _ in 0..<max(0, min(exponent, 38)) { result *= 10 }
  return result
}

/// Dates in headings, sentences and along axes: as the project writes dates where it says how, else with the name of the
/// month.
public struct DateText: Sendable {
  /// Short names of the months, January first.
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// `20 Nov 2026`, or `20.11.2026`.
  public static func day(_ date: CivilDate) -> String {
    FigureNotation.current.part(of: date, without: nil) ?? named(date)
  }

  /// `20 Nov 2026`, whatever the project says: for what is written and looked for again under any notation.
  public static func named(_ date: CivilDate) -> String {
    "\(date.day) \(months[date.month - 1]) \(date.year)"
  }

  /// `Nov 2026`, or `11.2026`.
  public static func month(_ date: CivilDate) -> String {
    FigureNotation.current.part(of: date, without: "dd") ?? "\(months[date.month - 1]) \(date.year)"
  }

  /// `20 Nov`, or `20.11`: for days of which no two lie a year apart.
  static func dayOfMonth(_ date: CivilDate) -> String {
    FigureNotation.current.part(of: date, without: "yyyy") ?? "\(date.day) \(months[date.month - 1])"
  }
}
