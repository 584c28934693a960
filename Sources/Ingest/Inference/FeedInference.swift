// From a file to a feed definition: the entry of the inference.
// Phases, one file each, every one a pure function of what the ones before it made: 1 encoding, 2 dialect, 3 header,
// 4 types, 5 formats, 6 keys, 7 text. Then the definition is tried on the file (`DefinitionProof`); records that it
// would refuse join the sample, and phases 4 to 7 run again.
// Invariant: the same file gives the same definition, and no phase opens a file or a database.

internal import CSV
internal import Definitions
public import Finding
internal import Glibc

/// A definition that was proposed for a file.
public struct InferredFeed: Sendable {
  /// One column of it.
  public struct Column: Sendable, Hashable {
    /// The name in the table.
    public var name: String
    /// The name in the header.
    public var source: String
    /// The type, as the definition writes it.
    public var type: String
    /// Whether it may be empty.
    public var isOptional: Bool
    /// How dates and times are written; nil for ISO 8601 and other types.
    public var format: String?
    /// What the guess rests on.
    public var evidence: [String]
  }

  /// The feed's name.
  public var name: String
  /// The pattern of its files.
  public var filePattern: String
  /// The whole definition, YAML with comments, ready to be saved as Jobs/feeds/NAME.yaml.
  public var definition: String
  /// Its columns, in the order of the file.
  public var columns: [Column]
  /// The column that identifies a row, if one was found.
  public var key: [String]
  /// Records that the guesses rest on.
  public var recordsSampled: Int
  /// Records that were tried with the finished definition; nil when it was not tried.
  public var recordsTried: Int?
  /// Warnings: what could not be decided, and records that no definition would load.
  public var findings: [Diagnostic]
}

/// Proposes definitions.
public struct FeedInference: Sendable {
  private let name: String?
  private let maximumRecords: Int?

  /// How often the definition is tried before what it refuses is only reported.
  private static let maximumRounds = 8

  /// Creates an inference.
  ///
  /// - Parameters:
  ///   - name: the feed's name; made from the file's name unless given.
  ///   - maximumRecords: look at the first so many records only, and do not try the definition on the rest.
  public init(name: String? = nil, maximumRecords: Int? = nil) {
    self.name = name
    self.maximumRecords = maximumRecords
  }

  /// Proposes a definition for the file at `path`; `-` is standard input.
  ///
  /// - Throws: `IngestError` of kind `.unreadable` or `.fileRefused`, with what to do about the file.
  public func infer(_ path: String) throws(IngestError) -> InferredFeed {
    try withUsableFile(path) { try infer($0, path: path == "-" ? nil : path) }
  }

  private func infer(_ file: OpenFile, path: String?) throws -> InferredFeed {
    let shown = path ?? "standard input"
    if file.identity.bytes == 0 { throw refused("empty_file", shown, "the file is empty", "deliver one with records") }
    let sample = try FeedSample(file)
    let encoding = EncodingPhase.guess(sample)
    if let (kind, fix) = EncodingPhase.foreignFormat(sample.head) {
      throw refused("not_text", shown, "this is \(kind)", fix)
    }
    let text = EncodingPhase.text(sample.head, encoding.encoding)
    if EncodingPhase.isBinary(text) {
      throw refused("not_text", shown, "this is no text: it is full of control characters", "deliver the data as CSV")
    }
    guard text.contains(where: { $0 != 0x0A && $0 != 0x0D }) else {
      throw refused("empty_file", shown, "the file holds nothing but empty lines", "deliver one with records")
    }
    let dialect = DialectPhase.guess(text, isWhole: sample.isWhole)
    var table = HeaderPhase.table(
      head: text, blocks: sample.blocks.map { EncodingPhase.text($0, encoding.encoding) },
      isWhole: sample.isWhole, dialect: dialect.dialect, maximumRecords: maximumRecords)
    let problems = HeaderPhase.problems(table, file: shown)
    if !problems.isEmpty { throw IngestError(.fileRefused, problems) }

    let sampled = table.records
    var repeated: Set<String> = []
    var round = 0
    while true {
      round += 1
      var guess = guess(table, encoding, dialect, path: path, repeated: repeated)
      guess.reading = reading(shown, sampled: sampled, sample: sample, table: table)
      var definition = TextPhase.definition(guess)
      if maximumRecords != nil { return result(guess, definition, table, sampled, nil) }
      let proof = try DefinitionProof.run(definition, name: guess.name, on: file, displayPath: shown)
      let key = guess.key.column
      if round < Self.maximumRounds, !proof.evidence.isEmpty || proof.repeatsKey {
        for record in proof.evidence { table.append(record) }
        if proof.repeatsKey, let key { repeated.insert(key) }
        continue
      }
      guess.reading.append(tried(proof))
      definition = TextPhase.definition(guess)
      return result(guess, definition, table, sampled, proof)
    }
  }

