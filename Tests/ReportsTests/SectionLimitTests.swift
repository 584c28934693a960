// What a section does when there is more than it can show, or what it must not show: charts of very many rows, amounts of
// several currencies, pages that would be too large, names that two sections want.
// No database takes part.

import Definitions
import Finding
import Foundation
import Ledger
import Markup
import Money
import Testing

@testable import Reports

private let place = SourcePosition(file: "Jobs/reports/sales.yaml", line: 7)

private func definition(_ name: String, _ sections: [ReportSection] = []) -> ReportDefinition {
  ReportDefinition(name: name, title: "Sales", sections: sections, position: place, definitionHash: "1")
}

private func section(_ kind: ReportSection.Kind, _ title: String = "By day", csv: String? = nil) -> ReportSection {
  ReportSection(title: title, kind: kind, source: .none, csv: csv, position: place)
}

private func block(_ kind: ReportSection.Kind, _ data: Dataset) throws -> ContentBlock {
  try SectionRendering(report: definition("sales")).block(section(kind), index: 0, dataset: data)
}

private func day(_ number: Int) -> Figure { .date(CivilDate(daysSince1970: 20_000 + number)) }

private func bars(_ type: ChartDefinition.ChartType, series: String? = nil) -> ReportSection.Kind {
  .chart(ChartDefinition(type: type, x: "day", y: ["net"], series: series))
}

/// As the queries of a set make it; the net figure comes first.
private func dataset(_ names: [String], _ rows: [[Figure]], for kind: ReportSection.Kind) throws -> Dataset {
  let section = section(kind)
  return try Dataset(
    names: names, rows: rows,
    described: [ColumnFormat(column: "net", label: "Net", kind: .money(currencyColumn: "currency"))],
    shown: SectionRendering.keptRows(section), newestBy: SectionRendering.axis(section), csvPath: "data/x.csv")
}

@Suite struct SectionLimitTests {
  @Test func chartOfVeryManyDaysIsOfTheNewestOnesAndSaysSo() throws {
    // Newest first, two rows a day but for the first ones, which are three.
    let rows = (0..<10_003).reversed().flatMap { number in
      (0..<(number < 4 ? 3 : 2)).map { [day(number), .text("EUR"), .number(ExactDecimal(number * 10 + $0))] }
    }
    let data = try dataset(["day", "currency", "net"], rows, for: bars(.line, series: "currency"))
    #expect(data.totalRows == 20_010 && data.rows.count == 19_998 && data.keepsNewest)
    #expect(data.csv.count { $0 == 0x0A } == 20_011)
    guard case .chart(let chart, _, let note) = try block(bars(.line, series: "currency"), data).body else {
      Issue.record("no chart")
      return
    }
    // The day that would have been cut in two is left out whole.
    #expect(chart.axis.count == 9_999 && chart.axis.label(0) == DateText.day(CivilDate(daysSince1970: 20_004)))
    #expect(note?.hasPrefix("Drawn from the newest 19,998 of 20,010 rows; all in data/x.csv.") == true, "\(note ?? "")")
  }

  @Test func chartOfVeryManyNamesIsOfTheFirstOnesAndSaysSo() throws {
    let rows = (0..<20_004).map { [Figure.text("n\($0)"), .text("EUR"), .number(ExactDecimal($0))] }
    let data = try dataset(["day", "currency", "net"], rows, for: bars(.bar))
    #expect(data.rows.count == 20_000 && data.rows.first.map { $0[1] } == .text("n0"))
    guard case .chart(_, _, let note) = try block(bars(.bar), data).body else { return }
    #expect(note == "Drawn from the first 20,000 of 20,004 rows; all in data/x.csv.")
  }

  @Test func oneDayOfVeryManyRowsIsCutWithinTheDay() throws {
    let rows = (0..<20_002).map { [day($0 == 0 ? 0 : 1), .text("EUR"), .number(ExactDecimal($0))] }
    let data = try dataset(["day", "currency", "net"], rows, for: bars(.line))
    #expect(data.rows.count == 20_000 && data.rows.allSatisfy { $0[1] == day(1) })
  }

  @Test func amountsOfTwoCurrenciesAreNeverStacked() throws {
    func rows(_ currency: String) -> [[Figure]] {
      [
        [day(0), .text("EUR"), .text("A"), .number(1)], [day(0), .text(currency), .text("B"), .number(2)],
        [day(1), .text("USD"), .text("A"), .number(3)],
      ]
    }
    let names = ["day", "currency", "what", "net"]
    let kind = bars(.stackedBar, series: "what")
    let mixed = try block(kind, try dataset(names, rows("USD"), for: kind))
    guard case .table = mixed.body else {
      Issue.record("drawn")
      return
    }
    #expect(mixed.lead.hasPrefix("Not drawn: bars that stand upon each other would add amounts in EUR, USD."))
    #expect(mixed.dataset?.rows.count == 3)
    // In one currency for each day nothing is added that should not be.
    guard case .chart(_, .stackedBar, nil) = try block(kind, try dataset(names, rows("EUR"), for: kind)).body else {
      Issue.record("not drawn")
      return
    }
  }
}
