// One file into its staging table: header, plan, and then parse, check, encode and COPY at the same time.
// Invariant: what COPY says it took is what the encoder accepted, and the file is the same at the end as at the
// start; otherwise nothing of it is used.

internal import CSV
internal import Definitions
internal import Finding
internal import Ledger
internal import Money
internal import Postgres

/// Fills staging tables.
struct StagingLoader: Sendable {
  let feed: FeedDefinition
  let dialect: FileDialect
  let zone: TimeZoneRules
  let meter: ProgressMeter

  /// Loads one file into a new table.
  ///
  /// - Throws: `FeedRefusal` for a file that cannot be used as a whole, `PostgresError`, `CancellationError`.
  nonisolated(nonsending) func stage(
    _ discovered: DiscoveredFile, into table: QualifiedName, on connection: PostgresConnection
  ) async throws -> (StagedFile, [Diagnostic]) {
    let file = discovered.file
    do {
      let header = try HeaderMatch(
        try file.header(dialect: dialect), feed: feed, file: discovered.displayPath)
      let dialect = dialect.expecting(fieldCount: header.fieldCount)
      let plan = FilePlan(feed: feed, fields: header.fields, fieldCount: header.fieldCount, zone: zone)
      try await connection.execute(MergeStatements.createStaging(table, columns: header.columns, timeZone: zone.name))
      let summary = try await copy(file, plan, dialect, into: table, on: connection)
      if file.hasChanged { throw FileChanged() }
      var places: [String: Int] = [:]
      for (column, field) in zip(feed.columns, header.fields) { places[column.name] = field }
      return (
        StagedFile(
          name: discovered.name, displayPath: discovered.displayPath, file: file, sha256: discovered.sha256,
          isReload: discovered.isReload, staging: table, columns: header.columns, places: places,
          fieldCount: header.fieldCount, summary: summary),
        header.findings
      )
    } catch let error as DiagnosticsError {
      throw refusal(discovered, error.diagnostics)
    } catch let error as CSVError {
      throw refusal(
        discovered,
        [
          Diagnostic(
            .error, code: "unreadable_file", at: SourcePosition(file: discovered.displayPath), error.message,
            fix: error.fix ?? "have the file delivered again")
        ])
    } catch let error as HeaderDefect {
      throw refusal(
        discovered,
        [
          Diagnostic(
            .error, code: "header", at: SourcePosition(file: discovered.displayPath, line: 1),
            "the header is not a record: \(error.defect)", fix: "correct the first line of the file")
        ])
    } catch let error as FileChanged {
      throw refusal(
        discovered,
        [
          Diagnostic(
            .error, code: "file_changed", at: SourcePosition(file: discovered.displayPath, line: error.line),
            "the file changed while it was read", fix: "wait until it is complete, then run again")
        ])
    }
  }

  private nonisolated(nonsending) func copy(
    _ file: OpenFile, _ plan: FilePlan, _ dialect: FileDialect, into table: QualifiedName,
    on connection: PostgresConnection
  ) async throws -> EncodedSummary {
    let names = plan.definitions.map(\.name) + RecordEncoder.placeColumns
    let statement = "copy \(table.quoted) (\(list(names))) from stdin (format binary)"
    var summary: EncodedSummary?
    let taken = try await connection.copyIn(statement) { writer in
      let exchange = BlockExchange()
      async let encoding = exchange.encode(file, plan: plan, dialect: dialect)
      try await exchange.write(to: writer) { block in
        meter.report(done: block.fileBytes, total: file.identity.bytes, unit: "bytes")
      }
      summary = try await encoding
      try await writer.write(EncodedBlock.copyTrailer)
    }
    guard let summary, summary.accepted == taken else {
      throw IngestError(
        .reconciliation,
        Diagnostic(
          .error, code: "reconciliation", at: feed.position,
          "feed \(feed.name): the server took \(taken) of \(summary?.accepted ?? 0) rows into staging",
          notes: ["state: nothing of this feed is committed"]))
    }
    return summary
  }

  private func refusal(_ file: DiscoveredFile, _ diagnostics: [Diagnostic]) -> FeedRefusal {
    var diagnostics = diagnostics
    for index in diagnostics.indices where diagnostics[index].severity == .error {
      diagnostics[index].notes.append("state: nothing of feed \(feed.name) is committed")
    }
    return FeedRefusal(
      findings: diagnostics,
      files: [
        RefusedFile(
          name: file.name, sha256: file.sha256, bytes: file.file.identity.bytes, rowsRead: 0, rejects: RejectLog(),
          controls: ControlTotals())
      ])
  }
}
