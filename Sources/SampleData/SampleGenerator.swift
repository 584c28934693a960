// Makes the feeds of an imagined shop, and beside them what loading them must result in.
// Invariant: the same settings give the same bytes; nothing is read but the settings.
// Whether the feeds load as expected is found out elsewhere: no ingest code is used here.

internal import Glibc
internal import Money

/// Writes sample feeds for one set of settings.
public struct SampleGenerator: Sendable {
  /// What is generated.
  public let settings: SampleSettings

  /// Creates a generator.
  public init(_ settings: SampleSettings) {
    self.settings = settings
  }

  /// The names of files to be written that are in `inbox` already; writing replaces them.
  public func existingFiles(in inbox: String) -> [String] {
    let feeds: [any SampleRow.Type] = [CustomerRow.self, ProductRow.self, OrderRow.self, TransactionRow.self]
    return feeds.flatMap { feed in
      (0...settings.nights).map { "\(feed.feed)_\(settings.end.adding(days: $0 - settings.nights)).csv" }
    }.filter { access("\(inbox.isEmpty ? "." : inbox)/\($0)", F_OK) == 0 }
  }

  /// Writes all feed files and `expected.json` into `inbox`, which is made when absent.
  ///
  /// Each file appears under its name only when complete; `expected.json` is the last.
  /// - Parameter onProgress: called about every hundred thousand records.
  /// - Throws: `SampleError` when a file cannot be written.
  public func write(
    to inbox: String, onProgress: (SampleProgress) -> Void = { _ in }
  ) throws(SampleError) -> SampleSummary {
    let directory = inbox.isEmpty ? "." : inbox
    try PartialFile.makeDirectory(directory)
    var simulation = Simulation(settings, directory: directory)
    try simulation.run(onProgress: onProgress)
    var expected = try PartialFile(name: "expected.json", in: directory)
    let text = Array(simulation.expectation.text.utf8)
    try text.span.withUnsafeBytes { bytes throws(SampleError) in try expected.write(bytes) }
    let expectationPath = expected.path
    try expected.publish()
    return SampleSummary(files: simulation.files, expectationPath: expectationPath)
  }
}
