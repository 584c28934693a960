// One feed's definition as text, apart from a project: for whoever proposes a definition and must know that it holds.
// Invariant: what is accepted here is what `Project.check` accepts as a file of Jobs/feeds, references to other feeds
// apart, because both use the same reader.

public import Finding

extension FeedDefinition {
  /// Reads one definition from text.
  ///
  /// - Parameters:
  ///   - file: what diagnostics call the text.
  ///   - environment: what `${NAME}` reads.
  /// - Returns: the feed when nothing is wrong, and all that there is to say, by line.
  public static func read(
    _ text: String, file: String, environment: [String: String] = [:]
  ) -> (feed: FeedDefinition?, diagnostics: [Diagnostic]) {
    let findings = Findings()
    let bytes = Array(text.utf8)
    let draft = SourceText.make(file: file, bytes: bytes[...], findings: findings)
      .flatMap { NodeComposer(source: $0, environment: environment, findings: findings).compose() }
      .flatMap { FeedReader(file: file, findings: findings).read($0) }
    return (findings.hasErrors ? nil : draft?.feed, findings.sorted)
  }

  /// Why `name` cannot name a feed, or nil when it can.
  public static func problem(withName name: String) -> String? { NameKind.relation.problem(with: name) }

  /// Why `name` cannot name a column, or nil when it can.
  public static func problem(withColumnName name: String) -> String? { NameKind.feedColumn.problem(with: name) }
}
