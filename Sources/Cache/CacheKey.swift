// What a result is kept under: a digest of everything that can change it. The question (text, typed parameters, who asks
// and how the session is set) names a slot; with the versions of what it reads it names one result of that slot.
// Invariant: every part is written with its kind and its length, and every list with its count, so that no two questions
// are the same bytes. Whether a statement may be kept at all is elsewhere: StatementRule.

public import Postgres

/// SHA-256 of a question.
public struct CacheKey: Sendable, Hashable, CustomStringConvertible {
  private let words: (UInt64, UInt64, UInt64, UInt64)

  /// The digest of `bytes`.
  init(digesting bytes: [UInt8]) {
    self.init(uncheckedBytes: Digest.sha256(bytes))
  }

  /// A key as `bytes` once gave it; nil unless there are 32.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    self.init(uncheckedBytes: bytes)
  }

  private init(uncheckedBytes bytes: [UInt8]) {
    func word(_ place: Int) -> UInt64 { bytes[place * 8..<place * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) } }
    words = (word(0), word(1), word(2), word(3))
  }

  /// Its 32 bytes.
  public var bytes: [UInt8] {
    [words.0, words.1, words.2, words.3].flatMap { word in
      (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - $0 * 8)) }
    }
  }

  /// A number by which processes keep out of each other's way; two keys share one by chance of 2^-64.
  var lockNumber: Int64 { Int64(bitPattern: words.0) }

  public static func == (a: CacheKey, b: CacheKey) -> Bool { a.words == b.words }
  public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

  public var description: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// A relation that a result was made from.
public struct CacheInput: Sendable, Hashable, Comparable {
  /// The name that its data version has in the ledger.
  public var relation: String
  /// The version of its data.
  public var version: Int64
  /// Changes when the relation itself does, such as the hash of the definition it was built from; may be empty.
  public var form: String

  /// Creates an input.
  public init(_ relation: String, version: Int64, form: String = "") {
    self.relation = relation
    self.version = version
    self.form = form
  }

  public static func < (a: CacheInput, b: CacheInput) -> Bool {
    (a.relation, a.version, a.form) < (b.relation, b.version, b.form)
  }

  /// The name under which the ledger counts how often people had the results forgotten that were made from `relation`, or
  /// all where that is nil. Every result depends on these as on its data, so that one which is being made meanwhile, by
  /// whatever process, is overtaken and not stored. No feed and no view has such a name.
  public static func forgetting(_ relation: String?) -> String { relation.map { "results of \($0)" } ?? "all results" }

  /// Whether this is the name of such a count.
  public static func isForgetting(_ name: String) -> Bool {
    name == forgetting(nil) || name.hasPrefix(forgetting(""))
  }
}

/// A question with the state of what it reads.
public struct CacheQuestion: Sendable, Hashable {
  /// What was asked, of data as they stand.
  public let key: CacheKey
  /// What was asked, whatever the data and the day.
  public let slot: CacheKey
  /// The business date that it is asked for, in days since 1970; nil when it does not depend on one.
  public let day: Int32?
  /// What it reads, in order.
  public let inputs: [CacheInput]
  /// What asks, for people.
  public let label: String

  /// Names a question.
  ///
  /// - Parameters:
  ///   - sql: the statement as it is sent.
  ///   - parameters: its values; 1 as bigint and 1 as text are two questions.
  ///   - day: the business date that it is asked for, in days since 1970. A parameter that is this date belongs to the key
  ///     and not to the slot: the next night asks the same for another day.
  ///   - session: who asks, and how their session is set.
  ///   - codeVersion: raised whenever the program would make other rows of the same answer.
  ///   - inputs: everything that the statement reads, with its version in the snapshot that answers.
  ///   - label: what asks, for people; no part of the key.
  public init(
    sql: String, parameters: [PostgresValue] = [], day: Int32? = nil, session: CacheSession, codeVersion: String,
    inputs: [CacheInput], label: String = ""
  ) {
    let night = day.map { PostgresValue.date(daysSince1970: $0) }
    self.day = parameters.contains { $0 == night } ? day : nil
    var writer = KeyWriter()
    writer.add(text: "results 2")
    writer.add(text: codeVersion)
    writer.add(text: sql)
    writer.add(count: parameters.count)
    for parameter in parameters {
      if parameter == night { writer.add(text: "the day") } else { writer.add(parameter) }
    }
    writer.add(text: session.role)
    writer.add(text: session.database)
    writer.add(count: session.settings.count)
    for setting in session.settings {
      writer.add(text: setting.name)
      writer.add(text: setting.value)
    }
    let sorted = inputs.sorted()
    writer.add(count: sorted.count)
    for input in sorted { writer.add(text: input.relation) }
    slot = CacheKey(digesting: writer.bytes)
    if let day = self.day { writer.add(.date(daysSince1970: day)) }
    for input in sorted {
      writer.add(count: Int(input.version))
      writer.add(text: input.form)
    }
    key = CacheKey(digesting: writer.bytes)
    self.inputs = sorted
    self.label = label
  }
}

/// Parts one after another, each with its kind and its length.
private struct KeyWriter {
  var bytes: [UInt8] = []

  mutating func add(text: String) { add(kind: 0x54, Array(text.utf8)) }

  mutating func add(count: Int) { add(kind: 0x4E, withUnsafeBytes(of: Int64(count).bigEndian, Array.init)) }

  mutating func add(_ value: PostgresValue) {
    var encoded: [UInt8] = []
    RowCodec.append(value, to: &encoded)
    add(kind: 0x56, encoded)
  }

  private mutating func add(kind: UInt8, _ part: [UInt8]) {
    bytes.append(kind)
    withUnsafeBytes(of: UInt64(part.count).bigEndian) { bytes.append(contentsOf: $0) }
    bytes += part
  }
}
