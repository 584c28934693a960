// A plan for people and for programs. Pure: the same plan gives the same bytes.

public import Definitions
public import Ledger
internal import Money

extension Plan {
  /// The plan as lines of text, with what is known of its outcome.
  public func text(project: Project, forecast: PlanForecast = PlanForecast()) -> String {
    var lines = ["\(job) as of \(asOf), project \(project.name)"]
    let width = stages.flatMap(\.items).map(\.count).max() ?? 0
    for (number, stage) in stages.enumerated() {
      let limit = stage.timeout.map { ", at most \(shortText($0))" } ?? ""
      lines.append("  \(number + 1) \(stage.kind.rawValue)\(limit)")
      if stage.items.isEmpty { lines.append("      nothing is defined") }
      for item in stage.items {
        let note = note(stage, item, project: project, forecast: forecast)
        let padding = String(repeating: " ", count: width - item.count)
        lines.append("      \(item)\(note.isEmpty ? "" : padding + "  " + note)")
      }
    }
    if let timeout { lines.append("  everything within \(shortText(timeout))") }
    lines += forecast.remarks.map { "  note: \($0)" }
    return lines.joined(separator: "\n")
  }

  /// The plan in the shape of `--json`, with `dry_run` set.
  public func json(project: Project, forecast: PlanForecast = PlanForecast()) -> JSONValue {
    let planned = stages.flatMap { stage in
      stage.items.map { item -> JSONValue in
        let known = forecast.outlook(stage.kind, item)
        return [
          "stage": .string(stage.kind.rawValue), "name": .string(item), "status": "planned",
          "action": .string(known?.action.rawValue ?? "unknown"),
          "reason": .string(note(stage, item, project: project, forecast: forecast)),
          "files": .array((known?.files ?? []).map { .string($0) }),
        ]
      }
    }
    return [
      "run_id": .null, "job": .string(job), "as_of": .string(asOf.description), "status": "planned", "exit_code": 0,
      "wall_ms": 0, "dry_run": true, "stages": .array(planned), "reports": [],
      "findings": .array(
        forecast.remarks.map { ["severity": "note", "file": .null, "line": .null, "message": .string($0)] }),
    ]
  }

  private func note(_ stage: PlannedStage, _ item: String, project: Project, forecast: PlanForecast) -> String {
    if let known = forecast.outlook(stage.kind, item) { return "\(known.action.rawValue): \(known.reason)" }
    switch stage.kind {
    case .ingest: return project.feed(named: item).map { "files \($0.filePattern)" } ?? ""
    case .refresh:
      if isFullRefresh { return "in full" }
      return project.view(named: item).map { "when \($0.inputs.joined(separator: ", ")) changed" } ?? ""
    case .check:
      if isVerified { return "against a recompute" }
      if let check = project.check(named: item) {
        return "\(check.tests.count) test\(check.tests.count == 1 ? "" : "s"), when what they read changed"
      }
      return "when it changed since it was checked"
    case .report: return isForced ? "anew" : "when its figures changed"
    }
  }
}
