// What a person sees while a run works: on a terminal one line that moves, else one line per stage.
// Updates come from many tasks; the state behind the lock is the line that stands on the terminal now.

internal import Glibc
internal import Jobs
internal import Ledger
internal import Synchronization
internal import Telemetry

final class ProgressLines: ProgressSink, RunObserver {
  private struct State {
    /// How many columns of the terminal the moving line fills.
    var columns = 0
    var lastShown: ContinuousClock.Instant?
    var stageStart = ContinuousClock().now
  }

  private let console: Console
  private let state = Mutex(State())

  init(_ console: Console) {
    self.console = console
  }

  func progress(_ update: ProgressUpdate) {
    guard console.isTerminal, !console.isQuiet else { return }
    state.withLock { state in
      let now = ContinuousClock().now
      if let last = state.lastShown, now - last < .milliseconds(100) { return }
      state.lastShown = now
      show(Self.bar(update, elapsed: now - state.stageStart), &state)
    }
  }

  func stageStarted(stage: String, name: String) {
    state.withLock { state in
      state.stageStart = ContinuousClock().now
      state.lastShown = nil
      if console.isTerminal, !console.isQuiet { show("\(stage) \(name) …", &state) }
    }
  }

  func stageFinished(_ report: StageReport) {
    state.withLock { state in
      erase(&state)
      // What had nothing to do is told in the last line; -v tells each.
      if report.result.status == .skipped, !console.isVerbose { return }
      console.note(Self.line(report, isVerbose: console.isVerbose))
    }
  }

  /// Takes the moving line off the terminal.
  func end() {
    state.withLock { erase(&$0) }
  }

  private func show(_ text: String, _ state: inout State) {
    var size = winsize()
    let width = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    let line = String(text.prefix(width - 1))
    console.write("\r" + line + String(repeating: " ", count: max(0, state.columns - line.count)), to: STDERR_FILENO)
    state.columns = line.count
  }

  private func erase(_ state: inout State) {
    guard state.columns > 0 else { return }
    console.write("\r" + String(repeating: " ", count: state.columns) + "\r", to: STDERR_FILENO)
    state.columns = 0
  }

  /// `ingest transactions [########--------]  50%  500000 of 1000000 rows  12s`
  static func bar(_ update: ProgressUpdate, elapsed: Duration) -> String {
    let head = "\(update.stage) \(update.name)"
    guard let total = update.total, total > 0 else {
      return "\(head)  \(amount(update.done, update.unit))  \(shortText(elapsed))"
    }
    let share = min(1, max(0, Double(update.done) / Double(total)))
    let filled = Int(share * 20)
    let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: 20 - filled)
    let of = "\(amount(update.done, update.unit)) of \(amount(total, update.unit))"
    return "\(head) [\(bar)] \(Int(share * 100))%  \(of)  \(shortText(elapsed))"
  }

  private static func amount(_ number: Int, _ unit: String) -> String {
    if number == 1, unit.hasSuffix("s") { return "1 \(unit.dropLast())" }
    guard unit == "bytes", number >= 10_000 else { return "\(number) \(unit)" }
    return number >= 10_000_000 ? "\(number / 1_000_000) MB" : "\(number / 1000) kB"
  }

  /// `ingest   transactions  1000 rows read: 990 inserted, 10 rejected  1.2s`
  static func line(_ report: StageReport, isVerbose: Bool) -> String {
    let result = report.result
    var parts = [report.stage, report.name]
    if report.attempt > 1 { parts.append("(attempt \(report.attempt))") }
    switch result.status {
    case .success: break
    case .skipped: parts.append("skipped")
    case .warning: parts.append("warning")
    default: parts.append(result.status.rawValue)
    }
    if let told = result.skipReason ?? result.detail { parts.append(told) }
    if let rows = result.rowsOut { parts.append(amount(rows, "rows")) }
    parts.append(shortText(milliseconds: result.cost.wallMilliseconds))
    guard isVerbose else { return parts.joined(separator: "  ") }
    parts.append("cpu \(shortText(milliseconds: result.cost.cpuMilliseconds))")
    if let cost = result.serverCost {
      parts.append("wal \(cost.walBytes) bytes, blocks \(cost.sharedHit) hit \(cost.sharedRead) read")
    }
    return parts.joined(separator: "  ")
  }
}
