// Phase 2: which byte separates fields, and which encloses them?
// Every pair is tried with the real splitter and parser on the beginning of the file. The pair under which most records
// have as many fields as the first one wins; the four usual delimiters go before any other byte.

internal import CSV

/// How the file is punctuated.
struct DialectGuess: Sendable {
  var delimiter: UInt8
  var quote: UInt8?
  var delimiterEvidence: String
  var quoteEvidence: String

  var dialect: CSVDialect {
    (try? CSVDialect(delimiter: delimiter, quote: quote)) ?? .standard
  }
}

enum DialectPhase {
  private static let usual: [UInt8] = [0x2C, 0x3B, 0x09, 0x7C]
  /// Characters that stand for nothing but a separator.
  static let controls: [UInt8] = [0x01, 0x1F, 0x1E, 0x1C]
  private static let unusual: [UInt8] = controls + Array("^~:#!&*$%@/ ".utf8)
  private static let trialBytes = 128 << 10
  private static let trialRecords = 400

  /// How one pair of bytes reads the beginning of the file.
  private struct Trial {
    var delimiter: UInt8
    var quote: UInt8?
    var fields = 0
    var records = 0
    /// Clean records with as many fields as the first.
    var good = 0
    var quoted = 0
    var headerIsQuoted = false

    var share: Double { records == 0 ? 0 : Double(good) / Double(records) }
  }

  /// Tells the dialect of UTF-8 text.
  static func guess(_ text: [UInt8], isWhole: Bool) -> DialectGuess {
    let part = trialPart(text, isWhole: isWhole)
    var best = usual.map { bestQuote($0, part) }.filter { $0.fields > 1 }.max(by: isWorse)
    if best.map({ $0.share < 0.5 }) ?? true {
      let other = unusual.filter { part.contains($0) }.map { bestQuote($0, part) }
        .filter { $0.fields > 1 && $0.share > 0.9 && $0.records > 1 }.max(by: isWorse)
      if let other, other.share > (best?.share ?? 0) { best = other }
    }
    guard let best else { return single(part) }
    return DialectGuess(
      delimiter: best.delimiter, quote: best.quote,
      delimiterEvidence:
        "\(counted(best.fields)) fields in \(counted(best.good)) of the first \(counted(best.records)) records",
      quoteEvidence: quoteEvidence(best))
  }

  /// Whether `a` is the weaker explanation. Equal shares go to more fields, then to the more usual byte.
  private static func isWorse(_ a: Trial, _ b: Trial) -> Bool {
    // Nearly the same share is no evidence; the number of fields is.
    if abs(a.share - b.share) > 0.02 { return a.share < b.share }
    return a.fields < b.fields
  }

  private static func quoteEvidence(_ trial: Trial) -> String {
    guard trial.quote != nil else { return "quotes stand inside fields and enclose none" }
    return trial.quoted == 0 ? "no quoted field seen" : "\(counted(trial.quoted, "quoted field")) seen"
  }

  /// A file of one column; the delimiter must be a byte that its values do not hold.
  private static func single(_ part: [UInt8]) -> DialectGuess {
    let delimiter = usual.first { !part.contains($0) } ?? unusual.first { !part.contains($0) } ?? usual[0]
    let trial = bestQuote(delimiter, part)
    return DialectGuess(
      delimiter: delimiter, quote: trial.quote, delimiterEvidence: "no delimiter seen: a single column",
      quoteEvidence: quoteEvidence(trial))
  }

  private static func bestQuote(_ delimiter: UInt8, _ part: [UInt8]) -> Trial {
    let double = trial(delimiter, 0x22, part)
    var best = double
    if double.share < 1, part.contains(0x22) {
      let none = trial(delimiter, nil, part)
      // Without quotes broken records look whole; they must also agree better.
      if none.fields >= double.fields, none.share > double.share + 0.05 { best = none }
    }
    if double.quoted == 0, part.contains(0x27) {
      let apostrophe = trial(delimiter, 0x27, part)
      let isEnclosing = apostrophe.headerIsQuoted || apostrophe.quoted * 2 >= apostrophe.records
      if isEnclosing, apostrophe.quoted > 0, apostrophe.share >= best.share { best = apostrophe }
    }
    return best
  }

  private static func trial(_ delimiter: UInt8, _ quote: UInt8?, _ part: [UInt8]) -> Trial {
    var trial = Trial(delimiter: delimiter, quote: quote)
    guard let dialect = try? CSVDialect(delimiter: delimiter, quote: quote) else { return trial }
    SampleRecords.forEach(in: part, dialect: dialect, isWhole: true) { record in
      guard trial.records < trialRecords else { return }
      trial.records += 1
      if record.defect != nil { return }
      if trial.records == 1 { trial.fields = record.fieldCount }
      if record.fieldCount == trial.fields { trial.good += 1 }
      for index in 0..<record.fieldCount where record[index].isQuoted {
        trial.quoted += 1
        if trial.records == 1 { trial.headerIsQuoted = true }
      }
    }
    return trial
  }

  /// Whole lines from the beginning.
  private static func trialPart(_ text: [UInt8], isWhole: Bool) -> [UInt8] {
    if isWhole, text.count <= trialBytes { return text }
    let part = text.prefix(trialBytes)
    let end = part.lastIndex { $0 == 0x0A || $0 == 0x0D }
    return Array(end.map { part[...$0] } ?? text[...])
  }
}

/// Records of bytes in memory, through the reader and the parser that the ingest uses.
enum SampleRecords {
  /// Calls `body` for every record; the last one is left out of a sample that is cut behind it.
  static func forEach(
    in text: [UInt8], dialect: CSVDialect, isWhole: Bool, _ body: (borrowing ParsedRecord) -> Void
  ) {
    var bytes = text
    if !isWhole {
      guard let end = bytes.lastIndex(where: { $0 == 0x0A || $0 == 0x0D }) else { return }
      bytes.removeLast(bytes.count - end - 1)
    }
    guard let source = try? FileByteSource(contents: bytes) else { return }
    var reader = ChunkReader(source: source, dialect: dialect)
    var parser = RecordParser(dialect: dialect)
    while let chunk = try? reader.next() { parser.parse(chunk, body) }
  }
}
