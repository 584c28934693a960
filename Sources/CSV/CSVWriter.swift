// Writes RFC 4180 records into memory or a file.
// Invariant: what is written reads back as the same fields: a field is quoted when it would otherwise be read as
// something else, and a record of one empty field is written `""`, because a blank line is no record.
// Bytes go out as they come: encodings are the caller's. A file is not renamed into place here; publication is atomic
// elsewhere.

/// Writes records, quoting only what needs it.
public struct CSVWriter: ~Copyable {
  /// What ends a record.
  public enum LineEnd: Sendable, Hashable {
    /// LF, as Unix tools expect.
    case lf
    /// CR LF, as RFC 4180 says.
    case crlf
  }

  /// When a field is quoted.
  public enum Quoting: Sendable, Hashable {
    /// Only when it would be read as something else without quotes.
    case whenNeeded
    /// Always; `""` then differs from nothing.
    case always
  }

  private var output: FileOutput?
  private let path: String?
  private var buffer: [UInt8] = []
  private let delimiter: UInt8
  private let quote: UInt8?
  private let lineEnd: LineEnd
  private var fieldsInRecord = 0
  private var isRecordEmpty = true

  /// How full the buffer gets before it is written to the file.
  private static let flushBytes = 256 << 10

  /// Creates a writer into memory; `takeBytes()` hands them out.
  ///
  /// - Parameter dialect: delimiter and quote; its limits bind readers only.
  public init(dialect: CSVDialect = .standard, lineEnd: LineEnd = .lf) {
    self.init(output: nil, path: nil, dialect: dialect, lineEnd: lineEnd)
  }

  /// Creates a writer into the file at `path`, which is created or emptied.
  ///
  /// - Throws: `CSVError` of kind `.write`.
  public init(path: String, dialect: CSVDialect = .standard, lineEnd: LineEnd = .lf) throws(CSVError) {
    self.init(output: try FileOutput(path: path), path: path, dialect: dialect, lineEnd: lineEnd)
  }

  /// Creates a writer to an open descriptor, which stays the caller's to close.
  public init(descriptor: Int32, dialect: CSVDialect = .standard, lineEnd: LineEnd = .lf) {
    self.init(output: FileOutput(borrowing: descriptor), path: nil, dialect: dialect, lineEnd: lineEnd)
  }

  private init(output: consuming FileOutput?, path: String?, dialect: CSVDialect, lineEnd: LineEnd) {
    self.output = output
    self.path = path
    delimiter = dialect.delimiter
    quote = dialect.quote
    self.lineEnd = lineEnd
  }

  /// Appends a field.
  ///
  /// - Parameter formulaGuard: whether a leading `=`, `+`, `-`, `@` (of full width too), tab, CR or LF gets an
  ///   apostrophe, so that a spreadsheet shows it instead of running it. So does a sign behind `;`, a tab or a line's end,
  ///   also with quotes between: a spreadsheet whose list separator is no comma divides the record there, for it takes
  ///   quotes within a field as they are. For text columns only: it would break negative numbers.
  /// - Throws: `CSVError` of kind `.dialect` when the field needs quotes and the dialect has none, or `.write`.
  /// Source of the guarded characters: OWASP, "CSV Injection".
  public mutating func field(
    _ text: String, quoting: Quoting = .whenNeeded, formulaGuard: Bool = false
  ) throws(CSVError) {
    var text = text
    let isWritten = text.withUTF8 {
      append(UnsafeRawBufferPointer($0), quoting: quoting, formulaGuard: formulaGuard)
    }
    if !isWritten { throw lacksQuote }
  }

  /// Appends a field of bytes, which need not be UTF-8.
  ///
  /// - Throws: as `field(_:quoting:formulaGuard:)`.
  public mutating func field(
    bytes: UnsafeRawBufferPointer, quoting: Quoting = .whenNeeded, formulaGuard: Bool = false
  ) throws(CSVError) {
    if !append(bytes, quoting: quoting, formulaGuard: formulaGuard) { throw lacksQuote }
  }

  /// Appends a whole number.
  ///
  /// - Throws: as `field(_:quoting:formulaGuard:)`.
  public mutating func field(_ value: Int) throws(CSVError) {
    try field(String(value))
  }

  /// Appends a field with nothing in it, not even quotes.
  public mutating func emptyField() {
    separate()
  }

  /// Ends the record; a record without fields is an empty line, which readers pass over.
  ///
  /// - Throws: `CSVError` of kind `.write`, or of kind `.dialect` when the record is one empty field and the dialect
  ///   has no quote to show it with.
  public mutating func endRecord() throws(CSVError) {
    if fieldsInRecord == 1, isRecordEmpty {
      guard let quote else { throw lacksQuote }
      buffer.append(quote)
      buffer.append(quote)
    }
    if lineEnd == .crlf { buffer.append(0x0D) }
    buffer.append(0x0A)
    fieldsInRecord = 0
    isRecordEmpty = true
    if output != nil, buffer.count >= Self.flushBytes { try flush() }
  }

