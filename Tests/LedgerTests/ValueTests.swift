// The ledger's values: moments, row counts and JSON text.

import Ledger
import Testing

@Suite struct ValueTests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (1_764_000_000_123_456, "2025-11-24T16:00:00.123Z"),
      (-1, "1969-12-31T23:59:59.999Z"), (951_782_399_999_999, "2000-02-28T23:59:59.999Z"),
      (951_782_400_000_000, "2000-02-29T00:00:00.000Z"), (-86_400_000_001, "1969-12-30T23:59:59.999Z"),
    ])
  func aMomentIsWrittenInUTC(microseconds: Int, text: String) {
    #expect(Moment(microsecondsSince1970: Int64(microseconds)).description == text)
  }

  @Test func rowsAreReconciledOnlyWhenEveryReadRowIsAccountedFor() {
    let counts = RowCounts(read: 10, inserted: 3, updated: 2, unchanged: 1, deleted: 7, duplicate: 1, rejected: 3)
    #expect(counts.isReconciled)
    #expect(!(counts + RowCounts(read: 1)).isReconciled)
    #expect((counts + counts).read == 20)
    #expect((counts + counts).isReconciled)
  }

  @Test func jsonKeepsItsOrderAndEscapesWhatItMust() {
    let value: JSONValue = [
      "b": 1, "a": ["x\"\\\n\t\u{1}\u{7F}\u{202E}ü\u{1F600}", true, .null, .number("12.50")], "empty": .object([]),
    ]
    #expect(value.text(openLevels: 1).hasPrefix("{\n  \"b\": 1,\n  \"a\": ["))
    #expect(value.text(openLevels: 9).hasSuffix("  \"empty\": {}\n}"))
    #expect(
      value.text
        == #"{"b": 1, "a": ["x\"\\\n\t\u0001\u007f\u202e"# + "ü\u{1F600}" + #"", true, null, 12.50], "empty": {}}"#)
  }
}
