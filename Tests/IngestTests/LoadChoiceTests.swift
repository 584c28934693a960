// What `load: auto` says, as a table.

import Definitions
import Ledger
import Testing

@testable import Ingest

@Suite struct LoadChoiceTests {
  private func choice(
    load: LoadStrategy = .auto, bytes: Int = 1_200_000, name: String = "a.csv", isResumed: Bool = false,
    _ conditions: LoadConditions
  ) -> String {
    LoadChoice.make(
      payments().loaded(by: load), files: [(name, bytes)], isResumed: isResumed, conditions
    ).sentence
  }

  private let slow = LoadTiming(path: .copy, rows: 50_000, wallMs: 1_050)

  @Test func theReasonNamesSizesAndWhatWasMeasured() {
    #expect(choice(LoadConditions(tableRows: 0)) == "by bulk: 1.2 MB for an empty table")
    #expect(
      choice(LoadConditions(tableRows: 5_000_000))
        == "by copy: 1.2 MB for a table of about 5.0 M rows; nothing is measured yet")
    #expect(
      choice(LoadConditions(tableRows: 5_000_000, timings: [slow]))
        == "by copy: 1.2 MB for a table of about 5.0 M rows; lately copy took 21 µs a row, insert is untried")
    #expect(
      choice(
        LoadConditions(
          tableRows: nil, timings: [slow, LoadTiming(path: .insert, rows: 50_000, wallMs: 1_000)]))
        == "by copy: 1.2 MB for a table that was never counted; lately copy took 21 µs a row, insert 20")
    #expect(
      choice(
        LoadConditions(
          tableRows: 5_000, timings: [slow, LoadTiming(path: .insert, rows: 50_000, wallMs: 500)]))
        == "by insert: 1.2 MB for a table of about 5000 rows; lately copy took 21 µs a row, insert 10")
  }

  @Test func stagingThatDoesNotFitIsNotTried() {
    let conditions = LoadConditions(tableRows: 5_000_000, timings: [slow], freeBytes: 10_000_000_000)
    #expect(choice(bytes: 2_000_000_000, conditions).hasPrefix("by copy"))
    #expect(
      choice(bytes: 4_000_000_000, conditions)
        == "by insert: staging would take about 12.0 GB, and 10.0 GB are free on the server")
    #expect(choice(bytes: 1_000_000_000, name: "a.csv.gz", conditions).hasPrefix("by insert"))
  }

  @Test func theDefinitionAndAFilePartWayInComeFirst() {
    let conditions = LoadConditions(tableRows: 5)
    #expect(choice(load: .insert, conditions) == "by insert: as the definition says")
    #expect(choice(load: .copy, conditions) == "by copy: as the definition says")
    #expect(choice(load: .copy, isResumed: true, conditions).hasPrefix("by insert: a file is part way in"))
  }
}
