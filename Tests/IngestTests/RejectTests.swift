// Bad records: each kind is refused with its place, column, code, reason and bytes, and the good ones are loaded.

import Definitions
import Finding
import Glibc
import Ingest
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@Suite struct RejectTests {
  @Test func everyKindOfBadRecordIsRefusedWithItsCode() async throws {
    try await FeedFixture.with { fixture in
      let bad: [(record: [UInt8], column: String, code: String, reason: String)] = [
        (b("1,,payment,1.00,USD"), "", "field_count", "the record has 5 fields, the header has 6"),
        (
          b("1,,payment,1.00,USD,2026-11-19 10:00:00,x"), "", "field_count", "the record has 7 fields, the header has 6"
        ),
        (b("1,,payment,1.00,US") + [0xFF] + b(",2026-11-19 10:00:00"), "", "not_utf8", "the record is not valid UTF-8"),
        (
          b("1,,pay") + [0] + b("ment,1.00,USD,2026-11-19 10:00:00"), "", "nul_byte",
          "the record holds a NUL byte, which PostgreSQL cannot store"
        ),
        (
          b("1,,pay\"ment,1.00,USD,2026-11-19 10:00:00"), "", "stray_quote",
          "a quote stands inside an unquoted field, or text behind a closing quote"
        ),
        (b(",,payment,1.00,USD,2026-11-19 10:00:00"), "id", "missing_value", "a value is required"),
        (b("1,,NULL,1.00,USD,2026-11-19 10:00:00"), "kind", "missing_value", "a value is required"),
        (b("x1,,payment,1.00,USD,2026-11-19 10:00:00"), "id", "wrong_type", "\"x1\" is not a bigint"),
        (
          b("9223372036854775808,,payment,1.00,USD,2026-11-19 10:00:00"), "id", "out_of_range",
          "\"9223372036854775808\" has more digits than a bigint holds"
        ),
        (b("1,1.5,payment,1.00,USD,2026-11-19 10:00:00"), "customer", "wrong_type", "\"1.5\" is not a bigint"),
        (
          b("1,,payment,\"1,203.50\",USD,2026-11-19 10:00:00"), "amount", "wrong_type",
          "\"1,203.50\" is not a decimal(14,2); format.grouping_mark: \",\" would read it"
        ),
        (
          b("1,,payment,1.005,USD,2026-11-19 10:00:00"), "amount", "out_of_range",
          "\"1.005\" has more digits behind the point than a decimal(14,2) holds"
        ),
        (
          b("1,,payment,1000000000000,USD,2026-11-19 10:00:00"), "amount", "out_of_range",
          "\"1000000000000\" has more digits than a decimal(14,2) holds"
        ),
        (
          b("1,,payment,-0.01,USD,2026-11-19 10:00:00"), "amount", "out_of_range", "\"-0.01\" is below the minimum of 0"
        ),
        (b("1,,gift,1.00,USD,2026-11-19 10:00:00"), "kind", "not_one_of", "\"gift\" is not one of payment, refund"),
        (
          b("1,,payment,1.00,usd,2026-11-19 10:00:00"), "currency", "pattern_mismatch",
          "\"usd\" does not match ^[A-Z]{3}$"
        ),
        (
          b("1,,payment,1.00,USD,2026-02-30 10:00:00"), "at", "wrong_type",
          "\"2026-02-30 10:00:00\" is not a timestamptz"
        ),
        (b("1,x,gift,y,usd,z"), "customer", "wrong_type", "\"x\" is not a bigint"),
      ]
      var file = b(paymentsHeader)
      var expected: [String] = []
      for (index, entry) in bad.enumerated() {
        expected.append(
          "\(2 * index + 2)|\(2 * index + 2)|\(file.count)|\(entry.column)|\(entry.code)|\(entry.reason)|\(hex(entry.record))"
        )
        file += entry.record + b("\n\(100 + index),,payment,1.00,USD,2026-11-19 10:00:00\n")
      }
      try fixture.deliver("payments_1.csv", file)
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.rows == RowCounts(read: 2 * bad.count, inserted: bad.count, rejected: bad.count))
      let found = try await fixture.query(
        """
        select line, record, byte_offset, coalesce(column_name, ''), code, reason, encode(raw, 'hex')
        from daybook.reject order by record
        """)
      let lines = found.split(separator: "\n").map(String.init)
      #expect(lines.count == expected.count)
      for (line, wanted) in zip(lines, expected) { #expect(line == wanted) }
      #expect(outcome.findings.map(\.code) == ["rejects"])
    }
  }

  @Test func anUnterminatedQuoteCostsOneRecordAndNotTheRest() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver(
        "payments_1.csv",
        paymentsHeader + "1,,payment,1.00,USD,2026-11-19 10:00:00\n2,,\"payment,1.00,USD,2026-11-19 10:00:00\n"
          + "3,,payment,1.00,USD,2026-11-19 10:00:00\n")
      let outcome = try await fixture.ingest(payments())
      #expect(outcome.rows == RowCounts(read: 3, inserted: 2, rejected: 1))
      #expect(try await fixture.query("select line, code from daybook.reject") == "3|unterminated_quote")
    }
  }

  @Test func overTheLimitNothingIsPublishedAndEverythingIsRecorded() async throws {
    try await FeedFixture.with { fixture in
      let strict = payments(limit: .count(1))
      try fixture.deliver(
        "payments_1.csv",
        paymentsHeader
          + "1,,payment,1.00,USD,2026-11-19 10:00:00\nx,,payment,1.00,USD,2026-11-19 10:00:00\n=1+1,,payment,1.00,USD,2026-11-19 10:00:00\n"
      )
      let outcome = try await fixture.ingest(strict)
      #expect(outcome.status == .refused)
      #expect(outcome.rows == RowCounts(read: 3, rejected: 2))
      #expect(outcome.findings.first?.code == "reject_limit")
      #expect(outcome.findings.first?.position == SourcePosition(file: "inbox/payments_1.csv", line: 3))
      #expect(try await fixture.query("select to_regclass('finance.payments') is null") == "t")
      #expect(try await fixture.query("select status, rows_read, rows_rejected from daybook.file") == "refused|3|2")
      #expect(try await fixture.query("select count(*) from daybook.reject") == "2")
      let csv = try fixture.directory.read("Output/rejects/2026-11-20/payments.csv")
      #expect(
        csv == "feed,file,line,record,byte_offset,column,code,reason,raw\n"
          + "payments,payments_1.csv,3,3,76,id,wrong_type,"
          + "\"\"\"x\"\" is not a bigint\",\"x,,payment,1.00,USD,2026-11-19 10:00:00\"\n"
          + "payments,payments_1.csv,4,4,116,id,wrong_type,"
          + "\"\"\"=1+1\"\" is not a bigint\",\"'=1+1,,payment,1.00,USD,2026-11-19 10:00:00\"\n")
      // Tried again as it is: refused again, and the same CSV is not written again.
      let path = fixture.directory.appending("Output/rejects/2026-11-20/payments.csv")
      let before = modified(path)
      #expect(try await fixture.ingest(strict).status == .refused)
      #expect(modified(path) == before)
      // A corrected file of the same name loads and resolves them.
      try fixture.deliver("payments_1.csv", paymentsHeader + "1,,payment,1.00,USD,2026-11-19 10:00:00\n")
      #expect(try await fixture.ingest(strict).status == .loaded)
      #expect(try await fixture.query("select count(*) from daybook.reject where resolved_at is null") == "0")
    }
  }

  @Test func theShareIsCountedOverAllFilesOfTheRunAndTheLimitItselfIsAllowed() async throws {
    try await FeedFixture.with { fixture in
      let half = payments(limit: .ratio(ExactDecimal("0.5") ?? 0))
      try fixture.deliver("payments_1.csv", paymentsHeader + "x,,payment,1.00,USD,2026-11-19 10:00:00\n")
      try fixture.deliver("payments_2.csv", paymentsHeader + "1,,payment,1.00,USD,2026-11-19 10:00:00\n")
      let outcome = try await fixture.ingest(half)
      #expect(outcome.status == .loaded)
      #expect(outcome.rows == RowCounts(read: 2, inserted: 1, rejected: 1))
    }
  }

  /// A first file that is copied straight into its table is judged with the others too.
  @Test func theShareIsCountedOverAllFilesAlsoWhereTheFirstGoesStraightIntoItsTable() async throws {
    try await FeedFixture.with { fixture in
      let bad = "x,,payment,1.00,USD,\(SafetyTests.line)\n"
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...9_000))
      try fixture.deliver("payments_2.csv", paymentsHeader + bad)
      let outcome = try await fixture.ingest(payments(limit: .ratio(ExactDecimal("0.01") ?? 0)))
      #expect(outcome.status == .loaded, "\(outcome.findings)")
      #expect(outcome.rows == RowCounts(read: 9_001, inserted: 9_000, rejected: 1))
      #expect(try await fixture.query("select path from daybook.file where name = 'payments_1.csv'") == "bulk")
    }
  }

  /// The second time with every index in place, because only the server sees that the row 1 is not to be.
  @Test func theShareIsCountedOverAllFilesAlsoWhenTheFirstHasToBeReadAgain() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver("payments_0.csv", paymentsHeader)
      _ = try await fixture.ingest(payments())
      try await fixture.database.psql("alter table finance.payments add constraint by_hand check (id <> 1)")
      let bad = String(repeating: "x,,payment,1.00,USD,\(SafetyTests.line)\n", count: 200)
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...9_000) + bad)
      try fixture.deliver("payments_2.csv", SafetyTests.file(9_001...40_000))
      let outcome = try await fixture.ingest(payments(limit: .ratio(ExactDecimal("0.01") ?? 0)))
      #expect(outcome.status == .loaded, "\(outcome.findings)")
      #expect(outcome.rows == RowCounts(read: 40_200, inserted: 39_999, rejected: 201))
    }
  }

  /// What is refused again is open once, under the file's new number.
  @Test(arguments: [LoadStrategy.copy, .insert])
  func aReloadTakesThePlaceOfTheRejectsOfItsFile(_ load: LoadStrategy) async throws {
    try await FeedFixture.with { fixture in
      let payments = payments().loaded(by: load)
      let bad = (1...2).map { "x\($0),,payment,1.00,USD,\(SafetyTests.line)\n" }.joined()
      try fixture.deliver("payments_1.csv", SafetyTests.file(1...3) + bad)
      _ = try await fixture.ingest(payments)
      #expect(try await fixture.ingest(payments, .reloadInbox).rows.rejected == 2)
      #expect(
        try await fixture.query(
          """
          select f.status, count(*), count(*) filter (where r.resolved_at is null), min(r.resolved_by) = max(n.file_id)
          from daybook.reject r join daybook.file f using (file_id)
          cross join (select file_id from daybook.file where status = 'loaded') n group by 1 order by 1
          """) == "loaded|2|2|\nsuperseded|2|0|t")
      let list = try fixture.directory.read("Output/rejects/2026-11-20/payments.csv")
      #expect(list.split(separator: "\n").count == 3)
    }
  }

  @Test func moneyOfARefusedRecordIsReadAndRejected() async throws {
    try await FeedFixture.with { fixture in
      try fixture.deliver(
        "payments_1.csv",
        paymentsHeader + """
          1,,payment,1.00,USD,2026-11-19 10:00:00
          2,,gift,2.00,USD,2026-11-19 10:00:00
          3,,payment,4.00,EUR,yesterday
          4,,payment,-8.00,EUR,2026-11-19 10:00:00
          5,,payment,much,EUR,2026-11-19 10:00:00

          """)
      _ = try await fixture.ingest(payments())
      let sums = try await fixture.query("select currency, outcome, amount from daybook.file_control_sum order by 1, 2")
      #expect(
        sums == "EUR|read|-4.00\nEUR|rejected|-4.00\nUSD|inserted|1.00\nUSD|read|3.00\nUSD|rejected|2.00")
    }
  }

  private func modified(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_mtim.tv_sec) * 1_000_000_000 + Int(status.st_mtim.tv_nsec) : -1
  }

  private func b(_ text: String) -> [UInt8] { Array(text.utf8) }
  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }
}
