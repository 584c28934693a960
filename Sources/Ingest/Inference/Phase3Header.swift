// Phase 3: the sample as a table, and whether its first record is a header.
// Daybook matches columns by name, so a file without a header, or with a name that comes twice, is refused here with
// the reason; a guess would load values under the wrong names some night.

internal import CSV
internal import Definitions
internal import Finding

enum HeaderPhase {
  /// The most columns: a PostgreSQL table has at most 1,600, and provenance and staging need some of them.
  static let maximumColumns = 1_500
  private static let namesShown = 5
  private static let maximumNameBytes = 500

  /// Reads the sampled texts into a table; the first record of the first text is the header.
  static func table(
    head: [UInt8], blocks: [[UInt8]], isWhole: Bool, dialect: CSVDialect, maximumRecords: Int?
  ) -> SampledTable {
    var table = SampledTable()
    var isFirst = true
    let limit = maximumRecords ?? .max
    // Bad records at the very end of a cut stretch are the cut's fault.
    var pending: [String] = []
    func take(_ record: borrowing ParsedRecord) {
      if table.records >= limit { return }
      if isFirst {
        isFirst = false
        guard record.defect == nil else { return }
        table.header = (0..<record.fieldCount).map {
          SampledValue(bytes: Array(record[$0].bytes), isQuoted: record[$0].isQuoted)
        }
        table.columns = Array(repeating: SampledColumn(), count: min(record.fieldCount, maximumColumns + 1))
        return
      }
      if let problem = problem(with: record, fields: table.header.count) {
        pending.append(problem)
        return
      }
      for problem in pending { table.unusable[problem, default: 0] += 1 }
      pending = []
      if table.columns.count > maximumColumns { return }
      table.append((0..<record.fieldCount).map { (Array(record[$0].bytes), record[$0].isQuoted) })
    }
    SampleRecords.forEach(in: head, dialect: dialect, isWhole: isWhole, take)
    if isWhole { for problem in pending { table.unusable[problem, default: 0] += 1 } }
    for block in blocks where !table.header.isEmpty && table.records < limit {
      pending = []
      append(block, dialect, limit, to: &table)
    }
    return table
  }

  /// Adds the records of a stretch that begins somewhere; it counts only when nearly all of it reads as records,
  /// because it may have begun inside a quoted field.
  private static func append(_ block: [UInt8], _ dialect: CSVDialect, _ limit: Int, to table: inout SampledTable) {
    guard let start = block.firstIndex(of: 0x0A) ?? block.firstIndex(of: 0x0D) else { return }
    var records: [[(bytes: [UInt8], isQuoted: Bool)]] = []
    var bad = 0
    let fields = table.header.count
    SampleRecords.forEach(in: Array(block[(start + 1)...]), dialect: dialect, isWhole: false) { record in
      if problem(with: record, fields: fields) != nil {
        bad += 1
      } else {
        records.append((0..<record.fieldCount).map { (Array(record[$0].bytes), record[$0].isQuoted) })
      }
    }
    guard bad * 20 <= records.count else { return }
    for record in records.prefix(limit - table.records) { table.append(record) }
  }

  private static func problem(with record: borrowing ParsedRecord, fields: Int) -> String? {
    switch record.defect {
    case .unterminatedQuote: return "hold a quote that is never closed"
    case .strayQuote: return "hold a quote inside an unquoted field"
    case .tooLong: return "are longer than \(counted(CSVDialect.defaultMaxRecordBytes)) bytes"
    case nil: break
    }
    switch verdict(onText: record.rawBytes) {
    case .hasNUL: return "hold a NUL byte"
    case .notUTF8: return "hold bytes that are no characters"
    case .good: break
    }
    return record.fieldCount == fields ? nil : "have another number of fields than the header"
  }

  // MARK: Is it a header?

  /// Why the file cannot be used with what was found as its header; empty when it can.
  static func problems(_ table: SampledTable, file: String) -> [Diagnostic] {
    let at = SourcePosition(file: file, line: 1)
    let names = table.header.map { String(decoding: $0.bytes, as: UTF8.self) }
    if names.isEmpty {
      return [
        Diagnostic(
          .error, code: "header", at: at,
          "the first line is not a record: its quotes do not fit together, or it is longer than a record may be",
          fix: "correct the first line of the file; see that it has line ends")
      ]
    }
    if names.count > maximumColumns {
      return [
        Diagnostic(
          .error, code: "too_many_columns", at: at,
          "the file has \(counted(names.count)) columns; a PostgreSQL table has at most 1,600, and Daybook takes "
            + "\(counted(maximumColumns))",
          fix: "have it delivered in parts, or as one row per value")
      ]
    }
    if table.unusableCount > table.records {
      let worst = table.unusable.max { ($0.value, $1.key) < ($1.value, $0.key) }
      return [
        Diagnostic(
          .error, code: "records_do_not_fit", at: at,
          "the header has \(names.count) fields, but of \(counted(table.records + table.unusableCount)) sampled records "
            + "\(counted(worst?.value ?? 0)) \(worst?.key ?? "")",
          notes: ["the header is: \(shown(names))"],
          fix: "correct the file, so that every record has the header's fields")
      ]
    }
    if let evidence = evidenceAgainstHeader(table) {
      return [
        Diagnostic(
          .error, code: "no_header", at: at, "the file has no header: \(evidence)",
          fix: "put a first line with the names of the columns into the file; Daybook matches columns by name")
      ]
    }
    return nameProblems(names, at)
  }

