// A file system of a few megabytes that only the processes of one trial see.
// Invariant: it lives in a mount namespace held by one process, which ends with this process at the latest; then nothing
// is mounted any more, and nothing of it was ever seen from outside. Root mounts as itself; others do so in a user
// namespace of their own, in which they stay who they are.

import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

/// A small disk.
struct SmallDisk: Sendable {
  /// Where it is mounted, for the processes on it.
  let path: String
  private let holder: Int32
  private let leash: Int32

  /// Lends a disk mounted over `path`; nil where the machine lets nobody mount.
  static func with<R: Sendable>(
    mountedAt path: String, kilobytes: Int, _ body: @Sendable (SmallDisk?) async throws -> R
  ) async throws -> R {
    guard let disk = try await mount(path, kilobytes) else { return try await body(nil) }
    do {
      let result = try await body(disk)
      disk.end()
      return result
    } catch {
      disk.end()
      throw error
    }
  }

  /// Runs a program that sees the disk.
  func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], in directory: String = "/",
    timeout: Duration = .seconds(300)
  ) async throws -> ProgramOutcome {
    var variables = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LC_ALL": "C.UTF-8", "TZ": "UTC"]
    variables.merge(environment) { $1 }
    let user = geteuid() == 0 ? [] : ["--user=/proc/\(holder)/ns/user", "--preserve-credentials"]
    return try await ProgramRun.run(
      ChildProcess(
        "/usr/bin/nsenter",
        user + ["--mount=/proc/\(holder)/ns/mnt", "--", "/usr/bin/env", "-C", directory, program] + arguments,
        environment: variables),
      timeout: timeout)
  }

  /// Runs a line of shell on the disk, as its `$PWD`.
  @discardableResult
  func shell(_ line: String) async throws -> String {
    let outcome = try await run("/bin/sh", ["-c", line], in: path)
    try #require(outcome.status == 0, "\(line): \(outcome.stderr)")
    return outcome.stdout
  }

  /// Fills the disk until only so much room is left.
  func fill(leaving kilobytes: Int) async throws {
    let free = try #require(Int(try await shell("df --output=avail -k . | tail -n 1").filter { $0.isNumber }))
    try #require(free > kilobytes)
    try await shell("fallocate -l $((\(free - kilobytes) * 1024)) ballast")
  }

  /// Makes room again.
  func empty() async throws { try await shell("rm ballast") }

  /// A path on the disk as it is seen from here.
  var pathFromOutside: String { "/proc/\(holder)/root\(path)" }

  private static func mount(_ path: String, _ kilobytes: Int) async throws -> SmallDisk? {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let report = path + ".mounted"
    let output = open(report, O_RDWR | O_CREAT | O_CLOEXEC | O_TRUNC, 0o600)
    var ends: [Int32] = [-1, -1]
    guard output >= 0, pipe(&ends) == 0, fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0,
      fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0
    else { throw TestSupportError("cannot make a pipe: \(String(cString: strerror(errno)))") }
    defer {
      close(output)
      close(ends[0])
      unlink(report)
    }
    let script = """
      mount -t tmpfs -o size="$2"k,mode=755 daybook-small "$1" && echo mounted || { echo refused; exit 1; }
      read -r _
      for file in "$1"/project/.daybook/postgres/data/postmaster.pid; do
        read -r server < "$file" && kill -QUIT "$server"
      done
      """
    let user = geteuid() == 0 ? [] : ["--user", "--map-current-user", "--keep-caps"]
    let pid = try ChildProcess(
      "/usr/bin/unshare", user + ["--mount", "--", "/bin/sh", "-c", script, "sh", path, "\(kilobytes)"]
    ).start(input: ends[0], output: output)
    let disk = SmallDisk(path: path, holder: pid, leash: ends[1])
    for _ in 0..<1_500 {
      if try String(contentsOfFile: report, encoding: .utf8).hasPrefix("mounted") { return disk }
      if isEnded(pid) { break }
      try await Task.sleep(for: .milliseconds(20))
    }
    disk.end()
    return nil
  }

  private func end() {
    close(leash)
    _ = ChildProcess.wait(for: holder)
  }
}
