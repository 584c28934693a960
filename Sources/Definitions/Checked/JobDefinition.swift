// One job: the stages of a night, in order.
// Invariant: every name a stage selects exists. What a stage does, and planning, is elsewhere: the room Jobs.
// A stage without a limit of its own is bounded by its job, so that nothing runs without an end.

public import Finding

/// `Jobs/*.yaml` but `Jobs/daybook.yaml`, checked.
public struct JobDefinition: Sendable {
  /// The job's name: lower-case letters, digits, `_` and `-`.
  public var name: String
  /// How long the whole job may take; 12 hours unless told.
  public var timeout: Duration
  /// The stages, in order; at least one.
  public var stages: [StageDefinition]
  /// Where the definition stands.
  public var position: SourcePosition
  /// Changes when the definition changes in meaning; white space and comments apart.
  public var definitionHash: String

  /// Creates a job from checked values.
  public init(
    name: String, timeout: Duration = .seconds(12 * 3600), stages: [StageDefinition], position: SourcePosition,
    definitionHash: String
  ) {
    self.name = name
    self.timeout = timeout
    self.stages = stages
    self.position = position
    self.definitionHash = definitionHash
  }
}

/// One entry of `stages:`.
public struct StageDefinition: Sendable, Hashable {
  /// What a stage does.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// Load feeds.
    case ingest
    /// Bring views up to date.
    case refresh
    /// Prove that views hold what they should.
    case check
    /// Publish reports.
    case report
  }

  /// What it works on.
  public enum Selection: Sendable, Hashable {
    /// Every feed, view or report.
    case all
    /// Only these, which exist; at least one.
    case named([String])
  }

  /// What it does.
  public var kind: Kind
  /// What it works on.
  public var selection: Selection
  /// How long it may take; nil when only the job's own limit holds.
  public var timeout: Duration?

  /// Creates a stage.
  public init(kind: Kind, selection: Selection = .all, timeout: Duration? = nil) {
    self.kind = kind
    self.selection = selection
    self.timeout = timeout
  }
}