  private static func nameProblems(_ names: [String], _ at: SourcePosition) -> [Diagnostic] {
    var first: [String: Int] = [:]
    var found: [Diagnostic] = []
    for (index, name) in names.enumerated() {
      if !name.contains(where: { !$0.isWhitespace }) {
        found.append(
          Diagnostic(
            .error, code: "empty_name", at: at, "field \(index + 1) of the header has no name",
            fix: index == names.count - 1
              ? "every line may end in a delimiter too many; else name the field in the file" : "name it in the file"))
      } else if name.utf8.count > maximumNameBytes {
        found.append(
          Diagnostic(
            .error, code: "long_name", at: at,
            "field \(index + 1) of the first line has \(counted(name.utf8.count)) bytes; that is no name",
            fix: "see that the file has a header, and line ends"))
      } else if let earlier = first[name] {
        found.append(
          Diagnostic(
            .error, code: "duplicate_header", at: at,
            "the header has \"\(shortened(name))\" twice, in fields \(earlier + 1) and \(index + 1)",
            fix: "rename one of them in the file"))
      } else {
        first[name] = index
      }
    }
    return Array(found.prefix(namesShown))
  }

  /// What shows that the first record is data; nil when it reads as names.
  private static func evidenceAgainstHeader(_ table: SampledTable) -> String? {
    let header = table.header
    let kinds = header.map { kind($0.bytes) }
    let names = header.map { String(decoding: $0.bytes, as: UTF8.self) }
    if table.records == 0 {
      let data = kinds.count { $0 != .word }
      return data > 0 && data * 2 >= kinds.count && !areYears(names)
        ? "\(data) of the \(kinds.count) fields of its only record are numbers or dates" : nil
    }
    var typed = 0
    var alike = 0
    for (column, kind) in zip(table.columns, kinds) {
      let values = column.values.filter { !$0.bytes.isEmpty }
      guard let first = values.first.map({ Self.kind($0.bytes) }), first != .word,
        values.allSatisfy({ Self.kind($0.bytes) == first })
      else { continue }
      typed += 1
      if kind == first { alike += 1 }
    }
    if alike > 0, alike * 2 >= typed, !areYears(names.enumerated().filter { kinds[$0.offset] != .word }.map(\.element))
    {
      return "\(alike) of its \(typed) columns of numbers or dates begin with a number or a date in the first record"
    }
    if typed == 0 {
      let repeated = zip(table.columns, header).count { column, name in
        column.values.contains { $0.bytes == name.bytes && $0.count * 20 >= table.records }
      }
      if repeated > 0, table.records >= 3, repeated * 2 >= header.count {
        return "values of the first record come again below it in \(repeated) of \(header.count) columns"
      }
    }
    return nil
  }

  private enum Kind { case word, number, date, uuid }

  private static func kind(_ bytes: [UInt8]) -> Kind {
    guard let first = bytes.first, bytes.count <= 64 else { return .word }
    let isDigit = first &- 0x30 <= 9
    guard isDigit || first == 0x2D || first == 0x28 || bytes.count == 36 else { return .word }
    if NumberStyle.all.contains(where: { $0.scan(bytes[...]) != nil }) { return .number }
    if !TemporalNotation.readings(of: [bytes[...]]).isEmpty { return .date }
    return UUIDText.isUUID(bytes[...]) ? .uuid : .word
  }

  /// Years as names: 2019, 2020, 2021.
  private static func areYears(_ names: [String]) -> Bool {
    let years = names.compactMap(Int.init)
    return years.count == names.count && years.count > 1
      && zip(years, years.dropFirst()).allSatisfy { $0 + 1 == $1 || $0 - 1 == $1 }
      && years.allSatisfy { (1900...2200).contains($0) }
  }

  private static func shown(_ names: [String]) -> String {
    names.prefix(8).map(shortened).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
  }

  private static func shortened(_ name: String) -> String {
    let text = visible(name)
    return text.count > 40 ? text.prefix(40) + "…" : text
  }
}

/// UUIDs as PostgreSQL reads them.
enum UUIDText {
  static func isUUID(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard bytes.count == 32 || bytes.count == 36 else { return false }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { target in
      bytes.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return false }
        return parseUUID(from, source.count, into: to)
      }
    }
  }
}
