// What came of a check stage, in the runner's terms: one line, findings for what only warns, a failure for what does not.
// The exit code is that of refused data; where nothing but SQL was refused, it is the code of that error, and only then the
// failure as a whole has the server's code.

internal import Finding
internal import Ledger
internal import Views

extension UnitOutcome {
  /// So many examples of a violation stand in a message; the others are in the run's record.
  private static let toldExamples = 2

  /// A failure of proofs alone, all of which were mended or are by the next refresh.
  static let viewsDiffer = "views_differ"

  /// - Parameters:
  ///   - proofs: comparisons of views with what they are made of.
  ///   - tests: tests of the project's checks.
  init(proofs: [CheckOutcome], tests: [CheckOutcome], run: RunID) {
    self.init()
    let outcomes = proofs + tests
    let unjudged = outcomes.filter { $0.status == .unjudged }
    let needed = outcomes.filter { $0.status != .skipped && $0.status != .unjudged }
    let failed = outcomes.filter { $0.status == .failed || $0.status == .broken }
    let warned = outcomes.filter { $0.status == .warned }
    detail = Self.line(
      needed: needed.count, failed: failed.count, warned: warned, unjudged: unjudged,
      skipped: outcomes.count - needed.count - unjudged.count)
    func told(_ severity: Severity, _ isTold: (CheckOutcome) -> Bool) -> [Diagnostic] {
      proofs.filter(isTold).map { Self.diagnostic($0, severity, isTest: false, run) }
        + tests.filter(isTold).map { Self.diagnostic($0, severity, isTest: true, run) }
    }
    findings = told(.warning) { $0.status == .warned }
    if !warned.isEmpty { status = .warning }
    // What is looked at every night, and is in order, is no news; what could not be judged is.
    if unjudged.isEmpty, needed.allSatisfy({ $0.isPassed && $0.isRoutine }) {
      status = .skipped
      skipReason = outcomes.isEmpty ? "nothing is defined" : "nothing changed since it was checked"
      if !needed.isEmpty { skipReason? += "; \(needed.count) looked at again" }
    }
    guard !failed.isEmpty else { return }
    let isMended = failed.allSatisfy { $0.status == .failed && $0.failure?.isRepaired ?? true }
    failure = StageFailure(
      exitCode: .dataRefused, errorClass: isMended ? Self.viewsDiffer : "check",
      diagnostics: told(.error) { $0.status == .failed || $0.status == .broken })
    failure?.mendedViews =
      outcomes.compactMap { outcome in outcome.failure.flatMap { $0.isRepaired ? $0.name : nil } }.uniqued()
    if failed.allSatisfy({ $0.status == .broken }), let state = failed.first?.failure?.sqlState {
      failure?.sqlState = state
      failure?.exitCode = StageFailure.classify(sqlState: state).0
    }
  }

  private static func line(
    needed: Int, failed: Int, warned: [CheckOutcome], unjudged: [CheckOutcome], skipped: Int
  ) -> String {
    let comparisons = "\(needed) comparison\(needed == 1 ? "" : "s")"
    var parts = [failed == 0 ? "\(comparisons), no difference" : "\(failed) of \(comparisons) failed"]
    if failed == 0, !warned.isEmpty { parts = [comparisons] }
    if let first = warned.first {
      parts.append("\(warned.count) warning\(warned.count == 1 ? "" : "s"): \(first.name)")
    }
    if let first = unjudged.first { parts.append("\(unjudged.count) not judged: \(first.name), \(first.message)") }
    if skipped > 0 { parts.append("\(skipped) unchanged") }
    return parts.joined(separator: "; ")
  }

  private static func diagnostic(
    _ outcome: CheckOutcome, _ severity: Severity, isTest: Bool, _ run: RunID
  ) -> Diagnostic {
    let examples = outcome.failure?.examples ?? []
    var notes = examples.prefix(toldExamples).map { "for example \($0.sentence)" }
    if let state = outcome.failure?.sqlState { notes.append("SQLSTATE \(state)") }
    let view = String(outcome.name.prefix { $0 != ":" })
    let fix: String? =
      if let fix = outcome.fix {
        fix
      } else if isTest, outcome.status == .broken {
        "correct the test, then: daybook retry \(run)"
      } else if isTest, outcome.status == .failed {
        "correct the rows or the test, then: daybook retry \(run)"
      } else if !isTest, outcome.failure?.isRepaired != true {
        "daybook refresh --full \(view)"
      } else if examples.count > toldExamples {
        "all examples: daybook runs show \(run)"
      } else {
        nil
      }
    return Diagnostic(
      severity, code: "check", at: outcome.position, "\(outcome.name): \(outcome.message)", notes: notes, fix: fix)
  }
}
