// CPU time of a PostgreSQL server on this machine, from /proc: the postmaster, what it has reaped, and every process
// that lives under it. A process that ends moves from the living to the reaped, so a difference of two readings holds
// all work in between, that of parallel workers, the checkpointer and other users of the server included.
// Source: proc(5), /proc/pid/stat.

internal import FoundationEssentials
internal import Glibc
internal import Postgres

/// The processes of one server.
struct ServerProcesses: Sendable {
  private let postmaster: Int

  /// The server behind a connection; nil when its processes are not to be seen here.
  init?(of connection: PostgresConnection, database: String) {
    let backend = Int(connection.backendProcessID)
    // Another machine's server may have a number that is some process here: its title must name the database.
    guard let title = Self.read("/proc/\(backend)/cmdline"), title.hasPrefix("postgres"), title.contains(database),
      let stat = Self.stat(backend)
    else { return nil }
    postmaster = stat.parent
    guard let parent = Self.read("/proc/\(postmaster)/comm"), parent.hasPrefix("postgres") else { return nil }
  }

  /// CPU time that the server has used so far, in seconds.
  func cpuSeconds() -> Double? {
    guard let own = Self.stat(postmaster) else { return nil }
    var ticks = own.used + own.reaped
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    for entry in entries {
      guard let process = Int(entry), let stat = Self.stat(process), stat.parent == postmaster else { continue }
      ticks += stat.used
    }
    return Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  private static func stat(_ process: Int) -> (parent: Int, used: Int, reaped: Int)? {
    read("/proc/\(process)/stat").flatMap(parse)
  }

  /// Parent and CPU ticks, own and of children that were waited for.
  static func parse(_ stat: String) -> (parent: Int, used: Int, reaped: Int)? {
    // The name in parentheses may hold anything, also a parenthesis.
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: end)...].split(separator: " ").map { Int($0) ?? 0 }
    guard fields.count > 14 else { return nil }
    return (fields[1], fields[11] + fields[12], fields[13] + fields[14])
  }

  static func read(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }
}

/// Memory of this process.
enum OwnMemory {
  /// Gives free memory back and starts the peak anew.
  ///
  /// - Returns: whether the kernel allowed the latter.
  static func resetPeak() -> Bool {
    giveFreeMemoryBack()
    let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return write(descriptor, "5", 1) == 1
  }

  /// `malloc_trim`, which the C library's Swift module does not show.
  private static func giveFreeMemoryBack() {
    guard let symbol = dlsym(nil, "malloc_trim") else { return }
    _ = unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)(0)
  }

  /// A line of /proc/self/status, in megabytes of 10^6 bytes: `VmHWM` is the peak, `VmRSS` what is resident now.
  static func megabytes(_ name: String) -> Double? {
    let status = ServerProcesses.read("/proc/self/status") ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
    let number = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
    return number.map { Double($0) * 1024 / 1_000_000 }
  }
}
