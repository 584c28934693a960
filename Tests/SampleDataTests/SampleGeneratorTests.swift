// The generator's promises: the same bytes each time, its own books right, bad rows bad in one way, a believable shop.

import Foundation
import Money
import SampleData
import TestSupport
import Testing

@Suite struct SampleGeneratorTests {
  @Test func sameSettingsGiveTheSameBytesAndThisVersionGivesThese() throws {
    let settings = try makeSettings(
      customers: 20, products: 10, orders: 60, transactions: 200, nights: 2, dirty: "0.5")
    try TemporaryDirectory.with { directory in
      let first = try SampleGenerator(settings).write(to: directory.appending("a"))
      let second = try SampleGenerator(settings).write(to: directory.appending("b/c"))
      #expect(first.files == second.files)
      let hashes = try [first, second].map { summary in
        let folder = URL(filePath: summary.expectationPath).deletingLastPathComponent()
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for name in summary.files.map(\.name) + ["expected.json"] {
          for byte in try Data(contentsOf: folder.appending(path: name)) {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
          }
        }
        return String(hash, radix: 16)
      }
      #expect(hashes[0] == hashes[1])
      // FNV-1a over all files. It changes only when the shop is meant to change.
      #expect(hashes[0] == "55e38d70b40c562e")
    }
  }

  @Test func filesThatWouldBeReplacedAreNamedBeforehand() throws {
    let generator = SampleGenerator(
      try makeSettings(customers: 20, products: 10, orders: 60, transactions: 200, nights: 2, dirty: "0"))
    try TemporaryDirectory.with { directory in
      let inbox = directory.appending("inbox")
      #expect(generator.existingFiles(in: inbox).isEmpty)
      let written = try generator.write(to: inbox)
      #expect(Set(generator.existingFiles(in: inbox)) == Set(written.files.map(\.name)))
      #expect(try generator.write(to: inbox).files == written.files)
    }
  }

  @Test func anotherSeedGivesAnotherShop() throws {
    let one = try load(makeSettings(seed: 1))
    let two = try load(makeSettings(seed: 2))
    #expect(one.document.totals != two.document.totals)
  }

