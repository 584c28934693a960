// A published set as its readers find it, and a shop to publish one of, for the tests of what reports say.
// CSV files are read by a few lines of their own, so that a mistake of the room CSV would show.

import Definitions
import Finding
import Foundation
import Ledger
import Money
import Postgres
import TestSupport
import Testing
import Views

@testable import Reports

func inFilledShop(
  customers: Int = 60, root: String = SampleShop.root,
  _ body: nonisolated(nonsending) (SampleShop, TemporaryDirectory) async throws -> Void
) async throws {
  try await TemporaryDirectory.with { directory in
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 2) { pool in
        let shop = try SampleShop(root: root, output: directory.appending("Output"), pool: pool)
        try await shop.prepare(configuration: database.configuration, customers: customers, orders: customers * 10)
        try await body(shop, directory)
      }
    }
  }
}

/// A published set, read back.
struct ReadSet {
  let directory: String
  let json: [String: Any]

  init(_ outcome: PublishOutcome) throws {
    directory = outcome.directory
    let data = try Data(contentsOf: URL(filePath: "\(directory)/report.json"))
    json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  func text(_ path: String) throws -> String { try String(contentsOfFile: "\(directory)/\(path)", encoding: .utf8) }

  func section(_ report: String, _ title: String) throws -> [String: Any] {
    let reports = try #require(json["reports"] as? [[String: Any]])
    let page = try #require(reports.first { $0["name"] as? String == report })
    return try #require((page["sections"] as? [[String: Any]])?.first { $0["title"] as? String == title }, "\(title)")
  }

  func rows(_ report: String, _ title: String) throws -> [[String: Any]] {
    try #require(try section(report, title)["rows"] as? [[String: Any]])
  }

  /// The rows of a CSV without quoted fields, by column.
  func csv(_ name: String) throws -> [[String: String]] {
    let lines = try text("data/\(name).csv").split(separator: "\n").map { line in
      var fields = [""]
      var isQuoted = false
      for character in line {
        if character == "\"" {
          isQuoted.toggle()
        } else if character == ",", !isQuoted {
          fields.append("")
        } else {
          fields[fields.count - 1].append(character)
        }
      }
      return fields
    }
    let header = try #require(lines.first)
    return lines.dropFirst().map { Dictionary(zip(header, $0), uniquingKeysWith: { first, _ in first }) }
  }

  /// The sums of a column of a CSV, by another column.
  func sums(_ name: String, _ column: String, by key: String = "currency") throws -> [String: ExactDecimal] {
    var result: [String: ExactDecimal] = [:]
    for row in try csv(name) {
      let amount = ExactDecimal(row[column] ?? "") ?? .zero
      result[row[key] ?? "", default: .zero] = try #require((result[row[key] ?? ""] ?? .zero).adding(amount))
    }
    return result
  }
}

extension SampleShop {
  /// The result of a statement of two columns, a name and an amount.
  func amounts(_ sql: String) async throws -> [String: ExactDecimal] {
    try await pool.withConnection { connection in
      try await connection.executeScript("SET search_path = finance; SET TimeZone = 'America/New_York'")
      var result: [String: ExactDecimal] = [:]
      for row in try await connection.query(sql) {
        result[try row.decode(0)] = ExactDecimal(try row.decode(1, as: String.self)) ?? .zero
      }
      return result
    }
  }

  func run(_ sql: String) async throws {
    try await pool.withConnection { try await $0.executeScript(sql) }
  }

  /// Counts a change of transactions and brings the views up to date.
  func refresh() async throws {
    _ = try await pool.withConnection { try await DataVersions.bump("transactions", on: $0) }
    _ = try await ViewRefresher(project: project, pool: pool).refresh(.all, full: true)
  }
}

extension SampleShop {
  /// The project with a section of the report `revenue` that is one off what it ties to.
  ///
  /// - Returns: the project, and where the report and the section are.
  func projectThatDoesNotTie() throws -> (project: Project, report: Int, section: Int) {
    var wrong = project
    let report = try #require(wrong.reports.firstIndex { $0.name == "revenue" })
    let section = try #require(wrong.reports[report].sections.firstIndex { $0.csv == "revenue_months" })
    wrong.reports[report].sections[section].source = .query(
      "select business_month, currency, net + 1 as net from revenue_monthly where :as_of is not null")
    wrong.reports[report].sections[section].columns.removeAll {
      !["business_month", "currency", "net"].contains($0.column)
    }
    wrong.reports[report].definitionHash += "x"
    return (wrong, report, section)
  }
}
