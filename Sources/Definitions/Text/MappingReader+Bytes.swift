// Sizes and null tokens of a definition.
// Invariant: a size is a whole number of bytes within its range; units are powers of 1024 and spelled so (KiB, MiB),
// because KB means 1000 to some people and 1024 to others.

internal import Finding

extension MappingReader {
  /// A number of bytes: `65536`, `64KiB`, `1MiB`, `10GiB`.
  func bytes(_ key: String, in range: ClosedRange<Int>) -> Int? {
    guard let scalar = scalar(key) else { return nil }
    guard let count = byteCount(definition: scalar.text) else {
      findings.error(
        "bad_size", at: position(of: key), "\"\(scalar.shown)\" is not a number of bytes for \"\(key)\"",
        fix: "write a whole number, alone or with its unit: 65536, 64KiB, 1MiB, 10GiB, 1TiB")
      return nil
    }
    guard range.contains(count) else {
      findings.error(
        "out_of_range", at: position(of: key),
        "\"\(key)\" must be from \(shownBytes(range.lowerBound)) to \(shownBytes(range.upperBound)), "
          + "not \"\(scalar.shown)\"")
      return nil
    }
    return count
  }

  /// A list of words that mean "no value"; nil when the key is absent.
  func nullTokens(_ key: String) -> [String]? {
    guard has(key) else { return nil }
    var tokens: [String] = []
    for node in elements(key) {
      guard let token = node.scalar(as: key, findings)?.text else { continue }
      if tokens.contains(token) {
        findings.error("duplicate_name", at: node.position, "\"\(token)\" is in \"\(key)\" twice")
      } else {
        tokens.append(token)
      }
    }
    return tokens
  }
}

/// Reads `65536`, `64KiB`, `1MiB`, `10GiB` or `1TiB`; nil for anything else, and for what no Int holds.
func byteCount(definition text: String) -> Int? {
  let digits = text.prefix { $0.isASCII && $0.isNumber }
  guard let count = Int(digits) else { return nil }
  let shift: Int
  switch text.dropFirst(digits.count) {
  case "": shift = 0
  case "KiB": shift = 10
  case "MiB": shift = 20
  case "GiB": shift = 30
  case "TiB": shift = 40
  default: return nil
  }
  let (total, overflow) = count.multipliedReportingOverflow(by: 1 << shift)
  return overflow ? nil : total
}

/// A number of bytes in the largest unit that states it exactly.
func shownBytes(_ count: Int) -> String {
  for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")]
  where count > 0 && count.isMultiple(of: 1 << shift) {
    return "\(count >> shift)\(unit)"
  }
  return "\(count)"
}
