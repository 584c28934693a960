// Names of sheets, tables and ranges, made from titles that know nothing of Excel's rules.
// Invariant: a name is valid for Excel, needs no reader's repair, and is given once in a workbook, case apart.
// Source: Microsoft, "Rename a worksheet" and "Names in formulas".

/// Gives names of sheets.
struct SheetNames: Sendable {
  private var taken: Set<String> = []
  static let maximumUnits = 31

  /// The name of a sheet with this title: 31 characters, none of `[ ] : * ? / \`, no apostrophe at an end.
  mutating func name(for title: String) -> String {
    var text = ""
    for scalar in title.unicodeScalars {
      switch scalar {
      case "[", "]", ":", "*", "?", "/", "\\": text += "-"
      case let other where other.value < 0x20 || other.value == 0x7F || other.value & 0xFFFE == 0xFFFE: text += " "
      default: text.unicodeScalars.append(scalar)
      }
    }
    text = trimmed(text)
    // Readers would take `_x0041_` for one character.
    if SheetText(text).encoded != text { text = trimmed(String(text.map { $0 == "_" ? "-" : $0 })) }
    if text.isEmpty { text = "Sheet" }
    var name = needsBrackets(text) ? "(\(cut(text, Self.maximumUnits - 2)))" : cut(text, Self.maximumUnits)
    var number = 2
    while !taken.insert(name.lowercased()).inserted {
      let ending = " (\(number))"
      name = cut(text, Self.maximumUnits - ending.utf16.count) + ending
      number += 1
    }
    return name
  }

  /// References to such a sheet need quotes that the library does not write: names like a number or a cell. Brackets
  /// make it quote. Excel keeps "History" for itself.
  private func needsBrackets(_ name: String) -> Bool {
    if name.lowercased() == "history" { return true }
    let isBare = name.utf8.allSatisfy { isASCIILetter($0) || isASCIIDigit($0) || $0 == 0x5F || $0 == 0x2E }
    guard isBare, let first = name.utf8.first else { return false }
    return !(isASCIILetter(first) || first == 0x5F) || looksLikeCell(name)
  }

  private func trimmed(_ text: String) -> String {
    func isEdge(_ character: Character) -> Bool { character == " " || character == "'" }
    return String(text.drop(while: isEdge).reversed().drop(while: isEdge).reversed())
  }

  private func cut(_ text: String, _ units: Int) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      if result.utf16.count + UTF16.width(scalar) > units { break }
      result.unicodeScalars.append(scalar)
    }
    return trimmed(result)
  }
}

/// Gives names of tables and of ranges, which share one space.
struct RangeNames: Sendable {
  private var taken: Set<String> = []
  static let maximumUnits = 100

  /// A name of ASCII letters, digits and `_` that is no cell.
  mutating func name(for hint: String) -> String {
    var text = ""
    for byte in hint.utf8.prefix(Self.maximumUnits) {
      let isWord = isASCIILetter(byte) || isASCIIDigit(byte) || byte == 0x5F
      text.unicodeScalars.append(isWord ? Unicode.Scalar(byte) : "_")
    }
    if text.utf8.first.map({ isASCIIDigit($0) }) ?? true || looksLikeCell(text) { text = "_" + text }
    var name = text
    var number = 2
    while !taken.insert(name.lowercased()).inserted {
      name = "\(text)_\(number)"
      number += 1
    }
    return name
  }
}

/// Whether Excel reads a word as a cell: `Q1`, `AB12`, `R1C1`, `R`, `C`.
func looksLikeCell(_ word: String) -> Bool {
  let bytes = Array(word.uppercased().utf8)
  let letters = bytes.prefix(while: isASCIILetter)
  if (1...3).contains(letters.count), letters.count < bytes.count, bytes[letters.count...].allSatisfy(isASCIIDigit) {
    return true
  }
  var rest = bytes[...]
  for letter in Array("RC".utf8) where rest.first == letter {
    rest = rest.dropFirst().drop(while: isASCIIDigit)
  }
  return rest.isEmpty && !bytes.isEmpty
}

private func isASCIILetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) }
private func isASCIIDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
