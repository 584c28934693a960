// Which failed run still asks for somebody: what `status` warns of and what `retry` does again.
// Invariant: a failed night is not forgotten because another command went well after it. Pure.

public import Ledger

extension RunSummary {
  /// The newest of `runs` that ended badly and was not made good by a later one; nil when there is none.
  ///
  /// A later run of the same command that ended well makes a failure good, and so does a whole job.
  /// - Parameters:
  ///   - runs: newest first.
  ///   - jobs: the names of the jobs; a run of one of them from its first stage on is a whole job.
  public static func openFailure(among runs: [RunSummary], jobs: Set<String>) -> RunSummary? {
    var madeGood: Set<[String]> = []
    for run in runs {
      let arguments = run.record.arguments
      switch run.status {
      case .skipped: continue
      case .success, .warning:
        if jobs.contains(run.record.job), !arguments.contains(where: { $0.hasPrefix("--from-stage") }) { return nil }
        madeGood.insert(arguments)
      case .running, .failed, .partial, .cancelled, .timeout, .lost:
        if !madeGood.contains(arguments) { return run }
      }
    }
    return nil
  }

  /// What to type after this run, which did not end well.
  ///
  /// - Parameter options: what the command needs after its verb, such as ` --project /srv/acme`.
  public func nextCommand(options: String = "") -> String {
    FailureText.nextCommand(
      exitCode.flatMap { ExitStatus(rawValue: Int32($0)) } ?? .stageFailed, errorClass: failure?.errorClass ?? "",
      stage: failure?.stage ?? "", run: record.runID, job: record.job, options: options)
  }
}
