// Finds a YAML anchor or alias before the text is composed.
// Composing compares mapping keys, and keys made of nested aliases would be compared without end; so anchors are
// refused first. Quotes, comments and block scalars (SQL is full of `*`) are followed closely enough for text that
// a person would write; what slips through is refused by the walk over the composed nodes.

/// The first `&name` or `*name` that stands where a value begins; line and column are 1-based.
/// - Complexity: O(text).
func firstAnchorOrAlias(in text: String) -> (line: Int, column: Int)? {
  var scan = AliasScan()
  var number = 0
  for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
    number += 1
    if let column = scan.firstAlias(in: Array(line)) {
      return (number, String(decoding: line.prefix(column), as: UTF8.self).unicodeScalars.count + 1)
    }
  }
  return nil
}

private struct AliasScan {
  private enum Block {
    case none
    case announced(parentIndent: Int)
    case inside(indent: Int)
  }

  private var block = Block.none
  private var quote: UInt8?
  private var flowDepth = 0

  /// The 0-based byte of the first anchor or alias in the next line.
  mutating func firstAlias(in line: [UInt8]) -> Int? {
    let indent = line.firstIndex { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\r") }
    if quote == nil, isInBlock(indent: indent) { return nil }
    var isValueStart = true
    var index = indent ?? line.count
    var entryColumn = index
    while index < line.count {
      let byte = line[index]
      let next = index + 1 < line.count ? line[index + 1] : UInt8(ascii: " ")
      let nextIsSpace = next == UInt8(ascii: " ") || next == UInt8(ascii: "\t") || next == UInt8(ascii: "\r")
      defer { index += 1 }
      if let open = quote {
        if open == UInt8(ascii: "\""), byte == UInt8(ascii: "\\") { index += 1 }
        if byte == open {
          if open == UInt8(ascii: "'"), next == open { index += 1 } else { quote = nil }
        }
        continue
      }
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
        if index + 1 < line.count, next == UInt8(ascii: "#") { return nil }
      case UInt8(ascii: "#") where index == indent:
        return nil
      case UInt8(ascii: "-") where isValueStart && nextIsSpace && flowDepth == 0,
        UInt8(ascii: "?") where isValueStart && nextIsSpace:
        entryColumn = index
      case UInt8(ascii: ":")
      where nextIsSpace || flowDepth > 0 && !isValueStart && line[index - 1] == UInt8(ascii: "\""):
        isValueStart = true
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        if isValueStart || flowDepth > 0 {
          flowDepth += 1
          isValueStart = true
        }
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        if flowDepth > 0 { flowDepth -= 1 }
        isValueStart = false
      case UInt8(ascii: ",") where flowDepth > 0:
        isValueStart = true
      case UInt8(ascii: "\"") where isValueStart, UInt8(ascii: "'") where isValueStart:
        quote = byte
        entryColumn = index
        isValueStart = false
      case UInt8(ascii: "&") where isValueStart && !nextIsSpace, UInt8(ascii: "*") where isValueStart && !nextIsSpace:
        return index
      case UInt8(ascii: "|") where isValueStart && flowDepth == 0,
        UInt8(ascii: ">") where isValueStart && flowDepth == 0:
        block = .announced(parentIndent: entryColumn)
        return nil
      case UInt8(ascii: "!") where isValueStart:
        while index + 1 < line.count, line[index + 1] != UInt8(ascii: " ") { index += 1 }
      default:
        if isValueStart { entryColumn = index }
        isValueStart = false
      }
    }
    return nil
  }

  private mutating func isInBlock(indent: Int?) -> Bool {
    switch block {
    case .none:
      return false
    case .announced(let parentIndent):
      guard let indent else { return true }
      block = indent > parentIndent ? .inside(indent: indent) : .none
      return indent > parentIndent
    case .inside(let blockIndent):
      guard let indent else { return true }
      if indent < blockIndent { block = .none }
      return indent >= blockIndent
    }
  }
}
