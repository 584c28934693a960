// What readers find under Output now: the set that the link `latest` names; and telling them when a night failed.
// Invariant: that the newest set could not be told to be stale never changes how a run ends; it is only said.

public import Finding
public import Ledger
public import Money
internal import Postgres
internal import Reports

/// Looks at what is published.
public enum Publication {
  /// What `<output>/latest` names, or the newest set where that is no link.
  public static func state(of output: String) -> PublishedState {
    let sets = PublishedSets(output: output)
    return (sets.latestName ?? sets.dates.last?.description).map(PublishedState.unchanged) ?? PublishedState.none
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
      "Output/latest stays at \(latest), which is later than this set of \(asOf)"
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
    case .success(.marked(let date)): return (date, nil)
    case .success(.nothingPublished), .success(.newerSet): return (nil, nil)
    case .success(.damaged(let date)):
      return (
        nil,
        Diagnostic(
          .warning, code: "stale_mark",
          "Output/\(date) is not as it was published, so it does not say that it is out of date",
          fix: "put it right: daybook report --as-of \(date) --force")
      )
    case .failure(let error):
      return (
        nil,
        Diagnostic(
          .warning, code: "stale_mark", "the newest reports do not say that they are out of date: \(error)")
      )
    }
  }
}
