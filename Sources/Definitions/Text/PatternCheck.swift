// The dialect of `matches:`: POSIX extended regular expressions, as `regcomp` with REG_EXTENDED compiles them, over the
// characters of UTF-8. What PostgreSQL's `~` would read differently (a backslash inside brackets) is refused, and so are expressions that would cost without bound (deeply nested
// repetition, back references), before they are compiled.
// Source: IEEE Std 1003.1, 9.4 Extended Regular Expressions.

internal import Glibc

/// Checks a pattern before anybody relies on it.
enum PatternCheck {
  /// The longest pattern.
  static let maximumBytes = 1_000
  /// The most states that repetition may unfold into.
  static let maximumUnfolding = 20_000

  /// Why `pattern` cannot be used, or nil when it compiles.
  static func problem(with pattern: String) -> String? {
    guard !pattern.isEmpty else { return "it is empty" }
    guard pattern.utf8.count <= maximumBytes else { return "it is longer than \(maximumBytes) bytes" }
    if let problem = foreignEscape(in: pattern) { return problem }
    guard unfolding(of: Array(pattern.utf8)) <= maximumUnfolding else {
      return "its repetitions unfold into more than \(maximumUnfolding) steps"
    }
    var compiled = regex_t()
    let code = regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB)
    guard code != 0 else {
      regfree(&compiled)
      return nil
    }
    var buffer = [CChar](repeating: 0, count: 256)
    regerror(code, &compiled, &buffer, buffer.count)
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// What other dialects read differently, which `regcomp` would accept in silence.
  private static func foreignEscape(in pattern: String) -> String? {
    var isEscaped = false
    var bracket = ""
    for character in pattern {
      if !bracket.isEmpty {
        if character == "\\" {
          return "inside [ ] a backslash stands for itself; write the characters alone, ] first and - last"
        }
        // A ] in first place is a member of the set.
        bracket = character == "]" && bracket != "[" && bracket != "[^" ? "" : bracket + String(character)
      } else if isEscaped {
        if character == "d" { return "\\d is not POSIX; write [0-9]" }
        if character.isASCII, character.isNumber { return "back references (\\\(character)) are not supported" }
        if character.isASCII, character.isLetter, !"swSWbB".contains(character) {
          return "\\\(character) is not POSIX; write the characters themselves"
        }
        isEscaped = false
      } else if character == "[" {
        bracket = "["
      } else {
        isEscaped = character == "\\"
      }
    }
    return pattern.contains("(?") ? "(?…) is not POSIX" : nil
  }

  /// How many single steps the pattern has once every repetition is written out; counts high rather than low.
  static func unfolding(of pattern: [UInt8]) -> Int {
    var sums = [0]
    var last = 0
    var index = 0
    func capped(_ value: (partialValue: Int, overflow: Bool)) -> Int {
      value.overflow ? .max / 4 : Swift.min(value.partialValue, .max / 4)
    }
    func repeatLast(_ times: Int) {
      sums[sums.count - 1] -= last
      last = capped(last.multipliedReportingOverflow(by: max(times, 1)))
      sums[sums.count - 1] = capped(sums[sums.count - 1].addingReportingOverflow(last))
    }
    while index < pattern.count {
      switch pattern[index] {
      case UInt8(ascii: "("):
        sums.append(0)
        last = 0
      case UInt8(ascii: ")") where sums.count > 1:
        last = sums.removeLast() + 1
        sums[sums.count - 1] = capped(sums[sums.count - 1].addingReportingOverflow(last))
      case UInt8(ascii: "+"):
        repeatLast(2)
      case UInt8(ascii: "{"):
        let body = pattern[(index + 1)...].prefix { $0 != UInt8(ascii: "}") }
        let numbers = body.split(separator: UInt8(ascii: ",")).map {
          Int(String(decoding: $0, as: UTF8.self)) ?? ($0.count > 5 ? .max / 4 : 1)
        }
        repeatLast((numbers.max() ?? 1) + 1)
        index += body.count + 1
      case UInt8(ascii: "["):
        // A bracket expression is one step; a ] in first place is a member.
        var end = index + 1
        if end < pattern.count, pattern[end] == UInt8(ascii: "^") { end += 1 }
        if end < pattern.count, pattern[end] == UInt8(ascii: "]") { end += 1 }
        while end < pattern.count, pattern[end] != UInt8(ascii: "]") { end += 1 }
        index = end
        last = 1
        sums[sums.count - 1] += 1
      case UInt8(ascii: "*"), UInt8(ascii: "?"):
        break
      case UInt8(ascii: "\\"):
        index += 1
        fallthrough
      default:
        last = 1
        sums[sums.count - 1] += 1
      }
      index += 1
    }
    return sums.reduce(0) { capped($0.addingReportingOverflow($1)) }
  }
}
