// A file's header against the feed's columns.
// Invariant: matched by name only and byte for byte, so columns may come in any order; a name that comes twice, or a
// required column that is not there, makes the whole file unusable, because its values cannot be told apart. What else
// differs is borne, told or refused as the feed's `drift:` says.

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
    if errors.isEmpty, fields.allSatisfy({ $0 == nil }), feed.columns.contains(where: { $0.constant == nil }) {
      throw DiagnosticsError([Self.foreign(names, feed: feed, at: at)])
    }
    columns = []
    let known = Set(feed.columns.filter { $0.constant == nil }.map(\.sourceName))
    for (column, field) in zip(feed.columns, fields) {
      if column.constant != nil || field != nil {
        columns.append(column)
      } else if column.isOptional {
        report(
          feed.drift.missing, &errors,
          Diagnostic(
            .warning, code: "column_absent", at: at,
            "the file has no column \"\(column.sourceName)\"; it is optional and stays as it is in the table",
            fix: nearestWord(to: column.sourceName, in: names.filter { !known.contains($0) }).map {
              "if \"\(visible($0))\" is meant, set from: \"\(visible($0))\""
            }),
          refused: Diagnostic(
            .error, code: "column_absent", at: at,
            "the file has no column \"\(column.sourceName)\", and drift.missing is refuse",
            notes: ["declared in \(column.position)", Self.shown(names)],
            fix: "correct the file, or set drift.missing to warn or ignore"))
      } else {
        let near = nearestWord(to: column.sourceName, in: names)
        errors.append(
          Diagnostic(
            .error, code: "column_missing", at: at, "the file has no column \"\(column.sourceName)\"",
            notes: ["declared in \(column.position)", Self.shown(names)],
            fix: near.map { "if \"\($0)\" is meant, set from: \"\($0)\"; else correct the file" }
              ?? "correct the file, set from: to the name in the header, or make the column optional: true"))
      }
    }
    let extra = names.filter { !known.contains($0) }
    if let first = extra.first {
      let list = extra.prefix(20).map(Self.shown).joined(separator: ", ") + (extra.count > 20 ? ", …" : "")
      let near = nearestWord(to: first, in: feed.columns.filter { $0.constant == nil }.map(\.sourceName))
      report(
        feed.drift.extra, &errors,
        Diagnostic(
          .warning, code: "column_extra", at: at,
          "the file has columns that the definition does not know: \(list); they are not loaded"),
        refused: Diagnostic(
          .error, code: "column_extra", at: at,
          "the file has columns that the definition does not know, and drift.extra is refuse: \(list)",
          notes: ["declared in \(feed.position)", Self.shown(names)],
          fix: near.map { "\"\(visible(first))\" may stand for \"\($0)\"; correct the file, or the definition's from:" }
            ?? "add them to the columns, or set drift.extra to warn or ignore"))
    }
    if !errors.isEmpty { throw DiagnosticsError(errors) }
  }

  /// The refusal of a header in which not one column is found: more is wrong than a name.
  private static func foreign(_ names: [String], feed: FeedDefinition, at: SourcePosition) -> Diagnostic {
    let expected = feed.columns.filter { $0.constant == nil }.map(\.sourceName)
    let pairs = expected.compactMap { name in nearestWord(to: name, in: names).map { (name, $0) } }
    let rename = pairs.first.map { "if \"\($0.1)\" is meant by \"\($0.0)\", set from: \"\($0.1)\"; else " } ?? ""
    return Diagnostic(
      .error, code: "column_missing", at: at, "the header has none of the feed's columns",
      notes: [
        "declared in \(feed.position): \(expected.prefix(8).joined(separator: ", "))"
          + (expected.count > 8 ? ", …" : ""), shown(names),
      ],
      fix: rename + "see how the file is written: daybook feed infer \(at.file); then set format: or correct the file")
  }

  /// Says of a difference what its rule asks for.
  private mutating func report(
    _ rule: DriftRules.Rule, _ errors: inout [Diagnostic], _ warning: Diagnostic, refused: Diagnostic
  ) {
    switch rule {
    case .ignore: break
    case .warn: findings.append(warning)
    case .refuse: if errors.count < Self.maximumErrors { errors.append(refused) }
    }
  }

  private static func shown(_ names: [String]) -> String {
    "the header is: " + names.prefix(40).map(shown).joined(separator: ", ") + (names.count > 40 ? ", …" : "")
  }

  /// A name, in quotes where its ends would not be seen.
  private static func shown(_ name: String) -> String {
    let text = visible(name)
    return text.isEmpty || text.first == " " || text.last == " " ? "\"\(text)\"" : text
  }
}
