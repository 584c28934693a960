// expected.json as its readers see it.

import Foundation
import Money

/// A reject that expected.json names.
struct ExpectedReject: Codable, Hashable, Error {
  let line: Int
  let column: String?
  let code: String
}

/// The books of one file.
struct ExpectedFile: Codable {
  let feed: String
  let file: String
  var rows: [String: Int] = [:]
  var controlSums: [String: [String: [String: ExactDecimal]]] = [:]
  var rejects: [ExpectedReject] = []

  private enum CodingKeys: String, CodingKey {
    case feed, file, rows, rejects
    case controlSums = "control_sums"
  }

  init(feed: String, file: String) {
    self.feed = feed
    self.file = file
  }

  mutating func book(_ outcome: String, _ money: (currency: String, amount: ExactDecimal)?) {
    for word in ["read", outcome] {
      rows[word, default: 0] += 1
      if let money {
        let sum = controlSums["amount"]?[money.currency]?[word] ?? .zero
        controlSums["amount", default: [:]][money.currency, default: [:]][word] = sum.adding(money.amount)
      }
    }
  }

  /// Counts that are not zero.
  var counts: [String: Int] { rows.filter { $0.value != 0 } }

  /// Sums that are not zero, by currency and outcome.
  var sums: [String: ExactDecimal] {
    var flat: [String: ExactDecimal] = [:]
    for (currency, outcomes) in controlSums["amount"] ?? [:] {
      for (outcome, sum) in outcomes where !sum.isZero { flat["\(currency) \(outcome)"] = sum }
    }
    return flat
  }
}

/// The whole document.
struct ExpectedDocument: Codable {
  let files: [ExpectedFile]
  let tables: [String: Int]
  let totals: [String: [String: ExactDecimal]]
}
