// What this process has used so far, from getrusage. Readings are cumulative for the process and
// include every thread; a stage takes one before and one after. The peak is the process's, not the
// stage's: the kernel keeps one high-water mark.

internal import Glibc

/// CPU time and memory used by this process.
public struct ProcessUsage: Sendable, Hashable {
  /// CPU time spent in user mode.
  public var cpuUserMilliseconds: Int
  /// CPU time the kernel spent on this process's behalf.
  public var cpuSystemMilliseconds: Int
  /// The most memory that was ever resident.
  public var peakResidentKilobytes: Int

  /// Makes a reading from its parts.
  public init(cpuUserMilliseconds: Int, cpuSystemMilliseconds: Int, peakResidentKilobytes: Int) {
    self.cpuUserMilliseconds = cpuUserMilliseconds
    self.cpuSystemMilliseconds = cpuSystemMilliseconds
    self.peakResidentKilobytes = peakResidentKilobytes
  }

  /// User and system time together.
  public var cpuMilliseconds: Int { cpuUserMilliseconds + cpuSystemMilliseconds }

  /// Reads the usage of this process up to now.
  public static func current() -> ProcessUsage {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else {
      return ProcessUsage(cpuUserMilliseconds: 0, cpuSystemMilliseconds: 0, peakResidentKilobytes: 0)
    }
    return ProcessUsage(
      cpuUserMilliseconds: milliseconds(usage.ru_utime), cpuSystemMilliseconds: milliseconds(usage.ru_stime),
      peakResidentKilobytes: usage.ru_maxrss)
  }

  /// What was used between `earlier` and this reading; the peak is this reading's.
  public func since(_ earlier: ProcessUsage) -> ProcessUsage {
    ProcessUsage(
      cpuUserMilliseconds: cpuUserMilliseconds - earlier.cpuUserMilliseconds,
      cpuSystemMilliseconds: cpuSystemMilliseconds - earlier.cpuSystemMilliseconds,
      peakResidentKilobytes: peakResidentKilobytes)
  }

  private static func milliseconds(_ time: timeval) -> Int {
    Int(time.tv_sec) * 1_000 + Int(time.tv_usec) / 1_000
  }
}
