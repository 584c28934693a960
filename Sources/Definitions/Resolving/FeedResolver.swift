// Feeds among each other: references exist, fit, and make no circle.
// Invariant: nothing is concluded from a column whose own declaration is wrong.
// The order it gives is that of loading: a row is looked up in feeds that are loaded already.

internal import Finding

/// Resolves what feeds say about other feeds.
struct FeedResolver {
  let feeds: [String: FeedDraft]
  let findings: Findings

  /// The feeds, referenced ones first.
  func resolve() -> [FeedDefinition] {
    for draft in feeds.values {
      for column in draft.feed.columns { check(column, of: draft) }
    }
    warnAboutSharedPatterns()
    let order = DependencyOrder(feeds.mapValues { Set($0.feed.columns.compactMap { $0.reference?.feed }) })
    for cycle in order.cycles {
      findings.error(
        "reference_cycle", at: position(from: cycle[0], to: cycle[1]),
        "the feeds reference each other in a circle: \(cycle.joined(separator: " → "))",
        fix: "remove one of these references; no order of loading satisfies all of them")
    }
    return order.names.compactMap { feeds[$0]?.feed }
  }

  private func warnAboutSharedPatterns() {
    var first: [String: FeedDraft] = [:]
    for (name, draft) in feeds.sorted(by: { $0.key < $1.key }) {
      if let other = first[draft.feed.filePattern] {
        findings.warning(
          "shared_files", at: draft.feed.position,
          "the feeds \"\(other.feed.name)\" and \"\(name)\" take the same files: \(draft.feed.filePattern)",
          fix: "each file is meant for one feed; tell them apart by name")
      } else {
        first[draft.feed.filePattern] = draft
      }
    }
  }

  private func check(_ column: ColumnDefinition, of draft: FeedDraft) {
    guard let reference = column.reference, let place = draft.referencePositions[column.name] else { return }
    guard let target = feeds[reference.feed] else {
      if findings.lostNames.contains(reference.feed) { return }
      findings.error(
        "unknown_feed", at: place, "there is no feed \"\(reference.feed)\"",
        fix: suggestion(for: reference.feed, among: feeds.keys.sorted()))
      return
    }
    guard let other = target.feed.column(named: reference.column) else {
      findings.error(
        "unknown_column", at: place, "the feed \"\(reference.feed)\" has no column \"\(reference.column)\"",
        notes: ["declared at \(target.namePosition)"],
        fix: suggestion(for: reference.column, among: target.feed.columns.map(\.name)))
      return
    }
    guard !target.doubtfulColumns.contains(other.name), !draft.doubtfulColumns.contains(column.name) else { return }
    if target.feed.key != [other.name] {
      findings.error(
        "bad_reference", at: place, "\"\(reference)\" is not the key of its feed, so a row could not be found by it",
        notes: ["declared at \(other.position)"],
        fix: target.feed.key.count == 1 ? "reference \(reference.feed).\(target.feed.key[0])" : nil)
    } else if other.type != column.type {
      findings.error(
        "bad_reference", at: place, "\"\(column.name)\" is \(column.type) but \"\(reference)\" is \(other.type)",
        notes: ["declared at \(other.position)"], fix: "give both the same type")
    }
  }

  private func position(from feed: String, to other: String) -> SourcePosition? {
    guard let draft = feeds[feed] else { return nil }
    let column = draft.feed.columns.first { $0.reference?.feed == other }
    return column.flatMap { draft.referencePositions[$0.name] } ?? draft.namePosition
  }
}
