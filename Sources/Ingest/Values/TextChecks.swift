// Checks over raw bytes: UTF-8, NUL, blanks, booleans, UUIDs.
// Source of the UTF-8 ranges: The Unicode Standard, table 3-7 (well-formed byte sequences).

internal import CSV

/// What a record's bytes are, as far as PostgreSQL cares.
enum TextVerdict: UInt8, Sendable {
  case good, hasNUL, notUTF8
}

/// Whether bytes are UTF-8 without a NUL; a NUL is reported before bad UTF-8, wherever it stands.
/// - Complexity: O(count), eight bytes at a time while they are ASCII.
func verdict(onText bytes: UnsafeRawBufferPointer) -> TextVerdict {
  guard let base = bytes.baseAddress else { return .good }
  let count = bytes.count
  var index = 0
  let high: UInt64 = 0x8080_8080_8080_8080
  let ones: UInt64 = 0x0101_0101_0101_0101
  while index &+ 8 <= count {
    let word = base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
    // The high bit of any byte, or the classic test for a zero byte; a false alarm only costs the slow path.
    if (word | ((word &- ones) & ~word)) & high != 0 { break }
    index &+= 8
  }
  let pointer = base.assumingMemoryBound(to: UInt8.self)
  var isUTF8 = true
  while index < count {
    let byte = pointer[index]
    if byte == 0 { return .hasNUL }
    if byte < 0x80 || !isUTF8 {
      index &+= 1
      continue
    }
    let length = sequenceLength(pointer + index, count - index)
    if length == 0 {
      isUTF8 = false
      index &+= 1
    } else {
      index &+= length
    }
  }
  return isUTF8 ? .good : .notUTF8
}

/// Bytes of the well-formed multi-byte sequence at `pointer`, or 0.
func sequenceLength(_ pointer: UnsafePointer<UInt8>, _ available: Int) -> Int {
  func isContinuation(_ offset: Int) -> Bool { pointer[offset] & 0xC0 == 0x80 }
  switch pointer[0] {
  case 0xC2...0xDF:
    return available >= 2 && isContinuation(1) ? 2 : 0
  case 0xE0...0xEF:
    guard available >= 3, isContinuation(1), isContinuation(2) else { return 0 }
    if pointer[0] == 0xE0, pointer[1] < 0xA0 { return 0 }
    if pointer[0] == 0xED, pointer[1] > 0x9F { return 0 }
    return 3
  case 0xF0...0xF4:
    guard available >= 4, isContinuation(1), isContinuation(2), isContinuation(3) else { return 0 }
    if pointer[0] == 0xF0, pointer[1] < 0x90 { return 0 }
    if pointer[0] == 0xF4, pointer[1] > 0x8F { return 0 }
    return 4
  default:
    return 0
  }
}

/// An unquoted field without the blanks and tabs around it; a quoted one as it is, because its blanks were meant.
@inline(never)
func trimmed(_ field: FieldBytes) -> FieldBytes {
  if field.isQuoted { return field }
  var start = 0
  var end = field.count
  while start < end, field.pointer[start] == 0x20 || field.pointer[start] == 0x09 { start += 1 }
  while end > start, field.pointer[end - 1] == 0x20 || field.pointer[end - 1] == 0x09 { end -= 1 }
  return FieldBytes(pointer: field.pointer + start, count: end - start, isQuoted: false)
}

/// The boolean that PostgreSQL would read: true/false, t/f, yes/no, y/n, on/off, 1/0 in any case; nil for others.
func parseBoolean(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool? {
  var word: UInt64 = 0
  guard count >= 1, count <= 5 else { return nil }
  for index in 0..<count {
    let byte = bytes[index]
    let lower = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
    word = word << 8 | UInt64(lower)
  }
  switch word {
  case 0x31, 0x74, 0x79, 0x6F_6E, 0x79_6573, 0x7472_7565: return true  // 1 t y on yes true
  case 0x30, 0x66, 0x6E, 0x6F_6666, 0x6E_6F, 0x66_616C_7365: return false  // 0 f n off no false
  default: return nil
  }
}

/// Writes the 16 bytes of a UUID (32 hexadecimal digits, or 8-4-4-4-12) to `target`.
/// - Returns: whether it is one.
func parseUUID(_ bytes: UnsafePointer<UInt8>, _ count: Int, into target: UnsafeMutablePointer<UInt8>) -> Bool {
  guard count == 32 || count == 36 else { return false }
  var digits = 0
  for index in 0..<count {
    let byte = bytes[index]
    if count == 36, index == 8 || index == 13 || index == 18 || index == 23 {
      guard byte == 0x2D else { return false }
      continue
    }
    let value: UInt8
    switch byte {
    case 0x30...0x39: value = byte - 0x30
    case 0x61...0x66: value = byte - 0x61 + 10
    case 0x41...0x46: value = byte - 0x41 + 10
    default: return false
    }
    if digits & 1 == 0 { target[digits / 2] = value << 4 } else { target[digits / 2] |= value }
    digits += 1
  }
  return digits == 32
}
