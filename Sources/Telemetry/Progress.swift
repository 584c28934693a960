// How far a stage has come, for a person who watches. Updates are advisory: a sink may drop or
// thin them, and nothing may depend on their arrival. Rendering is the command line's business.

/// One statement of how far a stage has come.
public struct ProgressUpdate: Sendable, Hashable {
  /// The kind of stage: "ingest", "refresh", "report".
  public var stage: String
  /// What the stage works on: the name of a feed, view or report.
  public var name: String
  /// How much is done, in `unit`.
  public var done: Int
  /// How much there is to do, where that is known.
  public var total: Int?
  /// What is counted: "rows" or "bytes".
  public var unit: String

  /// Makes an update.
  public init(stage: String, name: String, done: Int, total: Int? = nil, unit: String) {
    self.stage = stage
    self.name = name
    self.done = done
    self.total = total
    self.unit = unit
  }
}

/// Receives progress.
public protocol ProgressSink: Sendable {
  /// Takes one update; must return at once.
  func progress(_ update: ProgressUpdate)
}

/// The sink that shows nothing.
public struct NullProgress: ProgressSink {
  /// Makes the sink.
  public init() {}
  /// Shows nothing.
  public func progress(_ update: ProgressUpdate) {}
}