  @Test(arguments: [
    (1, 1, 1, 1, 0, "0"), (1, 1, 1, 1, 3, "0.5"), (300, 80, 1_500, 5_000, 0, "0"), (300, 80, 1_500, 5_000, 5, "0"),
    (300, 80, 1_500, 5_000, 5, "0.005"), (2_000, 900, 4_000, 9_000, 30, "0.002"), (50, 20, 700, 300, 20, "0.1"),
    (300, 80, 100, 5_000, 5, "0.5"),
  ])
  func booksEqualAPlainLoadOfTheFiles(
    customers: Int, products: Int, orders: Int, transactions: Int, nights: Int, dirty: String
  ) throws {
    let shop = try load(
      makeSettings(
        customers: customers, products: products, orders: orders, transactions: transactions, nights: nights,
        dirty: dirty))
    #expect(shop.files.count == 4 * (nights + 1))
    for (expected, loaded) in zip(shop.document.files, shop.files) {
      #expect(expected.file == loaded.file)
      #expect(expected.counts == loaded.counts, "\(expected.file)")
      #expect(expected.sums == loaded.sums, "\(expected.file)")
      #expect(
        expected.rejects.sorted { $0.line < $1.line } == loaded.rejects.sorted { $0.line < $1.line },
        "\(expected.file)")
    }
    #expect(
      shop.document.tables == [
        "customers": customers, "products": products, "orders": orders, "transactions": transactions,
      ])
    #expect(shop.document.tables == shop.reference.tables.mapValues(\.count))
    let totals = shop.document.totals.mapValues { $0.filter { !$0.value.isZero } }.filter { !$0.value.isEmpty }
    #expect(totals == shop.totals)
  }

  @Test func nightsBringCorrectionsRepeatsDuplicatesAndLateRows() throws {
    let shop = try load(makeSettings(customers: 2_000, products: 800, orders: 8_000, transactions: 30_000, nights: 20))
    for feed in ReferenceLoad.feeds.map(\.name) {
      let nights = shop.files.filter { $0.feed == feed }.dropFirst()
      for outcome in ["inserted", "updated"] {
        #expect(nights.contains { $0.rows[outcome, default: 0] > 0 }, "\(feed) \(outcome)")
      }
      #expect(nights.contains { $0.rows["unchanged", default: 0] > 0 }, "\(feed)")
    }
    #expect(shop.files.filter { $0.feed == "transactions" }.contains { $0.rows["duplicate", default: 0] > 0 })
    let baseEnd = try #require(CivilDate("2024-12-11")).daysSince1970 * 86_400
    let late = shop.transactions.filter { $0.firstFile > 0 && $0.occurredAt < baseEnd - 86_400 }
    #expect(late.count > 5)
  }

  @Test(arguments: ["0.001", "0.005"])
  func modestDirtStaysWithinOneRowInAHundredInEachFile(rate: String) throws {
    for seed in 1...4 {
      let shop = try load(
        makeSettings(orders: 4_000, transactions: 12_000, seed: UInt64(seed), nights: 12, dirty: rate))
      for file in shop.files {
        #expect(file.rows["rejected", default: 0] * 100 <= file.rows["read", default: 0], "\(file.file)")
      }
      #expect(shop.files.contains { $0.rows["rejected", default: 0] > 0 })
    }
  }

  @Test func dirtIsOfEveryKindThatAFeedCanHave() throws {
    let shop = try load(
      makeSettings(customers: 5_000, products: 5_000, orders: 6_000, transactions: 9_000, nights: 1, dirty: "0.005"))
    let everywhere: Set = [
      "field_count", "not_utf8", "nul_byte", "unterminated_quote", "stray_quote", "missing_value", "wrong_type",
      "out_of_range", "pattern_mismatch",
    ]
    let more: [String: Set<String>] = [
      "customers": ["not_one_of"], "products": [], "orders": ["not_one_of", "orphan_reference"],
      "transactions": ["not_one_of", "orphan_reference"],
    ]
    for (feed, extra) in more {
      let seen = Set(shop.files.filter { $0.feed == feed }.flatMap(\.rejects).map(\.code))
      #expect(seen == everywhere.union(extra), "\(feed)")
    }
  }

  @Test func shopIsSkewedSeasonalGrowingAndPaysInTheCustomersCurrency() throws {
    let shop = try load(
      makeSettings(
        customers: 2_000, products: 300, orders: 20_000, transactions: 30_000, start: "2022-01-01", nights: 0))
    let orders = try #require(shop.reference.tables["orders"]).values
    let byCustomer = Dictionary(grouping: orders) { $0[1] }.values.map(\.count).sorted(by: >)
    #expect(byCustomer.prefix(200).reduce(0, +) * 10 > orders.count * 4)
    #expect(byCustomer.count > 1_200)
    let dates = orders.compactMap { Int($0[7]) }.map { CivilDate(daysSince1970: ($0 - 12 * 3_600) / 86_400) }
    let byWeekday = Dictionary(grouping: dates, by: \.weekday).mapValues(\.count)
    #expect(byWeekday[.saturday, default: 0] > byWeekday[.tuesday, default: 0])
    let byMonth = Dictionary(grouping: dates, by: \.month).mapValues(\.count)
    #expect(byMonth[12, default: 0] > byMonth[2, default: 0])
    let byYear = Dictionary(grouping: dates, by: \.year).mapValues(\.count)
    #expect(byYear[2024, default: 0] > byYear[2022, default: 0])
    let currencies = ["US": "USD", "GB": "GBP"]
    let customers = try #require(shop.reference.tables["customers"])
    for order in orders {
      let country = try #require(customers[order[1]])[3]
      #expect(order[5] == currencies[country, default: "EUR"])
    }
    let names = customers.values.map { $0[1] }
    for mark in [",", "\"", "'", "é"] { #expect(names.contains { $0.contains(mark) }, "\(mark)") }
  }

  @Test func paymentsFollowOrdersAndRefundsFollowPayments() throws {
    let shop = try load(makeSettings(nights: 0))
    let orders = try #require(shop.reference.tables["orders"])
    var payments: [String: Int] = [:]
    let rows = try #require(shop.reference.tables["transactions"]).values.filter { !$0[1].isEmpty }
    for row in rows {
      let (occurred, ordered) = (try #require(Int(row[7])), try #require(orders[row[1]].flatMap { Int($0[7]) }))
      // A correction may move an instant back by an hour and a half; there is none without nights.
      #expect(occurred > ordered)
      if row[3] == "payment" { payments[row[1]] = min(payments[row[1]] ?? .max, occurred) }
    }
    for row in rows where row[3] == "refund" {
      #expect(try #require(payments[row[1]]) < #require(Int(row[7])))
    }
  }

  @Test func directoryThatCannotBeMadeIsNamed() throws {
    try TemporaryDirectory.with { directory in
      try directory.write("", to: "file")
      let settings = try makeSettings(orders: 1, transactions: 1)
      let error = #expect(throws: SampleError.self) {
        try SampleGenerator(settings).write(to: directory.appending("file/inbox"))
      }
      #expect(error?.kind == .file(path: directory.appending("file/inbox")))
    }
  }

  @Test func onlyCompleteFilesStayAndProgressReachesTheEnd() throws {
    try TemporaryDirectory.with { directory in
      var last: SampleProgress?
      let summary = try SampleGenerator(makeSettings(nights: 1)).write(to: directory.path) { last = $0 }
      let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
      #expect(Set(names) == Set(summary.files.map(\.name) + ["expected.json"]))
      #expect(summary.files.map(\.name).prefix(2) == ["customers_2024-12-30.csv", "customers_2024-12-31.csv"])
      #expect(last.map { $0.rowsDone == $0.rowsTotal } == true)
    }
  }
}

