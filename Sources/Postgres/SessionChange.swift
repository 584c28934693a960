// Whether a statement may leave something behind in its session, so that a pool resets only those sessions.
// It errs on the side of yes: a needless reset costs one round trip. What a function does inside the server is
// not seen; SET and its like are recognised by the server's command tag, the rest by words of the SQL.

/// Whether the SQL names something that outlives its transaction: temporary tables, settings, advisory locks.
func changesSession(_ sql: String) -> Bool {
  var sql = sql
  return sql.withUTF8 { bytes in
    var wordStart = 0
    var index = 0
    while index <= bytes.count {
      let isWord = index < bytes.count && isWordByte(bytes[index])
      if !isWord {
        if index > wordStart, isSessionWord(UnsafeBufferPointer(rebasing: bytes[wordStart..<index])) { return true }
        wordStart = index + 1
      }
      index += 1
    }
    return false
  }
}

private func isWordByte(_ byte: UInt8) -> Bool {
  (byte | 0x20 >= 97 && byte | 0x20 <= 122) || byte == UInt8(ascii: "_") || (byte >= 48 && byte <= 57)
}

private func isSessionWord(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
  sessionWords.contains { candidate in
    candidate.utf8CodeUnitCount <= word.count
      && candidate.withUTF8Buffer { expected in
        // Advisory locks come in many names with one beginning.
        let isPrefix = expected.last == UInt8(ascii: "_")
        guard isPrefix || expected.count == word.count else { return false }
        return zip(expected, word).allSatisfy { $0 == ($1 >= 65 && $1 <= 90 ? $1 | 0x20 : $1) }
      }
  }
}

private let sessionWords: [StaticString] = [
  "set_config", "temp", "temporary", "pg_temp", "pg_advisory_", "pg_try_advisory_",
]

/// The commands that change the session by their own name.
let sessionTags: Set<String> = ["SET", "RESET", "LISTEN", "PREPARE", "DECLARE CURSOR", "LOAD"]
