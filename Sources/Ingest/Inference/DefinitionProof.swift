// The proposed definition tried on the file: what the sample did not show comes back as evidence.
// Invariant: the definition is read from its text by the definitions' reader and the records are judged by the ingest's
// encoder, so that a proof without refused records means a load without them.

internal import CSV
internal import Definitions
internal import Finding
internal import Ledger
internal import Money

/// What trying a definition on its file came to.
struct DefinitionProof {
  /// Why the definition's own text was refused; empty when it was not.
  var diagnostics: [Diagnostic] = []
  var recordsRead = 0
  /// Records that it refuses, for whatever reason.
  var recordsRefused = 0
  var isComplete = true
  /// Refused records that were read as fields: a wider guess takes them.
  var evidence: [[(bytes: [UInt8], isQuoted: Bool)]] = []
  /// Refused records that no definition takes, by code.
  var incurable: [String: Int] = [:]
  /// Whether the key came twice.
  var repeatsKey = false

  /// Bytes of the decompressed stream that are tried at most.
  static let maximumBytes = 256 << 20
  /// Refused records that are looked at.
  static let maximumEvidence = 5_000
  /// Records whose keys are remembered.
  static let maximumKeys = 2_000_000

  /// Reads the definition and tries it.
  static func run(_ definition: String, name: String, on file: OpenFile, displayPath: String) throws -> DefinitionProof
  {
    var proof = DefinitionProof()
    let (feed, diagnostics) = FeedDefinition.read(definition, file: "Jobs/feeds/\(name).yaml")
    proof.diagnostics = diagnostics
    guard let feed, let zone = TimeZoneRules(named: "UTC") else { return proof }
    let scan = try FeedScan(file, feed: feed, displayPath: displayPath, zone: zone)
    let key = feed.key.compactMap { name in
      feed.columns.firstIndex { $0.name == name }.flatMap { scan.match.fields[$0] }
    }
    var seen: Set<UInt64> = []
    var evidence: [[(bytes: [UInt8], isQuoted: Bool)]] = []
    var repeatsKey = false
    let outcome = try scan.run(file, byteLimit: maximumBytes) { record, isRefused in
      if isRefused {
        let isRead = record.defect == nil && record.fieldCount == scan.plan.fieldCount
        guard isRead, evidence.count < maximumEvidence, verdict(onText: record.rawBytes) == .good else { return }
        evidence.append((0..<record.fieldCount).map { (Array(record[$0].bytes), record[$0].isQuoted) })
      } else if !key.isEmpty, !repeatsKey, seen.count < maximumKeys {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for field in key {
          for byte in record[field].bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
          hash = (hash ^ 0xFF) &* 0x100_0000_01B3
        }
        repeatsKey = !seen.insert(hash).inserted
      }
    }
    proof.recordsRead = outcome.recordsRead
    proof.recordsRefused = outcome.rejects.count
    proof.isComplete = outcome.isComplete
    proof.evidence = evidence
    proof.repeatsKey = repeatsKey
    for reject in outcome.rejects.records where reject.column == nil {
      proof.incurable[reject.code.rawValue, default: 0] += 1
    }
    return proof
  }
}
