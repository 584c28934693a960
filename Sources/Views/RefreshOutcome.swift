// What a refresh or a check did, for the run's record and the person reading it.

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
  /// How it was done and why, for example `rebuild: transactions moved from 3 to 4`.
  public var detail: String

  /// Creates an outcome.
  public init(view: String, status: Status, rows: Int?, wall: Duration, detail: String) {
    self.view = view
    self.status = status
    self.rows = rows
    self.wall = wall
    self.detail = detail
  }

  /// Whether the view changed.
  public var isChanged: Bool {
    if case .skipped = status { return false }
    return true
  }
}

/// What one check of a view found.
public struct CheckOutcome: Sendable, Hashable {
  /// The view and what was compared, for example `revenue_daily: sum of gross`.
  public var name: String
  /// Whether both sides agree.
  public var isPassed: Bool
  /// Both figures, or the reason the check was not needed.
  public var message: String

  /// Creates an outcome.
  public init(name: String, isPassed: Bool, message: String) {
    self.name = name
    self.isPassed = isPassed
    self.message = message
  }
}
