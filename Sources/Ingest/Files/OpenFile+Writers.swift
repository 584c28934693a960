// Whether somebody still writes a file that was just delivered.
// Invariant: a file is held back only for a reason that passes: a process that has it open for writing, or bytes that
// came while it was watched. A young file alone is no reason, or a night that is started behind a delivery would wait.
// Source: fcntl(2), "Leases": a read lease is refused with EAGAIN while any process has the file open for writing.

internal import Glibc

extension OpenFile {
  // Linux has the same numbers on every architecture; Glibc's macros are not imported.
  private static let setSignal: Int32 = 10
  private static let setLease: Int32 = 1024
  /// A file that was written to this recently is watched where no lease can be had.
  private static let restNanoseconds: Int64 = 2_000_000_000
  private static let watch = Duration.milliseconds(300)

  /// Whether some process has the file open for writing; nil where that cannot be known.
  var hasWriter: Bool? {
    // The lease is given back at once; whoever opens the file in between must not end this process by SIGIO.
    guard fcntl(descriptor, Self.setSignal, SIGURG) == 0 else { return nil }
    if fcntl(descriptor, Self.setLease, Int32(F_RDLCK)) == 0 {
      _ = fcntl(descriptor, Self.setLease, Int32(F_UNLCK))
      return false
    }
    guard errno == EAGAIN else { return nil }
    return isOnRemoteSystem ? nil : true
  }

  /// Whether a refused lease says nothing about writers, because the file lies on another machine or that is not known.
  /// Source: proc(5), fdinfo and mountinfo.
  private var isOnRemoteSystem: Bool {
    guard let facts = readText("/proc/self/fdinfo/\(descriptor)"), let mounts = readText("/proc/self/mountinfo"),
      let number = facts.split(separator: "\n").first(where: { $0.hasPrefix("mnt_id:") })?.split(separator: "\t").last,
      let mount = mounts.split(separator: "\n").first(where: { $0.hasPrefix("\(number) ") }),
      let kind = mount.firstRange(of: " - ").map({ mount[$0.upperBound...].prefix { $0 != " " } })
    else { return true }
    return ["nfs", "cifs", "smb", "fuse", "9p", "afs", "ceph", "gfs", "ocfs"].contains { kind.hasPrefix($0) }
  }

  /// Whether the file is still being written, as far as can be told within a third of a second.
  func isBeingWritten(nowNanoseconds now: Int64) async throws -> Bool {
    // A process that has just closed the file, or is being started by one that has it open, is gone in a moment.
    for _ in 0..<15 {
      switch hasWriter {
      case false: return hasChanged
      case nil:
        guard identity.modifiedNanoseconds + Self.restNanoseconds > now else { return hasChanged }
        try await Task.sleep(for: Self.watch)
        return hasChanged
      case true?: try await Task.sleep(for: .milliseconds(40))
      }
    }
    return true
  }
}
