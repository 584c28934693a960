// `Jobs/*.yaml` → a job, as far as one file can tell.
// Invariant: a stage has exactly one kind. Whether the names it selects exist is checked by ProjectResolver.
// What a stage does, and in which order its parts run, is elsewhere: the room Jobs.

internal import Finding

/// A job and where its names stand.
struct JobDraft {
  var job: JobDefinition
  let namePosition: SourcePosition
  /// The names that stages select.
  var selections: [(kind: StageDefinition.Kind, name: String, position: SourcePosition)]
}

/// Reads one job.
struct JobReader {
  let file: String
  let findings: Findings

  func read(_ node: DefinitionNode) -> JobDraft? {
    guard
      let reader = MappingReader(
        node, subject: "the job", keys: ["job", "timeout", "stages"], required: ["job", "stages"], findings: findings)
    else { return nil }
    var draft = JobDraft(
      job: JobDefinition(
        name: reader.identifier("job", .label) ?? "", stages: [],
        position: SourcePosition(file: file, line: node.position.line, column: node.position.column), definitionHash: ""
      ),
      namePosition: reader.position(of: "job"), selections: [])
    if let timeout = reader.duration("timeout") { draft.job.timeout = timeout }
    let elements = reader.elements("stages")
    if elements.isEmpty, case .sequence = reader.node("stages")?.content {
      findings.error("missing_value", at: reader.position(of: "stages"), "the job has no stages")
    }
    for element in elements {
      if let stage = stage(element, &draft) { draft.job.stages.append(stage) }
    }
    draft.job.definitionHash = draft.job.computedHash
    return draft
  }

  private func stage(_ node: DefinitionNode, _ draft: inout JobDraft) -> StageDefinition? {
    let words = StageDefinition.Kind.allCases.map(\.rawValue)
    let count = findings.all.count
    guard
      let reader = MappingReader(node, subject: "the stage", keys: words + ["timeout"], findings: findings)
    else { return nil }
    let kinds = StageDefinition.Kind.allCases.filter { reader.has($0.rawValue) }
    guard let kind = kinds.first else {
      if findings.all.count == count {
        findings.error(
          "missing_key", at: node.position, "the stage says nothing",
          fix: "write one of: \(words.joined(separator: ", ")), as in { ingest: all }")
      }
      return nil
    }
    if kinds.count > 1 {
      findings.error(
        "too_many_keys", at: reader.keyPosition(of: kinds[1].rawValue),
        "a stage is only one of \(kinds.map(\.rawValue).joined(separator: ", "))", fix: "write two stages")
    }
    var stage = StageDefinition(kind: kind, timeout: reader.duration("timeout"))
    if let value = reader.node(kind.rawValue), case .scalar(let scalar) = value.content, scalar.text == "all" {
      return stage
    }
    let names = reader.identifiers(kind.rawValue, kind == .report ? .label : .relation)
    draft.selections += names.map { (kind, $0.name, $0.position) }
    if names.isEmpty, case .sequence(let elements) = reader.node(kind.rawValue)?.content, elements.isEmpty {
      findings.error(
        "missing_value", at: reader.position(of: kind.rawValue), "the stage selects nothing", fix: "write all, or names"
      )
    }
    stage.selection = .named(names.map(\.name))
    return stage
  }
}
