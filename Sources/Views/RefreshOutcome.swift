// What a refresh or a check did, for the run's record and the person reading it.

public import Finding
public import Ledger

/// What happened to one view.
public struct RefreshOutcome: Sendable, Hashable {
  /// How the view was treated.
  public enum Status: Sendable, Hashable {
    /// Made for the first time, or made anew because its definition or an object under it changed.
    case created
    /// Brought up to date with its inputs.
    case refreshed
    /// Left as it was, for the reason given.
    case skipped(reason: String)
  }

  /// The view's name.
  public var view: String
  /// How it was treated.
  public var status: Status
  /// Rows the view holds now; nil when it was skipped.
  public var rows: Int?
  /// Wall time spent on it.
  public var wall: Duration
  /// How it was done and why, for example `by delta: 3 images of 1 batch onto 2 groups`.
  public var detail: String
  /// What somebody made on the view that went with the old one and could not be put back, each with the reason.
  public var lost: [String] = []

  /// Creates an outcome.
  public init(view: String, status: Status, rows: Int?, wall: Duration, detail: String) {
    self.view = view
    self.status = status
    self.rows = rows
    self.wall = wall
    self.detail = detail
  }

  /// What is to be told about things that could not be put back; nil where all that somebody made is there.
  public var finding: Diagnostic? {
    if lost.isEmpty { return nil }
    return Diagnostic(
      .warning, code: "not_put_back",
      "view \(view) was made anew, and this could not be put back on it: \(lost.joined(separator: ", "))",
      notes: ["its SQL is kept in daybook.view_keepsake"],
      fix: "make it again where it is still wanted, and delete its rows there")
  }

  /// Whether the view changed.
  public var isChanged: Bool {
    if case .skipped = status { return false }
    return true
  }
}

/// What one comparison of a view, or one test of a check, found.
public struct CheckOutcome: Sendable, Hashable {
  /// How it ended.
  public enum Status: Sendable, Hashable {
    /// Nothing is wrong.
    case passed
    /// Nothing that it reads changed since it passed.
    case skipped
    /// View and table may differ rightly; nothing was compared.
    case unjudged
    /// It is violated, and the run goes on.
    case warned
    /// It is violated, and the stage fails.
    case failed
    /// The server refused its SQL.
    case broken
  }

  /// What was looked at, for example `revenue_daily: sum of gross`.
  public var name: String
  /// How it ended.
  public var status: Status
  /// Both figures, how much is wrong, or the reason why nothing had to be looked at.
  public var message: String
  /// What is kept of a violation.
  public var failure: CheckFailure?
  /// Where the test or the view is defined.
  public var position: SourcePosition?
  /// Whether it is looked at again though no data changed: how fresh data is, and a slice whose turn it is.
  public var isRoutine = false
  /// What to type about it, where that is not what mends any outcome like it.
  public var fix: String?

  /// Creates an outcome.
  public init(
    name: String, status: Status, message: String, failure: CheckFailure? = nil, position: SourcePosition? = nil
  ) {
    self.name = name
    self.status = status
    self.message = message
    self.failure = failure
    self.position = position
  }

  /// Creates an outcome that is passed or failed.
  public init(name: String, isPassed: Bool, message: String) {
    self.init(name: name, status: isPassed ? .passed : .failed, message: message)
  }

  /// Whether nothing is wrong.
  public var isPassed: Bool {
    switch status {
    case .passed, .skipped, .unjudged: true
    case .warned, .failed, .broken: false
    }
  }
}
