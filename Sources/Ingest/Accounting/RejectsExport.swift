// Open rejects of one feed as a CSV that a person corrects and `rejects requeue` loads.
// Invariant: standard CSV in UTF-8, whatever the feed's files are like; a field that was text comes back as the same
// bytes, also one that a spreadsheet would take for a formula. Bytes that are no text are shown as \xHH, and a field
// that still shows them when it comes back is not loaded (`CorrectedFile`).

internal import CSV
public import Definitions
internal import Finding
internal import Glibc
public import Ledger

/// Writes rejects.
public struct RejectsExport: Sendable {
  /// The columns before the feed's own.
  public static let leading = ["_reject_id", "_file", "_line", "_code", "_column", "_reason"]
  /// The column behind them: a record that cannot be taken apart, as it was.
  public static let raw = "_raw"

  let feed: FeedDefinition

  /// Creates the export of one feed.
  public init(feed: FeedDefinition) { self.feed = feed }

  /// What was written.
  public struct Outcome: Sendable, Hashable {
    /// Records written.
    public var written = 0
    /// Records of files with other columns, left for another export.
    public var withOtherColumns = 0
    /// Written records of files that were refused as a whole.
    public var ofRefusedFiles = 0

    /// Creates an outcome in which nothing was written.
    public init() {}
  }

  /// Writes the records to a file, or to standard output.
  ///
  /// - Parameters:
  ///   - entries: rejects of this feed.
  ///   - files: what the ledger knows of their files, by number.
  /// - Throws: `CSVError`.
  public func write(
    _ entries: [RejectEntry], files: [Int64: (status: String, header: [String]?)], to path: String?
  ) throws -> Outcome {
    var writer: CSVWriter
    if let path { writer = try CSVWriter(path: path) } else { writer = CSVWriter(descriptor: STDOUT_FILENO) }
    var outcome = Outcome()
    let columns = entries.first.map { self.columns(files[$0.fileID]?.header) } ?? self.columns(nil)
    try writer.record(Self.leading + columns + [Self.raw])
    for entry in entries {
      let file = files[entry.fileID]
      guard Set(self.columns(file?.header)) == Set(columns) else {
        outcome.withOtherColumns += 1
        continue
      }
      outcome.written += 1
      if file?.status == "refused" { outcome.ofRefusedFiles += 1 }
      try writer.record(entry, columns, feed: feed, header: file?.header)
    }
    try writer.flush()
    try writer.close()
    return outcome
  }

  /// The first reject that a corrected file is about; nil for a file without records, or none that names one.
  ///
  /// - Throws: `IngestError` for a file that cannot be read or is no export.
  public static func firstReject(in path: String) throws -> Int64? {
    do {
      return try CorrectedFile(try OpenFile(path, followsLinks: true), path: path).records.first?.rejectID
    } catch let error as DiagnosticsError {
      throw IngestError(.fileRefused, error.diagnostics)
    } catch let error as SystemError {
      throw CorrectedFile.unreadable(path, error)
    }
  }

  /// The feed's columns that a file with this header fills, in the order of the file.
  private func columns(_ header: [String]?) -> [String] {
    let known = feed.columns.filter { $0.constant == nil }.map(\.sourceName)
    guard let header, !header.isEmpty else { return known }
    return header.filter(known.contains)
  }
}

extension CSVWriter {
  /// Writes one reject.
  fileprivate mutating func record(
    _ entry: RejectEntry, _ columns: [String], feed: FeedDefinition, header: [String]?
  ) throws(CSVError) {
    try field(entry.rejectID.map { String($0) } ?? "")
    for text in [entry.file, String(entry.line), entry.code.rawValue, entry.column ?? "", entry.reason] {
      try field(text)
    }
    guard let fields = feed.fields(of: entry.raw, header: header) else {
      for _ in columns { emptyField() }
      let encoding = CharacterEncoding(feed.format.encoding)
      try field(legible(encoding.text(of: entry.raw), encoding))
      return try endRecord()
    }
    for name in columns {
      guard let value = fields[name] else {
        emptyField()
        continue
      }
      // A quoted field of a text column is data, also where it reads like "no value".
      let text = legible(value.bytes, CharacterEncoding(feed.format.encoding))
      try field(text, quoting: value.isQuoted ? .always : .whenNeeded)
    }
    emptyField()
    try endRecord()
  }
}

extension FeedDefinition {
  /// The fields of a record by the names in its file's header; nil for bytes that are no record of that header.
  func fields(of raw: [UInt8], header: [String]?) -> [String: RecordFields.Field]? {
    let names = header.flatMap { $0.isEmpty ? nil : $0 } ?? columns.filter { $0.constant == nil }.map(\.sourceName)
    guard let fields = RecordFields(raw, format: format)?.fields, fields.count == names.count else { return nil }
    return Dictionary(zip(names, fields)) { first, _ in first }
  }
}

/// What a reader made of bytes in `encoding`, as text; where those meant nothing, and for NUL, they stand as `\xHH`.
func legible(_ bytes: [UInt8], _ encoding: CharacterEncoding = .utf8) -> String {
  if !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) { return text }
  var text: [UInt8] = []
  bytes.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return }
    var index = 0
    while index < buffer.count {
      let byte = base[index]
      let length = byte == 0 ? 0 : byte < 0x80 ? 1 : sequenceLength(base + index, buffer.count - index)
      if length > 0 {
        text += buffer[index..<(index + length)]
        index += length
        continue
      }
      // What another encoding does not define was kept as three bytes (`CharacterEncoding`).
      let count = encoding == .utf8 || byte == 0 ? 1 : min(3, buffer.count - index)
      let kept = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[index..<(index + count)])
      for byte in byte == 0 ? [0] : encoding.originalBytes(of: kept) {
        text += "\\x\(hex([byte]).uppercased())".utf8
      }
      index += count
    }
  }
  return String(decoding: text, as: UTF8.self)
}
