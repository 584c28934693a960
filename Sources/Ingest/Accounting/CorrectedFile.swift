// A corrected export on its way back: which of its records are to be loaded, and which reject each is about.
// Invariant: a record whose reject is closed is left out, so that no row is loaded twice however often a file comes
// back; what is left out leaves its line ends behind, so that lines are those of the file that the person has.

internal import CSV
internal import Definitions
internal import Finding
internal import Glibc
internal import Ledger
internal import Postgres

/// What closes the rejects that a corrected file is about, in the transaction that loads its rows.
struct Correction: Sendable {
  /// The reject of each record, by the line on which it starts.
  let rejects: [Int: Int64]

  /// Closes the rejects whose rows were taken; the others stay open, with the reason why the correction was refused.
  nonisolated(nonsending) func settle(
    _ fileID: Int64, _ log: RejectLog, file: String, on connection: PostgresConnection
  ) async throws {
    var refused: [Int64: RefusedRecord] = [:]
    for record in log.records {
      if let id = rejects[record.line], refused[id] == nil { refused[id] = record }
    }
    let taken = Set(rejects.values).subtracting(refused.keys).sorted()
    let closed = try await FileLedger.resolve(taken, by: fileID, on: connection)
    guard closed == taken.count else {
      throw IngestError(
        .fileRefused,
        Diagnostic(
          .error, code: "correction", at: SourcePosition(file: file),
          "\(taken.count - closed) of its rejects were closed by somebody else meanwhile",
          notes: ["state: nothing of this file is committed"], fix: "run again"))
    }
    try await FileLedger.refuseAgain(
      refused.sorted { $0.key < $1.key }.map {
        ($0.key, $0.value.column, $0.value.code, "\($0.value.reason) (corrected in \(file):\($0.value.line))")
      }, on: connection)
  }
}

/// A corrected file, read.
struct CorrectedFile: Sendable {
  struct Record: Sendable {
    var line: Int
    var start: Int
    var rejectID: Int64
    var values: [String: String]
    /// Whether it is a record that could not be taken apart and that nobody has filled in.
    var isUntouched: Bool
  }

  /// The most bytes a corrected file may have.
  static let maximumBytes = 64 << 20

  let path: String
  let bytes: [UInt8]
  var records: [Record] = []

  /// Reads a file.
  ///
  /// - Throws: `DiagnosticsError` for a file that is no corrected export; `CSVError`.
  init(_ file: OpenFile, path: String) throws {
    self.path = path
    guard file.identity.bytes <= Self.maximumBytes else {
      throw Self.problem(
        path, nil, "the file has more than \(Self.maximumBytes >> 20) MiB", "split it, with its header")
    }
    bytes = readBytes(file.stablePath) ?? []
    var reader = ChunkReader(source: try FileByteSource(contents: bytes), dialect: .standard)
    var parser = RecordParser(dialect: .standard)
    var header: [String]?
    var idPlace = -1
    var records: [Record] = []
    while let chunk = try reader.next() {
      try parser.parse(chunk) { record throws(DiagnosticsError) in
        if record.defect != nil {
          throw Self.problem(path, record.line, "the record's quotes are not closed properly", "correct the line")
        }
        let fields = (0..<record.fieldCount).map { String(decoding: record[$0].bytes, as: UTF8.self) }
        guard let names = header else {
          header = fields
          idPlace = fields.firstIndex(of: RejectsExport.leading[0]) ?? -1
          if idPlace < 0 {
            throw Self.problem(
              path, record.line, "the file has no column _reject_id, so it is no export of rejects",
              "correct a file that was written by: daybook rejects export")
          }
          return
        }
        guard idPlace < fields.count, let id = Int64(trimmed(fields[idPlace])) else {
          throw Self.problem(
            path, record.line, "the record has no number in _reject_id",
            "leave _reject_id as it was exported; new rows come in a file of the feed")
        }
        let values = Dictionary(zip(names, fields)) { first, _ in first }
        let own = values.filter { !RejectsExport.leading.contains($0.key) && $0.key != RejectsExport.raw }
        records.append(
          Record(
            line: record.line, start: record.byteOffset, rejectID: id, values: own,
            isUntouched: values[RejectsExport.raw]?.isEmpty == false && own.values.allSatisfy(\.isEmpty)))
      }
    }
    self.records = records
  }

  /// The file with the records for which `isWanted` is false taken out; their line ends stay.
  func keeping(_ isWanted: (Record) -> Bool) -> [UInt8] {
    var result: [UInt8] = []
    var position = 0
    for (index, record) in records.enumerated() where !isWanted(record) {
      let end = index + 1 < records.count ? records[index + 1].start : bytes.count
      result += bytes[position..<record.start]
      if index + 1 < records.count {
        result += [UInt8](repeating: 0x0A, count: records[index + 1].line - record.line)
      }
      position = end
    }
    return result + bytes[position...]
  }

  static func unreadable(_ path: String, _ error: SystemError) -> IngestError {
    IngestError(
      error.number == ENOENT ? .missingFile : .unreadable,
      Diagnostic(
        .error, code: "correction", at: SourcePosition(file: path), "cannot read the corrected file: \(error)",
        notes: ["state: nothing of it is committed"]))
  }

  static func problem(_ path: String, _ line: Int?, _ message: String, _ fix: String) -> DiagnosticsError {
    DiagnosticsError([
      Diagnostic(
        .error, code: "correction", at: SourcePosition(file: path, line: line), message,
        notes: ["state: nothing of this file is committed"], fix: fix)
    ])
  }
}
