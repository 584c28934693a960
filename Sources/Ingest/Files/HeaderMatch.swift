// A file's header against the feed's columns.
// Invariant: matched by name only, so columns may come in any order; a name that comes twice, or a required column
// that is not there, makes the whole file unusable, because its values cannot be told apart.

internal import Definitions
internal import Finding

/// What a header says.
struct HeaderMatch: Sendable {
  /// For each column of the feed, its field; nil where it has none.
  var fields: [Int?]
  var fieldCount: Int
  /// The names as they stand; none in an empty file.
  var names: [String]
  /// Columns the file fills or a constant does.
  var columns: [ColumnDefinition]
  /// Whether there is a header at all; an empty file has none, and no rows.
  var hasHeader: Bool
  var findings: [Diagnostic]

  /// Names that come twice that are told one by one: a header may have a million of them.
  static let maximumErrors = 20

  /// Matches the names of the first record; nil stands for an empty file.
  init(_ names: [String]?, feed: FeedDefinition, file: String) throws(DiagnosticsError) {
    findings = []
    hasHeader = names != nil
    self.names = names ?? []
    let at = SourcePosition(file: file, line: 1)
    guard let names else {
      fields = feed.columns.map { _ in nil }
      fieldCount = 0
      columns = feed.columns
      findings.append(
        Diagnostic(
          .warning, code: "empty_file", at: at, "the file is empty, without even a header; it counts as 0 rows"))
      return
    }
    var errors: [Diagnostic] = []
    var places: [String: Int] = [:]
    for (index, name) in names.enumerated() {
      if let first = places[name], errors.count == Self.maximumErrors {
        errors.append(
          Diagnostic(
            .error, code: "duplicate_header", at: at,
            "and more names that come twice: the last one seen is \"\(name)\", in fields \(first + 1) and \(index + 1)")
        )
        break
      } else if let first = places[name] {
        errors.append(
          Diagnostic(
            .error, code: "duplicate_header", at: at,
            "the header has \"\(name)\" twice, in fields \(first + 1) and \(index + 1)",
            fix: "rename one of them in the file"))
      }
      places[name] = places[name] ?? index
    }
    fields = feed.columns.map { $0.constant == nil ? places[$0.sourceName] : nil }
    fieldCount = names.count
    columns = []
    for (column, field) in zip(feed.columns, fields) {
      if column.constant != nil || field != nil {
        columns.append(column)
      } else if column.isOptional {
        findings.append(
          Diagnostic(
            .warning, code: "column_absent", at: at,
            "the file has no column \"\(column.sourceName)\"; it is optional and stays as it is in the table"))
      } else {
        let near = nearestWord(to: column.sourceName, in: names)
        errors.append(
          Diagnostic(
            .error, code: "column_missing", at: at, "the file has no column \"\(column.sourceName)\"",
            notes: ["declared in \(column.position)", "the header is: \(names.prefix(40).joined(separator: ", "))"],
            fix: near.map { "if \"\($0)\" is meant, set from: \"\($0)\"; else correct the file" }
              ?? "correct the file, set from: to the name in the header, or make the column optional: true"))
      }
    }
    let used = Set(feed.columns.filter { $0.constant == nil }.map(\.sourceName))
    let extra = names.filter { !used.contains($0) }
    if !extra.isEmpty {
      findings.append(
        Diagnostic(
          .warning, code: "column_extra", at: at,
          "the file has columns that the definition does not know: \(extra.prefix(20).joined(separator: ", ")); "
            + "they are not loaded"))
    }
    if !errors.isEmpty { throw DiagnosticsError(errors) }
  }
}