  /// Appends a whole record of text.
  ///
  /// - Throws: as `field(_:quoting:formulaGuard:)`.
  public mutating func record(_ fields: [String], formulaGuard: Bool = false) throws(CSVError) {
    for text in fields { try field(text, formulaGuard: formulaGuard) }
    try endRecord()
  }

  /// The bytes written into memory since the last call; empty for a writer to a file.
  public mutating func takeBytes() -> [UInt8] {
    if output != nil { return [] }
    defer { buffer = [] }
    return buffer
  }

  /// Writes what is still buffered; does nothing for a writer into memory.
  ///
  /// - Throws: `CSVError` of kind `.write`.
  public mutating func flush() throws(CSVError) {
    guard output != nil else { return }
    try output?.write(buffer)
    buffer.removeAll(keepingCapacity: true)
  }

  /// Writes what is still buffered and closes the file that `init(path:)` opened.
  ///
  /// A writer that is dropped instead leaves the file without what is still buffered.
  /// - Throws: `CSVError` of kind `.write`.
  public consuming func close() throws(CSVError) {
    try flush()
    try output?.close()
  }

  private var lacksQuote: CSVError {
    CSVError(.dialect, path: path, "a field needs quotes, and the dialect has none")
  }

  /// False, with nothing written, when the field needs quotes that the dialect has not.
  private mutating func append(_ bytes: UnsafeRawBufferPointer, quoting: Quoting, formulaGuard: Bool) -> Bool {
    if formulaGuard {
      let places = formulaStarts(bytes)
      if !places.isEmpty {
        var inert: [UInt8] = []
        inert.reserveCapacity(bytes.count + places.count)
        var start = 0
        for place in places {
          inert.append(contentsOf: bytes[start..<place])
          inert.append(0x27)
          start = place
        }
        inert.append(contentsOf: bytes[start...])
        return inert.withUnsafeBytes { append($0, quoting: quoting, isDivided: true) }
      }
    }
    return append(bytes, quoting: quoting, isDivided: formulaGuard)
  }

  /// - Parameter isDivided: whether the separators of other dialects need quotes, too.
  private mutating func append(_ bytes: UnsafeRawBufferPointer, quoting: Quoting, isDivided: Bool) -> Bool {
    let needsQuote = needsQuotes(bytes, delimiter: delimiter, quote: quote)
    if needsQuote, quote == nil { return false }
    separate()
    isRecordEmpty = isRecordEmpty && bytes.isEmpty && (quoting == .whenNeeded || quote == nil)
    guard let quote, needsQuote || quoting == .always || isDivided && bytes.contains(where: isSeparator) else {
      buffer.append(contentsOf: bytes)
      return true
    }
    buffer.append(quote)
    if bytes.contains(quote) {
      for byte in bytes {
        if byte == quote { buffer.append(quote) }
        buffer.append(byte)
      }
    } else {
      buffer.append(contentsOf: bytes)
    }
    buffer.append(quote)
    return true
  }

  private mutating func separate() {
    if fieldsInRecord > 0 { buffer.append(delimiter) }
    fieldsInRecord += 1
  }
}

/// Where a spreadsheet would take what follows for a formula: at the start, and behind what ends a field or a record for
/// some of them.
private func formulaStarts(_ bytes: UnsafeRawBufferPointer) -> [Int] {
  var places: [Int] = []
  var isStart = true
  for (place, byte) in bytes.enumerated() {
    let isEnd = byte == 0x0D || byte == 0x0A || byte == 0x09
    if isStart, place == 0 && isEnd || startsFormula(bytes, at: place) { places.append(place) }
    // A quote that begins a divided field is taken off it, however many there are.
    isStart = isEnd || byte == 0x3B || isStart && place > 0 && byte == 0x22
  }
  return places
}

private func startsFormula(_ bytes: UnsafeRawBufferPointer, at place: Int) -> Bool {
  switch bytes[place] {
  case 0x3D, 0x2B, 0x2D, 0x40: true
  // Spreadsheets for Japanese read ＝ ＋ － ＠ as the signs of usual width.
  case 0xEF:
    bytes.count > place + 2 && bytes[place + 1] == 0xBC && [0x9D, 0x8B, 0x8D, 0xA0].contains(bytes[place + 2])
  default: false
  }
}

/// What a spreadsheet may divide records at where the comma is a decimal mark.
private func isSeparator(_ byte: UInt8) -> Bool { byte == 0x3B || byte == 0x09 }

/// Whether the field reads as something else without quotes; at the start of a file a byte-order mark would be lost.
private func needsQuotes(_ bytes: UnsafeRawBufferPointer, delimiter: UInt8, quote: UInt8?) -> Bool {
  for byte in bytes where byte == delimiter || byte == 0x0A || byte == 0x0D || byte == quote { return true }
  return bytes.starts(with: [0xEF, 0xBB, 0xBF])
}
