// What a feed expects around its rows: provenance, other writers, a control file, a trailer record, how far a header may
// differ, and the column that says in which month a row falls.
// Invariant: a trailer's sums are control sums of the feed, each stated once, and no field of it means two things.
// Comparing them with a file is elsewhere: the room Ingest.

internal import Finding

extension FeedReader {
  /// The places a field of a trailer can have; the first is the marker.
  private static let trailerFields = 2...10_000

  func readDelivery(_ reader: MappingReader, into feed: inout FeedDefinition, doubtful: Set<String>) {
    feed.keepsProvenance = reader.boolean("provenance") ?? true
    feed.isWatched = reader.boolean("watch") ?? false
    feed.controlFile = reader.word("control_file") ?? .optional
    if let node = reader.node("drift"),
      let drift = MappingReader(
        node, subject: "\"drift\"", keys: ["extra", "missing"], at: reader.keyPosition(of: "drift"), findings: findings)
    {
      feed.drift = DriftRules(extra: drift.word("extra") ?? .warn, missing: drift.word("missing") ?? .warn)
    }
    if let node = reader.node("trailer"),
      let trailer = MappingReader(
        node, subject: "\"trailer\"", keys: ["marker", "rows", "sums"], required: ["marker"],
        at: reader.keyPosition(of: "trailer"), findings: findings)
    {
      feed.trailer = self.trailer(trailer, of: feed, doubtful: doubtful)
    }
  }

  /// `period:`, a date or a time that every row has: a row without one would fall into no month, and slip past a close.
  func readPeriod(_ reader: MappingReader, into feed: inout FeedDefinition, doubtful: Set<String>) {
    guard let name = reader.identifier("period", .column) else { return }
    let place = reader.position(of: "period")
    guard let column = feed.column(named: name) else {
      if !feed.columns.isEmpty {
        let fitting = feed.columns.filter { $0.type.isTemporal && !$0.isOptional }.map(\.name)
        findings.error(
          "unknown_column", at: place, "the period column \"\(name)\" is not among the columns",
          fix: suggestion(for: name, among: fitting.isEmpty ? feed.columns.map(\.name) : fitting))
      }
      return
    }
    guard !doubtful.contains(name) else { return }
    if !column.type.isTemporal {
      findings.error(
        "unfit_column", at: place, "\"period\" needs a date or a time, and \"\(name)\" is \(column.type)",
        notes: ["declared at \(column.position)"])
    } else if column.isOptional {
      findings.error(
        "optional_period", at: place,
        "the period column \"\(name)\" is optional, and a row without it falls into no month that could be closed",
        notes: ["declared at \(column.position)"], fix: "remove optional from the column, or name another one")
    } else {
      feed.periodColumn = name
    }
  }

  private func trailer(_ reader: MappingReader, of feed: FeedDefinition, doubtful: Set<String>) -> TrailerRule? {
    guard let marker = reader.text("marker") else { return nil }
    var rule = TrailerRule(marker: marker, rowsField: reader.integer("rows", in: Self.trailerFields))
    var meanings: [Int: String] = [:]
    if let field = rule.rowsField { meanings[field] = "the number of rows" }
    for node in reader.elements("sums") {
      guard
        let sum = MappingReader(
          node, subject: "a sum of the trailer", keys: ["column", "group", "field"], required: ["column", "field"],
          findings: findings),
        let read = self.sum(sum, of: feed, doubtful: doubtful)
      else { continue }
      let meaning = "the sum of \"\(read.column)\"" + (read.group.map { " of \($0)" } ?? "")
      if let other = meanings[read.field] {
        findings.error(
          "duplicate_name", at: sum.position(of: "field"),
          "field \(read.field) of the trailer would be both \(other) and \(meaning)")
      } else if rule.sums.contains(where: { $0.column == read.column && $0.group == read.group }) {
        findings.error("duplicate_name", at: sum.position(of: "column"), "\(meaning) is in \"sums\" twice")
      }
      meanings[read.field] = meaning
      rule.sums.append(read)
    }
    return rule
  }

  private func sum(_ reader: MappingReader, of feed: FeedDefinition, doubtful: Set<String>) -> TrailerRule.Sum? {
    let name = reader.identifier("column", .column)
    let field = reader.integer("field", in: Self.trailerFields)
    let group = reader.text("group")
    guard let name, let field else { return nil }
    guard let column = feed.column(named: name) else {
      if !feed.columns.isEmpty {
        findings.error(
          "unknown_column", at: reader.position(of: "column"),
          "the trailer's column \"\(name)\" is not among the columns",
          fix: suggestion(for: name, among: feed.columns.compactMap { $0.control == nil ? nil : $0.name }))
      }
      return nil
    }
    guard let control = column.control else {
      if !doubtful.contains(name) {
        findings.error(
          "bad_control", at: reader.position(of: "column"), "no control sum is kept over \"\(name)\"",
          notes: ["declared at \(column.position)"], fix: "add control: sum_by(currency) to the column")
      }
      return nil
    }
    if let group, let by = feed.column(named: control.groupedBy), !doubtful.contains(by.name) {
      let words = by.constant.map { [$0] } ?? by.oneOf
      if !words.isEmpty, !words.contains(group) {
        findings.error(
          "unknown_word", at: reader.position(of: "group"), "\"\(group)\" is not a value of the column \"\(by.name)\"",
          notes: ["declared at \(by.position)"], fix: suggestion(for: group, among: words))
      }
    }
    return TrailerRule.Sum(column: name, group: group, field: field)
  }
}
