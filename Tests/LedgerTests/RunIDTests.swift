// Names of runs follow RFC 9562: version 7, variant 10, sorted by time.

import Ledger
import Testing

/// The same bits every time.
private struct FixedBits: RandomNumberGenerator {
  var value: UInt64
  mutating func next() -> UInt64 { value }
}

@Suite struct RunIDTests {
  @Test func theExampleOfTheStandardIsMadeAgain() {
    // RFC 9562, A.6: 2022-02-22 19:22:22 GMT, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
    var time = FixedSequence(values: [0xCC3, 0x18C4_DC0C_0C07_398F])
    let run = RunID(millisecondsSince1970: 1_645_557_742_000, random: &time)
    #expect(run.description == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    #expect(run.millisecondsSince1970 == 1_645_557_742_000)
  }

  @Test(arguments: [UInt64.min, .max, 0x0123_4567_89AB_CDEF])
  func versionAndVariantStandWhateverTheRandomBits(bits: UInt64) {
    var random = FixedBits(value: bits)
    let run = RunID(millisecondsSince1970: 1_700_000_000_000, random: &random)
    #expect(run.bytes[6] >> 4 == 7)
    #expect(run.bytes[8] >> 6 == 0b10)
  }

  @Test func laterNamesSortLater() {
    var random = SystemRandomNumberGenerator()
    let runs = (0..<200).map { RunID(millisecondsSince1970: 1_700_000_000_000 + Int64($0), random: &random) }
    #expect(runs == runs.sorted())
    #expect(runs.map(\.description) == runs.map(\.description).sorted())
  }

  @Test func textIsReadBackAndNothingElseIs() {
    let run = RunID.make()
    #expect(RunID(run.description) == run)
    #expect(RunID(run.description.uppercased()) == run)
    for wrong in [
      "", "x", String(run.description.dropLast()), run.description + "0",
      run.description.replacing("-", with: ""), run.description.replacing("-7", with: "7-"),
      "g" + run.description.dropFirst(),
    ] {
      #expect(RunID(wrong) == nil, "\(wrong)")
    }
  }
}

private struct FixedSequence: RandomNumberGenerator {
  var values: [UInt64]
  mutating func next() -> UInt64 { values.isEmpty ? 0 : values.removeFirst() }
}
