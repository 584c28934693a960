// Turns the records of a chunk into fields, with libcsv.

/// Parses chunks into records; one parser per worker.
public struct RecordParser: ~Copyable {
  /// Creates a parser.
  /// - Parameter dialect: the one the chunks were read with.
  public init(dialect: CSVDialect) {}

  /// Calls `body` for every record of `chunk`, defective ones included, in file order.
  ///
  /// - Throws: what `body` throws; the rest of the chunk is then not parsed.
  public mutating func parse<Failure: Error>(
    _ chunk: RecordChunk, _ body: (borrowing ParsedRecord) throws(Failure) -> Void
  ) throws(Failure) {}
}
