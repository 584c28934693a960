// `matches:` in the hot loop. Most patterns are a row of character classes with counts (`^[A-Z]{3}$`): those
// become steps over bytes. Everything else is left to the C library's POSIX regular expressions.
// Invariant: steps are used only where matching greedily cannot miss a match (each repeated class shares no byte
// with what follows it), so both ways agree; a test holds them together.

internal import Glibc

/// One class of a pattern and how often it stands there.
struct PatternStep: Sendable {
  private var low: UInt64 = 0
  private var high: UInt64 = 0
  var minimum = 1
  var maximum = 1

  /// Whether an ASCII byte is in the class; no other byte ever is.
  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    byte < 64 ? (low >> UInt64(byte)) & 1 == 1 : byte < 128 && (high >> UInt64(byte &- 64)) & 1 == 1
  }

  mutating func insert(_ byte: UInt8) {
    if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte & 63) }
  }

  func isDisjoint(from other: PatternStep) -> Bool { low & other.low == 0 && high & other.high == 0 }

  /// The steps of a pattern anchored at both ends, or nil when it needs more than steps.
  static func compile(_ pattern: String) -> [PatternStep]? {
    var text = Array(pattern.utf8)[...]
    guard text.first == UInt8(ascii: "^"), text.last == UInt8(ascii: "$"), text.count >= 2 else { return nil }
    text = text.dropFirst().dropLast()
    var steps: [PatternStep] = []
    while let byte = text.first {
      text = text.dropFirst()
      var step = PatternStep()
      switch byte {
      case UInt8(ascii: "["):
        guard let length = fill(&step, from: text) else { return nil }
        text = text.dropFirst(length)
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "@"),
        UInt8(ascii: "/"), UInt8(ascii: " "), UInt8(ascii: ":"), UInt8(ascii: "#"):
        step.insert(byte)
      default: return nil
      }
      guard let length = count(&step, from: text) else { return nil }
      text = text.dropFirst(length)
      steps.append(step)
    }
    for (step, next) in zip(steps, steps.dropFirst()) where step.minimum != step.maximum {
      // An optional next step lets the one after it be the follower: leave that to the C library.
      guard next.minimum > 0, step.isDisjoint(from: next) else { return nil }
    }
    return steps
  }

  /// Reads a class behind its `[`; the bytes read, or nil for a class of more than plain bytes and ranges.
  private static func fill(_ step: inout PatternStep, from text: ArraySlice<UInt8>) -> Int? {
    guard let end = text.firstIndex(of: UInt8(ascii: "]")), end > text.startIndex else { return nil }
    let members = Array(text[text.startIndex..<end])
    guard members[0] != UInt8(ascii: "^"), members.allSatisfy({ $0 < 0x80 && $0 != UInt8(ascii: "[") && $0 != 0x5C })
    else { return nil }
    var index = 0
    while index < members.count {
      if index + 2 < members.count, members[index + 1] == UInt8(ascii: "-") {
        guard members[index] <= members[index + 2] else { return nil }
        for byte in members[index]...members[index + 2] { step.insert(byte) }
        index += 3
      } else {
        step.insert(members[index])
        index += 1
      }
    }
    return members.count + 1
  }

  /// Reads a count behind a class; the bytes read, or nil for one that makes no sense.
  private static func count(_ step: inout PatternStep, from text: ArraySlice<UInt8>) -> Int? {
    switch text.first {
    case UInt8(ascii: "*"): (step.minimum, step.maximum) = (0, .max)
    case UInt8(ascii: "+"): step.maximum = .max
    case UInt8(ascii: "?"): step.minimum = 0
    case UInt8(ascii: "{"):
      guard let end = text.firstIndex(of: UInt8(ascii: "}")) else { return nil }
      let body = String(decoding: text[text.startIndex + 1..<end], as: UTF8.self)
      let bounds = body.split(separator: ",", omittingEmptySubsequences: false)
      guard bounds.count <= 2, let minimum = Int(bounds[0]) else { return nil }
      step.minimum = minimum
      step.maximum = minimum
      if bounds.count == 2 {
        guard let maximum = bounds[1].isEmpty ? .max : Int(bounds[1]), maximum >= minimum else { return nil }
        step.maximum = maximum
      }
      return end - text.startIndex + 1
    default: return 0
    }
    return 1
  }
}

/// Whether the bytes match all steps from the first to the last byte.
@inline(__always)
func matches(
  _ bytes: UnsafePointer<UInt8>, _ count: Int, _ steps: UnsafePointer<PatternStep>, _ stepCount: Int
) -> Bool {
  var index = 0
  for number in 0..<stepCount {
    let step = steps + number
    var found = 0
    while found < step.pointee.maximum, index < count, step.pointee.contains(bytes[index]) {
      found &+= 1
      index &+= 1
    }
    if found < step.pointee.minimum { return false }
  }
  return index == count
}

/// Whether the compiled expression matches somewhere in the bytes, which are valid UTF-8.
func matches(_ bytes: UnsafePointer<UInt8>, _ count: Int, _ expression: UnsafePointer<regex_t>) -> Bool {
  var span = regmatch_t(rm_so: 0, rm_eo: regoff_t(truncatingIfNeeded: count))
  let text = UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self)
  // REG_STARTEND of glibc: the text is given by its length and needs no NUL behind it.
  return CharactersOfUTF8.use { regexec(expression, text, 1, &span, 1 << 2) == 0 }
}

/// Compiles an expression for `matches`; false for one that does not compile.
func compile(_ pattern: String, into expression: UnsafeMutablePointer<regex_t>) -> Bool {
  CharactersOfUTF8.use { regcomp(expression, pattern, REG_EXTENDED | REG_NOSUB) == 0 }
}

/// The locale in which `.` is one character, as it is to the server's check of the same column, and not one byte of it;
/// whatever locale the process has.
private final class CharactersOfUTF8: @unchecked Sendable {  // no lock: nothing changes after init
  private static let shared = CharactersOfUTF8()
  private let locale: locale_t?

  // The mask of LC_CTYPE. glibc has C.UTF-8 built in; without it bytes are compared, as in the locale "C".
  private init() { locale = newlocale(1 << LC_CTYPE, "C.UTF-8", nil) }

  /// Runs `body`, which does not suspend, with this locale in its thread.
  static func use<R>(_ body: () -> R) -> R {
    guard let locale = shared.locale else { return body() }
    let before = uselocale(locale)
    defer { uselocale(before) }
    return body()
  }
}
