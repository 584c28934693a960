// The files of cron/: what cron asks of a crontab file, and what the nightly script does with good and bad nights.
// The script runs a stand-in for daybook, so these tests need no database and no build.

import Glibc
import TestSupport
import Testing

@Suite struct CronTests {
  static let script = HouseTests.root + "/cron/daybook-nightly.sh"

  /// Runs the script on a project whose daybook is the given shell text.
  private func night(
    _ daybook: String, environment: [String: String] = [:],
    _ check: (ProgramOutcome, TemporaryDirectory) async throws -> Void
  ) async throws {
    try await TemporaryDirectory.with { project in
      let program = try project.write("#!/bin/sh\n\(daybook)\n", to: "stand-in")
      try #require(chmod(program, 0o755) == 0)
      let outcome = try await run(project, environment: environment)
      try await check(outcome, project)
    }
  }

  private func run(_ project: TemporaryDirectory, environment: [String: String] = [:]) async throws -> ProgramOutcome {
    var variables = ["PATH": "/usr/bin:/bin", "DAYBOOK": project.appending("stand-in")]
    variables.merge(environment) { _, given in given }
    return try await ProgramRun.run(
      "/bin/sh", [Self.script, project.path], environment: variables, timeout: .seconds(300))
  }

  private func log(_ project: TemporaryDirectory) async throws -> String {
    try await ProgramRun.run(
      "/bin/sh", ["-c", "cat \"$1\"/.daybook/log/nightly-*.log", "sh", project.path],
      environment: ["PATH": "/usr/bin:/bin"], timeout: .seconds(300)
    ).stdout
  }

  @Test func goodNightSaysNothingAndIsLogged() async throws {
    try await night("echo loaded; echo note >&2; echo \"$@\"") { outcome, project in
      #expect(outcome.status == 0)
      #expect(outcome.stdout == "")
      #expect(outcome.stderr == "")
      let log = try await log(project)
      #expect(log.contains("loaded\nnote\nrun nightly --project \(project.path)\n"))
    }
  }

  @Test(arguments: [1, 65, 66, 69, 78])
  func badNightKeepsItsExitCodeAndShowsTheEndOfTheLog(status: Int) async throws {
    try await night("seq 1 100; echo 'error: the reason'; exit \(status)") { outcome, project in
      #expect(outcome.status == status)
      #expect(outcome.stdout == "")
      #expect(outcome.stderr.contains("ended with \(status)"))
      #expect(outcome.stderr.hasSuffix("\n100\nerror: the reason\n"))
      #expect(!outcome.stderr.contains("\n50\n"))
      let log = try await log(project)
      #expect(log.contains("\n50\n"))
    }
  }

  @Test func onlyThisNightsLinesAreShown() async throws {
    try await night("echo first-night; exit 1") { _, project in
      try project.write("#!/bin/sh\necho second-night; exit 1\n", to: "stand-in")
      let outcome = try await run(project)
      #expect(outcome.stderr.contains("second-night"))
      #expect(!outcome.stderr.contains("first-night"))
    }
  }

  @Test func secondRunAtTheSameTimeIsRefusedWith75() async throws {
    try await night("exec /bin/sh \(Self.script) \"$4\"") { outcome, _ in
      #expect(outcome.status == 75)
      #expect(outcome.stderr.contains("another run of nightly holds"))
    }
  }

  @Test func nightThatTakesTooLongIsEndedWith124() async throws {
    try await night("echo begun; exec sleep 600", environment: ["DAYBOOK_TIMEOUT": "0.2s"]) { outcome, _ in
      #expect(outcome.status == 124)
      // How long it took tells nothing on a machine that does a dozen other things; what ended it does.
      #expect(!outcome.timedOut)
      #expect(outcome.stderr.contains("was ended after 0.2s"))
      #expect(outcome.stderr.contains("begun"))
    }
  }

  @Test func terminationReachesDaybookAndItsExitCodeComesBack() async throws {
    // The stand-in ends the script that runs it; the script's process is the parent of timeout, its own parent.
    let daybook = """
      trap 'echo told; exit 143' TERM
      kill -TERM "$(sed 's/.*) . //; s/ .*//' "/proc/$PPID/stat")"
      while :; do sleep 0.01; done
      """
    try await night(daybook) { outcome, project in
      #expect(outcome.status == 143)
      let log = try await log(project)
      #expect(log.contains("told\n"))
    }
  }

  @Test func missingProgramOrProjectIsSaid() async throws {
    try await TemporaryDirectory.with { project in
      let outcome = try await run(project)
      #expect(outcome.status == 69)
    }
    let outcome = try await ProgramRun.run(
      "/bin/sh", [Self.script, "/nowhere"], environment: ["PATH": "/usr/bin:/bin"], timeout: .seconds(300))
    #expect(outcome.status == 64)
  }

  @Test func crontabIsOneThatCronReads() async throws {
    let text = try await ProgramRun.run(
      "/bin/cat", [HouseTests.root + "/cron/daybook"], environment: [:], timeout: .seconds(300)
    ).stdout
    #expect(text.hasSuffix("\n"))
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    let settings = lines.filter { $0.contains(/^[A-Z]+=/) }
    #expect(settings.map { String($0.prefix { $0 != "=" }) } == ["SHELL", "PATH", "MAILTO"])
    let entries = lines.filter { !$0.contains(/^[A-Z]+=/) }
    #expect(entries.count == 1)
    for entry in entries {
      let fields = entry.split(separator: " ")
      #expect(fields.count == 8)
      #expect(fields[5] == "@USER@")
      #expect(fields[6...].allSatisfy { $0.hasPrefix("\"@PROJECT@") && $0.hasSuffix("\"") })
      #expect(!entry.contains(/(^|[^\\])%/))
    }
  }
}
