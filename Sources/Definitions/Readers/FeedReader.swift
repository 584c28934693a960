// `Jobs/feeds/*.yaml` → a feed, as far as one file can tell.
// Invariant: whatever is wrong is reported here once and replaced by something harmless; columns whose declaration
// is wrong are remembered as doubtful, so that nothing is concluded from them later.
// Single columns are read by ColumnReader; references to other feeds are resolved by FeedResolver.

internal import Finding
internal import Money

/// A feed and what is not certain about it.
struct FeedDraft {
  var feed: FeedDefinition
  /// Where the name stands.
  let namePosition: SourcePosition
  /// Columns whose declaration has errors.
  let doubtfulColumns: Set<String>
  /// Where each reference stands, by column.
  let referencePositions: [String: SourcePosition]
}

/// Reads one feed.
struct FeedReader {
  let file: String
  let findings: Findings

  private static let keys = [
    "feed", "files", "format", "mode", "max_deletes", "load", "key", "on_conflict", "columns", "rejects", "required",
    "provenance", "watch", "control_file", "trailer", "drift", "period",
  ]

  func read(_ node: DefinitionNode) -> FeedDraft? {
    guard
      let reader = MappingReader(
        node, subject: "the feed", keys: Self.keys, required: ["feed", "files", "columns"], findings: findings),
      let name = reader.identifier("feed", .relation) ?? fallbackName
    else { return nil }
    let format = reader.node("format").map { self.format($0, at: reader.keyPosition(of: "format")) } ?? FeedFormat()
    let columns = reader.entries("columns", of: "columns").map { entry in
      ColumnReader(findings: findings).read(entry)
    }
    var feed = FeedDefinition(
      name: name, filePattern: filePattern(reader) ?? "\(name)_*.csv", format: format,
      load: reader.word("load") ?? .auto, onConflict: reader.word("on_conflict") ?? .update,
      columns: columns.map(\.column), isRequired: reader.boolean("required") ?? true,
      position: SourcePosition(file: file, line: node.position.line, column: node.position.column),
      definitionHash: "")
    let doubtful = Set(columns.filter(\.isDoubtful).map(\.column.name))
    if let rejects = reader.node("rejects"),
      let rejectReader = MappingReader(
        rejects, subject: "\"rejects\"", keys: ["limit"], required: ["limit"], at: reader.keyPosition(of: "rejects"),
        findings: findings),
      let limit = rejectReader.limit("limit")
    {
      feed.rejectLimit = limit
    }
    readKey(reader, into: &feed)
    readPeriod(reader, into: &feed, doubtful: doubtful)
    feed.mode = mode(reader, hasKey: !feed.key.isEmpty || reader.has("key"))
    if feed.load == .insert, case .snapshot = feed.mode {
      findings.error(
        "unfit_load", at: reader.position(of: "load"),
        "snapshot needs load: copy: what a file leaves out is known only when all of it is there",
        fix: "write load: copy or load: auto")
    }
    readDelivery(reader, into: &feed, doubtful: doubtful)
    if feed.key.isEmpty, !reader.has("key"), reader.has("on_conflict") {
      findings.error(
        "missing_key", at: reader.position(of: "on_conflict"), "\"on_conflict\" has no meaning without a key",
        fix: "add key: [column], or remove on_conflict")
    }
    checkControls(of: feed, doubtful: doubtful, columns)
    checkSources(of: feed)
    feed.definitionHash = feed.computedHash
    return FeedDraft(
      feed: feed, namePosition: reader.position(of: "feed"), doubtfulColumns: doubtful,
      referencePositions: Dictionary(
        columns.compactMap { draft in draft.referencePosition.map { (draft.column.name, $0) } },
        uniquingKeysWith: { first, _ in first }))
  }

  /// The file's own name, so that a feed without one is still known to the files that mention it.
  private var fallbackName: String? {
    let name = file.split(separator: "/").last?.split(separator: ".").first.map(String.init)
    return name.flatMap { NameKind.relation.problem(with: $0) == nil ? $0 : nil }
  }

  private func filePattern(_ reader: MappingReader) -> String? {
    guard let pattern = reader.text("files") else { return nil }
    let shown = reader.scalar("files")?.shown ?? "files"
    if pattern.contains("/") || pattern.contains("..") {
      findings.error(
        "bad_path", at: reader.position(of: "files"),
        "\"files\" is a pattern for names inside the inbox and may not contain \"/\" or \"..\": \"\(shown)\"",
        fix: "write the file's name only, such as transactions_*.csv*")
      return nil
    }
    return pattern
  }

  private func mode(_ reader: MappingReader, hasKey: Bool) -> FeedMode {
    enum Word: String, CaseIterable { case delta, snapshot }
    let word: Word? = reader.word("mode")
    let limit = reader.limit("max_deletes")
    guard word == .snapshot else {
      if reader.has("max_deletes"), word != nil || !reader.has("mode") {
        findings.error(
          "unused_key", at: reader.keyPosition(of: "max_deletes"), "\"max_deletes\" belongs to mode: snapshot",
          fix: "remove it, or write mode: snapshot")
      }
      return .delta
    }
    if !hasKey {
      findings.error(
        "missing_key", at: reader.position(of: "mode"), "mode: snapshot needs a key to tell which rows are absent",
        fix: "add key: [column]")
    }
    if !reader.mentions("max_deletes") {
      findings.error(
        "missing_key", at: reader.position(of: "mode"), "mode: snapshot has no \"max_deletes\"",
        fix: "add max_deletes: 5%, the most rows that one file may delete")
    }
    return .snapshot(maxDeletes: limit ?? .count(0))
  }

  private func readKey(_ reader: MappingReader, into feed: inout FeedDefinition) {
    for (name, place) in reader.identifiers("key", .column) {
      guard let column = feed.column(named: name) else {
        if !feed.columns.isEmpty {
          findings.error(
            "unknown_column", at: place, "the key column \"\(name)\" is not among the columns",
            fix: suggestion(for: name, among: feed.columns.map(\.name)))
        }
        continue
      }
      if column.isOptional {
        findings.error(
          "optional_key", at: place, "the key column \"\(name)\" is optional",
          notes: ["declared at \(column.position)"], fix: "remove optional from the column, or the column from the key")
      }
      feed.key.append(name)
    }
  }

  private func checkControls(of feed: FeedDefinition, doubtful: Set<String>, _ drafts: [ColumnDraft]) {
    for draft in drafts {
      guard let control = draft.column.control, let place = draft.controlPosition else { continue }
      if case .decimal = draft.column.type {
      } else if !doubtful.contains(draft.column.name) {
        findings.error(
          "bad_control", at: place,
          "a control sum needs a decimal column, and \"\(draft.column.name)\" is \(draft.column.type)",
          fix: "declare type: \"decimal(14,2)\"")
      }
      guard let group = feed.column(named: control.groupedBy) else {
        findings.error(
          "unknown_column", at: place, "the control sum's column \"\(control.groupedBy)\" is not among the columns",
          fix: suggestion(for: control.groupedBy, among: feed.columns.map(\.name)))
        continue
      }
      if group.isOptional || group.type != .text, !doubtful.contains(group.name) {
        findings.error(
          "bad_control", at: place,
          "a control sum is kept per value of a text column that is never missing; \"\(group.name)\" is "
            + (group.isOptional ? "optional" : "\(group.type)"),
          notes: ["declared at \(group.position)"])
      }
    }
  }

  private func checkSources(of feed: FeedDefinition) {
    var readers: [String: ColumnDefinition] = [:]
    for column in feed.columns where column.constant == nil {
      if let other = readers[column.sourceName] {
        findings.error(
          "duplicate_name", at: column.position,
          "the columns \"\(other.name)\" and \"\(column.name)\" both read the field \"\(column.sourceName)\"",
          notes: ["declared at \(other.position)"])
      } else {
        readers[column.sourceName] = column
      }
    }
    if !feed.columns.isEmpty, readers.isEmpty {
      findings.error("bad_columns", at: feed.position, "every column is a constant: nothing is read from the files")
    }
  }
}
