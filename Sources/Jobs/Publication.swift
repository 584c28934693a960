// What readers find under Output now: the set that the link `latest` leads to; and telling them when a night failed.
// Invariant: that the newest set could not be told to be stale never changes how a run ends; it is only said.

public import Finding
public import Ledger
public import Money
internal import Postgres
internal import Reports

/// Looks at what is published.
public enum Publication {
  /// The set that `<output>/latest` leads to, or the newest where it leads to none.
  public static func state(of output: String) -> PublishedState {
    PublishedSets(output: output).latest.map { .unchanged($0.description) } ?? .none
  }

  /// The same after the set of `asOf` was published.
  static func state(of output: String, publishing asOf: CivilDate) -> PublishedState {
    let state = state(of: output)
    return state.date == asOf.description ? .published(asOf.description) : state
  }

  /// What there is to say when `latest` leads to a later set than the one that was published: of a date that has not come
  /// yet it may be a slip, and readers would not see a new set for long.
  static func staying(_ latest: String, in output: String, behind asOf: CivilDate, today: CivilDate?) -> Diagnostic {
    let isAhead = today.flatMap { today in CivilDate(latest).map { $0 > today } } ?? false
    return Diagnostic(
      isAhead ? .warning : .note, code: "latest_stays",
      "Output/latest leads to \(latest), which is later than this set of \(asOf)"
        + (isAhead ? ", and has not come yet" : ""),
      fix: isAhead ? "if that date was a slip: rm -r '\(output)/\(latest)', then: daybook report --as-of \(asOf)" : nil)
  }

  /// Whether a failure leaves readers with figures that are older than they may think: not when somebody typed a wrong
  /// word, and not when another run is at work.
  static func isOutdated(by failure: StageFailure) -> Bool {
    switch failure.exitCode {
    case .ok, .usage, .locked: false
    default: true
    }
  }

  /// Makes the newest set say that a night failed after it.
  ///
  /// - Parameters:
  ///   - output: the project's output folder.
  ///   - asOf: the business date of the night.
  ///   - failure: why it failed.
  ///   - next: what to type.
  /// - Returns: the date of the set that says so now, and what there is to say when it could not be told.
  public static func markStale(
    output: String, asOf: CivilDate, failure: StageFailure, run: RunID?, next: String, at moment: Moment
  ) async -> (date: String?, finding: Diagnostic?) {
    guard isOutdated(by: failure) else { return (nil, nil) }
    let stage = failure.stage.isEmpty ? "" : "\(failure.stage): "
    let reason = "\(stage)\(failure.locatedMessage)"
    let outcome = await WaitingThread.run { () -> Result<StaleOutcome, ReportError> in
      Result { () throws(ReportError) in
        try PublishedSets(output: output).markStale(
          failedAsOf: asOf, at: moment, run: run, reason: String(reason.prefix(600)), next: next)
      }
    }
    switch outcome {
    case .success(.marked(let date, let changed, let silent)):
      return (date, warning(of: changed, silent, in: date))
    case .success(.nothingPublished), .success(.newerSet): return (nil, nil)
    case .success(.damaged(let date)):
      return (
        nil,
        warning("Output/\(date) has no manifest that can be read, so it does not say that it is out of date", in: date)
      )
    case .failure(let error):
      return (
        nil,
        Diagnostic(
          .warning, code: "stale_mark", "the newest reports do not say that they are out of date: \(error)")
      )
    }
  }

  /// What there is to say of a set that was marked though somebody has changed it; nil when nobody has.
  private static func warning(of changed: [String], _ silent: [String], in date: String) -> Diagnostic? {
    func list(_ files: [String]) -> String {
      let more = files.count > 5 ? " and \(files.count - 5) more" : ""
      return files.prefix(5).map { visible($0) }.joined(separator: ", ") + more
    }
    if changed.isEmpty, silent.isEmpty { return nil }
    let state = "Output/\(date) says that it is out of date, but it is not as it was published"
    return warning(
      state + (changed.isEmpty ? "" : "; changed or removed: \(list(changed))")
        + (silent.isEmpty ? "" : "; without the word: \(list(silent))"), in: date)
  }

  private static func warning(_ message: String, in date: String) -> Diagnostic {
    Diagnostic(
      .warning, code: "stale_mark", message, fix: "put it right: daybook report --as-of \(date) --force")
  }
}
