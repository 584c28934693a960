// expected.json: what loading the files must result in, as text that any program can read.
// Invariant: amounts are decimal strings, never JSON numbers. The layout is written here by hand, so that the bytes
// do not depend on a library's version.

/// The expected result of loading all files in order.
struct Expectation {
  let settings: SampleSettings
  let files: [FileTally]
  let tables: [(name: StaticString, tally: TableTally)]
  let money: TableTally

  /// The whole document.
  var text: String {
    var out = "{\n"
    out += "  \"settings\": {\(settingsText)},\n"
    out += "  \"files\": [\n"
    out += files.map(fileText).joined(separator: ",\n")
    out += "\n  ],\n"
    let rows = tables.map { "\"\($0.name)\": \($0.tally.rows)" }.joined(separator: ", ")
    out += "  \"tables\": {\(rows)},\n"
    let totals = Currency.allCases.map { "    \"\($0.code)\": {\(totalText($0))}" }.joined(separator: ",\n")
    out += "  \"totals\": {\n\(totals)\n  }\n}\n"
    return out
  }

  private var settingsText: String {
    """
    "customers": \(settings.customers), "products": \(settings.products), "orders": \(settings.orders), \
    "transactions": \(settings.transactions), "seed": "\(settings.seed)", "start": "\(settings.start)", \
    "end": "\(settings.end)", "nights": \(settings.nights), "dirty": "\(settings.dirty)"
    """
  }

  private func fileText(_ file: FileTally) -> String {
    let counts = Outcome.allCases.map { "\"\($0.word)\": \(file.count($0))" }.joined(separator: ", ")
    var out = "    {\n      \"feed\": \"\(file.feed)\", \"file\": \"\(file.name)\",\n"
    out += "      \"rows\": {\"read\": \(file.read), \(counts)},\n"
    let isSummed = file.feed.isEqual(to: TransactionRow.feed)
    let sums = Currency.allCases.map { "\"\($0.code)\": {\(sumText(file, $0))}" }.joined(separator: ",\n        ")
    out += isSummed ? "      \"control_sums\": {\"amount\": {\n        \(sums)}},\n" : "      \"control_sums\": {},\n"
    let rejects = file.rejects.map(rejectText).joined(separator: ",\n")
    out += rejects.isEmpty ? "      \"rejects\": []\n    }" : "      \"rejects\": [\n\(rejects)\n      ]\n    }"
    return out
  }

  private func sumText(_ file: FileTally, _ currency: Currency) -> String {
    let parts = Outcome.allCases.map { "\"\($0.word)\": \"\(decimalText(file.cents($0, currency)))\"" }
    return "\"read\": \"\(decimalText(file.centsRead(currency)))\", " + parts.joined(separator: ", ")
  }

  private func rejectText(_ reject: ExpectedReject) -> String {
    let column = reject.column.map { "\"\($0)\"" } ?? "null"
    return "        {\"line\": \(reject.line), \"column\": \(column), \"code\": \"\(reject.code)\"}"
  }

  private func totalText(_ currency: Currency) -> String {
    let sums = TransactionType.allCases.map { (type: $0, cents: money.cents($0, currency)) }
    let net =
      money.cents(.payment, currency) - money.cents(.refund, currency) - money.cents(.chargeback, currency)
    let parts = sums.map { "\"\($0.type.word)s\": \"\(decimalText($0.cents))\"" }
    return parts.joined(separator: ", ") + ", \"net\": \"\(decimalText(net))\""
  }
}

/// Hundredths as a decimal with two digits behind the point.
private func decimalText(_ cents: Int) -> String {
  let (whole, rest) = cents.magnitude.quotientAndRemainder(dividingBy: 100)
  return "\(cents < 0 ? "-" : "")\(whole).\(rest < 10 ? "0" : "")\(rest)"
}