  private func guess(
    _ table: SampledTable, _ encoding: EncodingGuess, _ dialect: DialectGuess, path: String?, repeated: Set<String>
  ) -> FeedGuess {
    let header = table.header.map { String(decoding: $0.bytes, as: UTF8.self) }
    let types = TypesPhase(
      table, names: ColumnNaming.names(for: header), delimiter: dialect.delimiter, quote: dialect.quote)
    var columns = types.columns
    FormatsPhase.settle(&columns)
    var (feed, pattern) = ColumnNaming.feed(forFile: path ?? name ?? "feed")
    if let name { feed = name }
    if path == nil { pattern = "\(feed)_*.csv*" }
    return FeedGuess(
      name: feed, pattern: pattern,
      patternEvidence: path == nil
        ? "standard input has no name" : "inside the inbox; .gz and .zst are read as they are",
      encoding: encoding, dialect: dialect, file: types.file, columns: columns,
      key: KeysPhase.guess(table, columns, repeated: repeated), reading: [])
  }

  // MARK: Words

  private func reading(_ shown: String, sampled: Int, sample: FeedSample, table: SampledTable) -> [String] {
    let name = shown.split(separator: "/").last.map(String.init) ?? shown
    let part =
      maximumRecords != nil
      ? "its first \(counted(sampled, "record"))"
      : sample.isWhole
        ? sampled == 1 ? "its only record" : "all of its \(counted(sampled)) records"
        : "\(counted(sampled, "record")) of its beginning" + (sample.blocks.isEmpty ? "" : " and of blocks further in")
    return [
      "Proposed from \(name), after a look at \(part).",
      "Every line is a guess; the comment behind it says what it rests on.",
    ]
  }

  private func tried(_ proof: DefinitionProof) -> String {
    if proof.recordsRead == 0 { return "Not tried on the file as a whole." }
    let all =
      proof.isComplete
      ? "all \(counted(proof.recordsRead, "record"))" : "the first \(counted(proof.recordsRead, "record"))"
    let refused = proof.recordsRefused
    return
      "Tried on \(all) of the file: \(refused == 0 ? "none is" : "\(counted(refused)) \(refused == 1 ? "is" : "are")") refused."
  }

  private func result(
    _ guess: FeedGuess, _ definition: String, _ table: SampledTable, _ sampled: Int, _ proof: DefinitionProof?
  ) -> InferredFeed {
    var findings = proof?.diagnostics ?? []
    let undecided = FormatsPhase.undecided(guess.columns)
    if !undecided.isEmpty {
      findings.append(
        Diagnostic(
          .warning, code: "undecided", "the sample does not decide how \(undecided.joined(separator: ", ")) is written",
          fix: "look at the comments marked UNDECIDED, and ask who sends the file"))
    }
    let incurable = proof.map(\.incurable) ?? table.unusable
    for (reason, count) in incurable.sorted(by: { $0.key < $1.key }) {
      findings.append(
        Diagnostic(
          .warning, code: "records_refused",
          "\(counted(count, "record")) would be refused whatever the definition: \(reason)",
          fix: "see them: daybook feed preview \(guess.name) FILE; with rejects: { limit: 1% } the others are loaded"))
    }
    if let proof, !proof.evidence.isEmpty {
      findings.append(
        Diagnostic(
          .warning, code: "records_refused", "\(counted(proof.evidence.count, "record")) would be refused",
          fix: "see them: daybook feed preview \(guess.name) FILE"))
    }
    if table.records == 0, (proof?.recordsRead ?? 0) == 0 {
      findings.append(
        Diagnostic(
          .warning, code: "no_records",
          "the file has a header and no record: every column is text until values are seen",
          fix: "infer again from a file with records"))
    }
    return InferredFeed(
      name: guess.name, filePattern: guess.pattern, definition: definition,
      columns: guess.columns.map {
        InferredFeed.Column(
          name: $0.name, source: $0.source, type: $0.type.description, isOptional: $0.isOptional, format: $0.format,
          evidence: $0.evidence)
      }, key: guess.key.column.map { [$0] } ?? [], recordsSampled: sampled,
      recordsTried: proof.flatMap { $0.recordsRead > 0 ? $0.recordsRead : nil }, findings: findings)
  }

  private func refused(_ code: String, _ shown: String, _ message: String, _ fix: String) -> IngestError {
    IngestError(
      .fileRefused, Diagnostic(.error, code: code, at: SourcePosition(file: shown), message, fix: fix))
  }
}

/// Opens a file, or standard input for `-`, and names every way in which it cannot be used.
func withUsableFile<R>(_ path: String, _ body: (OpenFile) throws -> R) throws(IngestError) -> R {
  let shown = path == "-" ? "standard input" : path
  func unusable(_ kind: IngestError.Kind, _ code: String, _ message: String, _ fix: String?) -> IngestError {
    IngestError(kind, Diagnostic(.error, code: code, at: SourcePosition(file: shown), message, fix: fix))
  }
  do {
    let file = try path == "-" ? InputSpool.nameless(STDIN_FILENO) : OpenFile(path, followsLinks: true)
    return try body(file)
  } catch let error as IngestError {
    throw error
  } catch let error as SystemError {
    throw unusable(
      error.number == ENOENT ? .missingFeed : .unreadable, "unreadable_file", error.description,
      error.number == ENOENT ? "name a file that exists" : error.number == EISDIR ? "name a file, or - for a pipe" : nil
    )
  } catch is CancellationError {
    throw unusable(.cancelled, "cancelled", "stopped", nil)
  } catch {
    if let defects = diagnostics(ofFileDefect: error, at: shown) { throw IngestError(.fileRefused, defects) }
    throw unusable(.unreadable, "unreadable_file", "\(error)", nil)
  }
}
