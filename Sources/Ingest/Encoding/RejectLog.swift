// The refused records of one file, kept until the ledger takes them.
// Invariant: bounded in memory. A file with more than the bound is refused as a whole, whatever its limit says,
// because records that are not kept could not be accounted for.

internal import Ledger

/// One refused record, before the ledger gave its file a number.
struct RefusedRecord: Sendable {
  var line: Int
  var record: Int
  var byteOffset: Int
  var column: String?
  var code: RejectCode
  var reason: String
  var raw: [UInt8]
}

/// The refused records of one file.
struct RejectLog: Sendable {
  /// The most memory that kept records may take.
  static let maximumBytes = 24 << 20
  /// What a record takes beside its bytes, roughly.
  private static let overheadBytes = 256

  private(set) var records: [RefusedRecord] = []
  /// All refused records, kept or not.
  private(set) var count = 0
  /// Memory that the kept records take.
  private(set) var bytes = 0
  private let limitBytes: Int

  init(limitBytes: Int = RejectLog.maximumBytes) {
    self.limitBytes = limitBytes
  }

  /// Whether some refused records were not kept.
  var isTruncated: Bool { records.count < count }

  mutating func append(_ make: () -> RefusedRecord) {
    count += 1
    guard bytes < limitBytes else { return }
    let record = make()
    bytes += record.raw.count + record.reason.utf8.count + Self.overheadBytes
    records.append(record)
  }

  /// Adds the refused records of the next part of the file. Behind one that was not kept none is, so that the kept
  /// ones are always the first ones.
  mutating func append(contentsOf other: RejectLog) {
    var kept = other.records[...]
    while !isTruncated, bytes < limitBytes, let record = kept.popFirst() { append { record } }
    addUnkept(other.count - (other.records.count - kept.count))
  }

  /// Counts refused records whose bytes were not kept.
  mutating func addUnkept(_ number: Int) { count += max(0, number) }

  /// Adds records that the server refused, keeping the order of the file.
  mutating func merge(_ others: [RefusedRecord]) {
    guard !others.isEmpty else { return }
    for other in others { append { other } }
    records.sort { $0.record < $1.record }
  }
}
