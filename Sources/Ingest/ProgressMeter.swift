// Progress of one feed, at most ten times a second, so that a person sees it and the load does not.

internal import Synchronization
internal import Telemetry

/// Thins updates out.
final class ProgressMeter: Sendable {
  let sink: any ProgressSink
  private let feed: String
  private let last = Mutex<ContinuousClock.Instant?>(nil)

  init(_ sink: any ProgressSink, feed: String) {
    self.sink = sink
    self.feed = feed
  }

  func report(done: Int, total: Int?, unit: String) {
    let now = ContinuousClock.now
    let isDue = last.withLock { last in
      if let last, now - last < .milliseconds(100) { return false }
      last = now
      return true
    }
    guard isDue else { return }
    sink.progress(ProgressUpdate(stage: "ingest", name: feed, done: done, total: total, unit: unit))
  }
}
