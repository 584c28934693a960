// A file that ends in the middle of a record: a last record without a line end that has too few fields, or an open quote.
// Invariant: what counts as cut is the same for both ways of loading. Staging knows all of a file before anything of it
// is published; chunks are committed on the way, so that the last line of a plain file is looked at before the first of
// them, and what only the parser can tell stops the load at its last chunk.

internal import CSV
internal import Finding
internal import Glibc
internal import Ledger

/// What is wrong with the end of a file.
struct CutEnd: Sendable {
  /// Where the last record starts; nil when that was not counted.
  var line: Int?
  var what: String

  /// Judges a file's last refused record; nil when the file ends with a whole one.
  ///
  /// - Parameter unended: the number of the last record, when no line end follows it.
  init?(_ last: RefusedRecord?, unended: Int?, fieldCount: Int, dialect: FileDialect) {
    // The end-of-file mark of old systems is no record.
    guard let last, let unended, last.record == unended, last.raw != [0x1A] else { return nil }
    line = last.line
    what = "an open quote"
    if last.code == .notUTF8 {
      guard Self.endsInsideCharacter(last.raw, dialect.encoding) else { return nil }
      what = "half a character"
    } else if last.code == .fieldCount {
      guard let fields = RecordFields(last.raw, dialect: dialect)?.fields.count, fields < fieldCount else {
        return nil
      }
      what = "\(fields) of \(fieldCount) fields"
    } else if last.code != .unterminatedQuote {
      return nil
    }
  }

  /// Judges the last line of a plain file by its bytes; nil when it is whole, or when only a parser can tell.
  ///
  /// Without a quote in it, the line is a record, or the rest of a quoted field that is never closed: cut in both cases,
  /// when it has too few fields.
  init?(lastLineOf file: OpenFile, fieldCount: Int, dialect: CSVDialect) {
    let size = file.identity.bytes
    let count = min(size, Self.windowBytes)
    var bytes = [UInt8](repeating: 0, count: count)
    guard count > 0, !file.isCompressed, pread(file.descriptor, &bytes, count, off_t(size - count)) == count,
      let end = bytes.lastIndex(where: { $0 == 0x0A || $0 == 0x0D })
    else { return nil }
    let last = bytes[(end + 1)...]
    guard !last.isEmpty, last != [0x1A], dialect.quote.map(last.contains) != true else { return nil }
    let fields = last.count { $0 == dialect.delimiter } + 1
    guard fields < fieldCount else { return nil }
    what = "\(fields) of \(fieldCount) fields"
  }

  /// Whether the bytes of a record end where its encoding cannot.
  private static func endsInsideCharacter(_ raw: [UInt8], _ encoding: CharacterEncoding) -> Bool {
    switch encoding {
    case .utf16LittleEndian, .utf16BigEndian: return raw.count % 2 == 1
    case .utf8:
      guard let lead = raw.lastIndex(where: { $0 & 0xC0 != 0x80 }), raw[lead] >= 0xC2 else { return false }
      let length = raw[lead] < 0xE0 ? 2 : raw[lead] < 0xF0 ? 3 : 4
      return raw.count - lead < length
    case .windows1252, .latin1: return false
    }
  }

  private static let windowBytes = 64 << 10

  func finding(_ path: String) -> Diagnostic {
    Diagnostic(
      .error, code: "truncated_file", at: SourcePosition(file: path, line: line),
      "the file ends in the middle of a record: \(what) and no line end",
      fix: "have the file delivered again, whole; should it be complete, correct its last line")
  }
}
