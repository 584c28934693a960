// What this process has used, against work whose cost is known to be something.

import Telemetry
import Testing

@Suite struct TelemetryTests {
  @Test func workShowsAsProcessorTime() {
    let before = ProcessUsage.current()
    var usage = before
    var mixed: UInt64 = 1
    while usage.since(before).cpuMilliseconds < 20 {
      for number in 0..<100_000 { mixed = mixed &* 6_364_136_223_846_793_005 &+ UInt64(number) }
      usage = ProcessUsage.current()
    }
    #expect(mixed != 0)
    #expect(usage.cpuUserMilliseconds > before.cpuUserMilliseconds)
    #expect(usage.since(before).cpuMilliseconds < usage.cpuMilliseconds)
  }

  @Test func touchedMemoryShowsInThePeak() {
    let before = ProcessUsage.current()
    #expect(before.peakResidentKilobytes > 1_000)
    // More than was ever resident, so that the peak has to move.
    let bytes = before.peakResidentKilobytes * 1_024 + (8 << 20)
    let block = [UInt8](repeating: 1, count: bytes)
    let after = ProcessUsage.current()
    #expect(block[bytes / 2] == 1)
    #expect(after.peakResidentKilobytes > before.peakResidentKilobytes)
    #expect(after.since(before).peakResidentKilobytes == after.peakResidentKilobytes)
  }

  @Test func theDifferenceOfTwoReadingsIsTheirDifference() {
    let early = ProcessUsage(cpuUserMilliseconds: 10, cpuSystemMilliseconds: 5, peakResidentKilobytes: 100)
    let late = ProcessUsage(cpuUserMilliseconds: 25, cpuSystemMilliseconds: 9, peakResidentKilobytes: 300)
    let expected = ProcessUsage(cpuUserMilliseconds: 15, cpuSystemMilliseconds: 4, peakResidentKilobytes: 300)
    #expect(late.since(early) == expected)
    #expect(late.cpuMilliseconds == 34)
  }
}