/// A generated shop, loaded by the plain loader.
private struct LoadedShop {
  let document: ExpectedDocument
  let files: [ExpectedFile]
  let reference: ReferenceLoad
  let transactions: [(firstFile: Int, occurredAt: Int)]

  var totals: [String: [String: ExactDecimal]] {
    var totals: [String: [String: ExactDecimal]] = [:]
    for row in reference.tables["transactions", default: [:]].values {
      guard let cents = Int128(row[4]), let amount = ExactDecimal(coefficient: cents, scale: 2) else { continue }
      let signs = ["payment": 1, "refund": -1, "chargeback": -1, "fee": 0]
      let net = signs[row[3], default: 0] < 0 ? -amount : amount
      totals[row[5], default: [:]][row[3] + "s", default: .zero] =
        totals[row[5], default: [:]][row[3] + "s", default: .zero].adding(amount) ?? .zero
      if row[3] != "fee" {
        totals[row[5], default: [:]]["net", default: .zero] =
          totals[row[5], default: [:]]["net", default: .zero].adding(net) ?? .zero
      }
    }
    return totals
  }
}

private func load(_ settings: SampleSettings) throws -> LoadedShop {
  try TemporaryDirectory.with { directory in
    let summary = try SampleGenerator(settings).write(to: directory.path)
    let document = try JSONDecoder().decode(
      ExpectedDocument.self, from: Data(contentsOf: URL(filePath: summary.expectationPath)))
    var reference = ReferenceLoad()
    var files: [ExpectedFile] = []
    var firstSeen: [String: Int] = [:]
    for file in summary.files {
      let bytes = [UInt8](try Data(contentsOf: URL(filePath: directory.appending(file.name))))
      #expect(bytes.count == file.bytes)
      let loaded = reference.load(bytes, feed: file.feed, name: file.name)
      #expect(loaded.rows["read", default: 0] == file.rows)
      #expect(loaded.rows["rejected", default: 0] == file.badRows)
      let night = files.count { $0.feed == file.feed }
      if file.feed == "transactions" {
        for key in reference.tables["transactions", default: [:]].keys where firstSeen[key] == nil {
          firstSeen[key] = night
        }
      }
      files.append(loaded)
    }
    let transactions = reference.tables["transactions", default: [:]].map { key, row in
      (firstFile: firstSeen[key] ?? 0, occurredAt: Int(row[7]) ?? 0)
    }
    return LoadedShop(document: document, files: files, reference: reference, transactions: transactions)
  }
}
