// The verbs that look and change nothing: check for definitions, doctor for the surroundings.

internal import ArgumentParser
internal import Definitions
internal import Finding
internal import Jobs
internal import Ledger

struct CheckCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check every definition under Jobs/ and print all findings.")

  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let (project, diagnostics) = Project.check(root: global.project, environment: invocation.environment)
    let console = invocation.console
    for diagnostic in diagnostics { console.data(console.renderer.render(diagnostic)) }
    let errors = diagnostics.filter { $0.severity == .error }.count
    let status: ExitStatus = project == nil || errors > 0 ? .badDefinition : .ok
    if let project, errors == 0 {
      console.note(
        "project \(project.name): \(counted(project.feeds.count, "feed")), \(counted(project.views.count, "view")), "
          + "\(counted(project.checks.count, "check")), \(counted(project.reports.count, "report")), "
          + "\(counted(project.jobs.count, "job")); "
          + (diagnostics.isEmpty ? "nothing is wrong" : "no errors"))
    } else {
      console.problem("\(errors) error\(errors == 1 ? "" : "s") in the definitions")
    }
    let object: JSONValue = [
      "run_id": .null, "job": "check", "as_of": .null, "status": .string(status == .ok ? "success" : "failed"),
      "exit_code": .integer(Int(status.rawValue)), "wall_ms": 0, "stages": [], "reports": [],
      "findings": .array(diagnostics.map(\.json)),
    ]
    console.json(object)
    return status
  }
}

struct DoctorCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Look at the server, permissions, disk, folders and clock.")

  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let examination = await Examination.run(project, now: { .now() })
    let console = invocation.console
    let width = examination.findings.map(\.name.count).max() ?? 0
    for finding in examination.findings {
      let name = finding.name + String(repeating: " ", count: width - finding.name.count)
      console.data("\(finding.status.rawValue.padded(to: 7))  \(name)  \(finding.message)")
      if let fix = finding.fix { console.data("         fix: \(fix)") }
    }
    if examination.exitCode == .ok {
      console.note(
        "nothing here stops a run; how the last one ended and what to type next: daybook status\(global.commandSuffix)")
    }
    let object: JSONValue = [
      "status": .string(examination.exitCode == .ok ? "success" : "failed"),
      "exit_code": .integer(Int(examination.exitCode.rawValue)),
      "checks": .array(
        examination.findings.map {
          [
            "name": .string($0.name), "status": .string($0.status.rawValue), "message": .string($0.message),
            "fix": .optional($0.fix),
          ]
        }),
    ]
    console.json(object)
    return examination.exitCode
  }
}

extension String {
  /// The text with spaces after it up to `width` characters.
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

/// `1 feed`, `4 feeds`.
func counted(_ count: Int, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }
