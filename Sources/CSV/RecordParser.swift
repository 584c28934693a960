// Turns the records of a chunk into fields, with libcsv.
// Invariant: libcsv sees one whole, clean record at a time, so it never has to find its way back after an error and
// never decides where a record ends. It may trim spaces: fields are taken from the record's own bytes all the same.
// Source: libcsv 3.0.3, csv.3: strict mode, CSV_STRICT_FINI, CSV_EMPTY_IS_NULL, csv_set_space_func.

internal import CLibCSV

/// Parses chunks into records; one parser per worker.
public struct RecordParser: ~Copyable {
  private let parser: UnsafeMutablePointer<csv_parser>
  private let collector: UnsafeMutablePointer<FieldCollector>

  /// Creates a parser.
  ///
  /// - Parameter dialect: the one the chunks were read with.
  public init(dialect: CSVDialect) {
    // Without a quote in the dialect libcsv gets one that cannot occur inside such a record: the line feed.
    let quote = dialect.quote ?? 0x0A
    parser = .allocate(capacity: 1)
    parser.initialize(to: csv_parser())
    // Fails for a null pointer only.
    _ = csv_init(parser, UInt8(CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL))
    csv_set_delim(parser, dialect.delimiter)
    csv_set_quote(parser, quote)
    // libcsv calls a space function for every byte, which costs a quarter of the time; its own notion of space is
    // free, and `FieldCollector` undoes the trimming. It must not swallow the delimiter, though.
    if dialect.delimiter == UInt8(CSV_SPACE) || dialect.delimiter == UInt8(CSV_TAB) {
      csv_set_space_func(parser) { _ in 0 }
    }
    csv_set_blk_size(parser, 16 << 10)
    collector = .allocate(capacity: 1)
    collector.initialize(to: FieldCollector(delimiter: dialect.delimiter, quote: quote))
  }

  deinit {
    csv_free(parser)
    parser.deallocate()
    collector.pointee.deallocate()
    collector.deallocate()
  }

  /// Calls `body` for every record of `chunk`, defective ones included, in file order.
  ///
  /// - Throws: what `body` throws; the rest of the chunk is then not parsed.
  /// - Complexity: O(bytes); no allocation per record or field once buffers have grown to the longest record.
  public mutating func parse<Failure: Error>(
    _ chunk: RecordChunk, _ body: (borrowing ParsedRecord) throws(Failure) -> Void
  ) throws(Failure) {
    try chunk.bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
      guard let base = bytes.baseAddress else { return }
      var record = chunk.firstRecord
      let encoding = chunk.encoding
      // For files not in UTF-8: the place in the file of the transcoded byte `counted`.
      var counted = 0
      var original = chunk.byteOffset
      for span in chunk.spans {
        let start = base + Int(span.start)
        var byteOffset = chunk.byteOffset + Int(span.start)
        if encoding != .utf8 {
          original += encoding.originalCount(
            of: UnsafeRawBufferPointer(start: base + counted, count: Int(span.start) - counted))
          counted = Int(span.start)
          byteOffset = original
        }
        var defect = span.defect
        collector.pointee.begin(start, byteCount: Int(span.count))
        if defect == nil { defect = readFields(start, byteCount: Int(span.count)) }
        try body(
          ParsedRecord(
            line: chunk.firstLine + Int(span.lineDelta), record: record,
            byteOffset: byteOffset,
            rawBytes: UnsafeRawBufferPointer(start: start, count: Int(span.count)), encoding: encoding,
            defect: defect, fieldCount: collector.pointee.count, fields: UnsafePointer(collector.pointee.fields)))
        record += 1
      }
    }
  }

  /// Fills the collector from one clean record.
  ///
  /// - Returns: nil. The splitter has left libcsv nothing to refuse; should it refuse all the same, the record is
  ///   handed on as defective instead of with some of its fields.
  private func readFields(_ start: UnsafePointer<UInt8>, byteCount: Int) -> RecordDefect? {
    let consumed = csv_parse(parser, start, byteCount, appendField, nil, collector)
    let status = consumed == byteCount ? csv_fini(parser, appendField, nil, collector) : -1
    if status == 0 {
      // To libcsv a record of nothing but spaces is a blank line.
      if collector.pointee.count == 0 { collector.pointee.append(nil, byteCount: 0) }
      return nil
    }
    let defect: RecordDefect = csv_error(parser) == CSV_EPARSE ? .strayQuote : .tooLong
    // Brings libcsv back to the start of a record; the field in its hands goes nowhere.
    csv_set_opts(parser, UInt8(CSV_EMPTY_IS_NULL))
    csv_fini(parser, nil, nil, nil)
    csv_set_opts(parser, UInt8(CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL))
    collector.pointee.count = 0
    return defect
  }
}

/// libcsv's callback at the end of a field.
private func appendField(_ text: UnsafeMutableRawPointer?, _ byteCount: Int, _ context: UnsafeMutableRawPointer?) {
  context.unsafelyUnwrapped.assumingMemoryBound(to: FieldCollector.self).pointee
    .append(text.map { UnsafeRawPointer($0) }, byteCount: byteCount)
}
