// A night on real input: 30,000 invoice lines of a UK shop (UCI Online Retail), against figures that this test
// computes from the file itself.
// The file is not part of the repository; where it is absent the test is skipped and says so. Nothing else skips.

import Foundation
import Money
import TestSupport
import Testing

@Suite struct OnlineRetailNight {
  static let file = NightProject.repository + "/../shared/data/online_retail.csv"
  static var isFilePresent: Bool { FileManager.default.fileExists(atPath: file) }

  @Test(.enabled(if: isFilePresent, "../shared/data/online_retail.csv is absent: the night on real input is skipped"))
  func everyInvoiceLineIsLoadedAndEveryFigureEqualsTheFiles() async throws {
    let expected = try RetailFigures([UInt8](try Data(contentsOf: URL(filePath: Self.file))))
    try await TestDatabase.withDatabase { database in
      try await TemporaryDirectory.with { directory in
        let project = try NightProject(
          copying: NightProject.repository + "/Tests/Fixtures/OnlineRetail", into: directory, database: database)
        try FileManager.default.copyItem(atPath: Self.file, toPath: project.inbox + "/online_retail.csv")
        let first = try await project.night(asOf: "2011-12-10")
        #expect(first.exitCode == 0)
        #expect(
          first.ingested("online_retail")
            == NightReport.Rows(
              read: expected.lines, inserted: expected.lines, updated: 0, unchanged: 0, deleted: 0, duplicate: 0,
              rejected: 0))
        try await expect(expected, at: database.url)

        let totals = plainCSV(Array(try read(project, "data/retail_total.csv").utf8))
        let header = try #require(totals.first)
        let row = try #require(totals.dropFirst().first)
        let values = Dictionary(uniqueKeysWithValues: zip(header, row))
        let revenue = values["revenue"].flatMap { ExactDecimal($0) }
        let cancelled = values["cancelled"].flatMap { ExactDecimal($0) }
        #expect(totals.count == 2)
        #expect(revenue == expected.revenue)
        #expect(cancelled == expected.cancelled)

        let published = try project.publishedFiles()
        let second = try await project.night(asOf: "2011-12-10")
        #expect(second.exitCode == 0)
        #expect(second.ingested("online_retail").read == 0)
        #expect(try project.changedFiles(since: published) == [])
      }
    }
  }

  private func expect(_ expected: RetailFigures, at url: String) async throws {
    let facts = try await lines(
      """
      select
        count(*),
        sum(quantity * unit_price)::numeric(20,2),
        count(*) filter (where invoice_no like 'C%'),
        (sum(quantity * unit_price) filter (where invoice_no like 'C%'))::numeric(20,2),
        count(distinct (invoiced_at at time zone 'Europe/London')::date),
        count(distinct customer_id),
        count(*) filter (where customer_id is null),
        count(*) filter (where description is null),
        min(currency) || max(currency)
      from retail.online_retail
      """, at: url)
    #expect(
      facts == [
        [
          "\(expected.lines)", "\(expected.revenue)", "\(expected.cancelledLines)", "\(expected.cancelled)",
          "\(expected.days.count)", "\(expected.customers.count)", "\(expected.linesWithoutCustomer)",
          "\(expected.linesWithoutDescription)", "GBPGBP",
        ].joined(separator: "|")
      ])
    #expect(
      try await lines(
        "select to_char(business_month, 'YYYY-MM'), line_count, revenue::numeric(20,2) from retail.revenue_monthly",
        at: url) == expected.months.map { "\($0.key)|\($0.value.lines)|\($0.value.revenue)" }.sorted())
    #expect(
      try await lines(
        "select to_char(business_month, 'YYYY-MM'), line_count, units, cancelled_lines from retail.sales_monthly",
        at: url)
        == expected.months.map {
          "\($0.key)|\($0.value.lines)|\($0.value.units)|\($0.value.cancelledLines)"
        }.sorted())
    #expect(
      try await lines("select business_date, line_count, customer_count from retail.sales_daily", at: url)
        == expected.days.map { "\($0.key)|\($0.value.lines)|\($0.value.customers.count)" }.sorted())
    #expect(
      try await lines("select count(*), count(customer_id) from retail.customer_activity", at: url) == [
        "\(expected.customers.count + 1)|\(expected.customers.count)"
      ])
    #expect(
      try await lines("select sum(line_count) from retail.cancellations where is_cancelled", at: url) == [
        "\(expected.cancelledLines)"
      ])
    #expect(
      try await lines("select sum(revenue)::numeric(20,2) from retail.product_country", at: url) == [
        "\(expected.revenue)"
      ])
    // The ledger's control sum: all prices of the file, by currency.
    #expect(
      try await lines(
        """
        select s.currency, s.amount::numeric(20,2)
        from daybook.file f join daybook.file_control_sum s using (file_id) where s.outcome = 'read'
        """, at: url) == ["GBP|\(expected.prices)"])
  }

  private func read(_ project: NightProject, _ name: String) throws -> String {
    try String(contentsOfFile: project.root + "/Output/latest/" + name, encoding: .utf8)
  }
}

/// What the file says, added up line by line with exact decimals.
struct RetailFigures {
  struct Day {
    var lines = 0
    var customers: Set<String> = []
  }

  struct Month {
    var lines = 0
    var units = 0
    var cancelledLines = 0
    var revenue = ExactDecimal.zero
  }

  private(set) var lines = 0
  private(set) var revenue = ExactDecimal.zero
  private(set) var prices = ExactDecimal.zero
  private(set) var cancelledLines = 0
  private(set) var cancelled = ExactDecimal.zero
  private(set) var customers: Set<String> = []
  private(set) var linesWithoutCustomer = 0
  private(set) var linesWithoutDescription = 0
  private(set) var days: [String: Day] = [:]
  private(set) var months: [String: Month] = [:]

  /// Reads the whole file.
  init(_ bytes: [UInt8]) throws {
    let records = plainCSV(bytes)
    let header = try #require(records.first)
    #expect(
      header == [
        "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country",
      ])
    for record in records.dropFirst() {
      try #require(record.count == header.count)
      let quantity = try #require(Int(record[3]))
      let price = try #require(ExactDecimal(record[5])?.rounded(scale: 2, rounding: .towardZero))
      #expect(ExactDecimal(record[5]) == price)
      let worth = try #require(price.multiplied(by: ExactDecimal(quantity)))
      let isCancelled = record[0].hasPrefix("C")
      lines += 1
      revenue = try #require(revenue.adding(worth))
      prices = try #require(prices.adding(price))
      if isCancelled {
        cancelledLines += 1
        cancelled = try #require(cancelled.adding(worth))
      }
      if record[2].isEmpty { linesWithoutDescription += 1 }
      // The file's times are London's, and none of them falls into an hour that the clocks skip.
      let (day, month) = (String(record[4].prefix(10)), String(record[4].prefix(7)))
      days[day, default: Day()].lines += 1
      if record[6].isEmpty {
        linesWithoutCustomer += 1
      } else {
        customers.insert(record[6])
        days[day, default: Day()].customers.insert(record[6])
      }
      months[month, default: Month()].lines += 1
      months[month, default: Month()].units += quantity
      if isCancelled { months[month, default: Month()].cancelledLines += 1 }
      months[month, default: Month()].revenue = try #require(months[month, default: Month()].revenue.adding(worth))
    }
  }
}
