// The workbook of a set: each figure that of report.json, hostile content inert, the same bytes twice, extracts of very
// many rows. Contents are made in memory here; sets from a database are below.

import Definitions
import Finding
import Foundation
import Ledger
import Markup
import Money
import Postgres
import TestSupport
import Testing

@testable import Reports

private let hostile = [
  "<script>alert(1)</script>", "=HYPERLINK(\"http://x\",\"y\")", "\"; drop table customers; --", "+1", "-2", "@x",
  "\u{202E}gnp.exe", "👩‍👩‍👧 family", "tab\there", "bell\u{7}", "a,b", "two\nlines", "nul\0", "_x0041_", "＝1+1", "",
  String(repeating: "long ", count: 2_000), String(repeating: "x", count: 40_000),
]

private let amounts = [
  "0.00", "-0.01", "9999999999999.99", "10000000000000.00", "-123456789012345678.90", "1234.5678901234567890",
]

private func context(_ draftReasons: [String] = []) -> PageContext {
  PageContext(
    project: "acme & =sons", asOf: CivilDate("2026-11-20") ?? CivilDate(daysSince1970: 0), timeZone: "America/New_York",
    runID: "019a9f00-0000-7000-8000-000000000001", job: "nightly", generatedAt: "2026-11-21 04:15",
    generatedLocal: "2026-11-20 23:15",
    feeds: [.init(feed: "orders", through: "2026-11-20"), .init(feed: "products", through: "no data yet")],
    pages: [.init(name: "index", title: "Overview"), .init(name: "sales", title: "Sales <now>")],
    draftReasons: draftReasons, rejectedRows: 2)
}

private func dataset(_ names: [String], shown: Int = 200) throws -> Dataset {
  try Dataset(
    names: ["currency", "name", "net", "count", "share", "customer_id", "day", "at"],
    rows: names.enumerated().map { index, name in
      let moment = Moment(microsecondsSince1970: 1_795_234_500_123_000 + Int64(index) * 61_000_000)
      return [
        .text(index % 3 == 2 ? "JPY" : "USD"), .text(name),
        index % 7 == 6 ? .missing : .number(try #require(ExactDecimal(amounts[index % amounts.count]))),
        .number(ExactDecimal(index * 1_000 - 500)), .number(try #require(ExactDecimal("-0.\(index + 1)"))),
        .number(ExactDecimal(1_000 + index)), .date(CivilDate(daysSince1970: index == 3 ? -40_000 : 20_000 + index)),
        .moment(moment),
      ]
    },
    described: [
      ColumnFormat(column: "name", label: "=Customer", kind: .text),
      ColumnFormat(column: "net", label: "Net", kind: .money(currencyColumn: "currency")),
      ColumnFormat(column: "count", label: "net", kind: .integer), ColumnFormat(column: "share", kind: .percent),
    ], shown: shown, csvPath: "data/sales.csv")
}

private let report = ReportDefinition(
  name: "sales", title: "Sales now", sections: [], position: SourcePosition(file: "Jobs/reports/sales.yaml", line: 1),
  definitionHash: "1")

private func section(_ kind: ReportSection.Kind, title: String) -> ReportSection {
  ReportSection(
    title: title, kind: kind, source: .none, text: "",
    position: SourcePosition(file: "Jobs/reports/sales.yaml", line: 7))
}

private func content(_ data: Dataset) throws -> ReportContent {
  let rendering = SectionRendering(report: report)
  let lines = ReportSection.Kind.chart(ChartDefinition(type: .line, x: "day", y: ["net"], series: "currency"))
  let bars = ReportSection.Kind.chart(ChartDefinition(type: .bar, x: "name", y: ["count"]))
  let stacks = ReportSection.Kind.chart(ChartDefinition(type: .stackedBar, x: "day", y: ["count"], series: "name"))
  return ReportContent(
    name: "sales", title: "Sales now", description: "What was sold & returned.",
    blocks: [
      try rendering.block(section(.kpi, title: "Today"), index: 0, dataset: data),
      try rendering.block(section(lines, title: "=By day"), index: 1, dataset: data),
      try rendering.block(section(bars, title: "By name"), index: 2, dataset: data),
      try rendering.block(section(stacks, title: "By day and name"), index: 3, dataset: data),
      try rendering.block(section(.table, title: "All"), index: 4, dataset: data),
      ContentBlock(title: "Rows", body: .verdict(isGood: false, "Difference 0.01.")),
    ])
}

private func render(_ pages: [ReportContent], _ context: PageContext, in directory: TemporaryDirectory) throws
  -> [UInt8]
{
  let rendering = WorkbookRendering(
    context: context, generated: Moment(microsecondsSince1970: 1_795_234_500_000_000),
    pages: pages.map { .init(content: $0, feeds: context.feeds) })
  return try rendering.bytes(scratch: directory.path)
}

private func parsed(_ pages: [ReportContent]) throws -> [String: Any] {
  ["reports": try pages.map { try JSONSerialization.jsonObject(with: Data($0.json.text(openLevels: 4).utf8)) }]
}

@Suite struct WorkbookRenderingTests {
  @Test func hostileContentIsInertAndEveryFigureIsThatOfTheJSON() async throws {
    try await TemporaryDirectory.with { directory in
      let index = ReportContent(name: "index", title: "Overview", description: "", blocks: [])
      let pages = [index, try content(dataset(hostile))]
      let bytes = try render(pages, context(["A file was refused: <b>=1</b>."]), in: directory)
      #expect(try render(pages, context(["A file was refused: <b>=1</b>."]), in: directory) == bytes)
      let book = try await SpreadsheetReader.read(try directory.write(bytes, to: "read.xlsx"))
      let compared = try compareFigures(try parsed(pages), book)
      #expect(compared == 5 * hostile.count * 8)
      #expect(!book.formulas && !book.links)
      #expect(book.sheets.map(\.name) == ["Overview", "Sales now", "Chart data"])
      let sheet = try #require(book.sheet("Sales now"))
      #expect(sheet.cells.values.allSatisfy { ["text", "number", "date"].contains($0.type) && $0.link == nil })
      #expect(sheet.cells.values.allSatisfy { !$0.value.contains("\u{202E}") && !$0.value.contains("\u{7}") })
      // Heads that are the same but for case are told apart, and none is a formula.
      #expect(sheet.tables[0].columns.contains("=Customer") && sheet.tables[0].columns.contains("net (2)"))
      let words = sheet.cells.values.map(\.value)
      #expect(
        words.contains(
          "6 figures have more than the 15 digits that a spreadsheet holds. They stand as text, on yellow."))
      #expect(words.contains("One text is longer than a cell holds and is cut; data/sales.csv has it whole."))
      #expect(words.contains("One date is outside what a spreadsheet knows and stands as text, on yellow."))
      #expect(words.contains { $0.contains("longer fractions than a spreadsheet holds and are rounded to 15 digits") })
      #expect(
        words.contains(
          "DRAFT, as of 20 Nov 2026. Generated 2026-11-21 04:15 UTC, 2026-11-20 23:15 in America/New_York, by run 019a9f00-0000-7000-8000-000000000001 (nightly)."
        ))
      #expect(words.contains("! Difference 0.01.") && words.contains("A file was refused: <b>=1</b>."))
      let yellow = sheet.cells.values.filter { $0.color == "FFFFF2CC" }
      #expect(yellow.contains { $0.value == "10000000000000.00" } && yellow.contains { $0.value == "1860-06-26" })
      // Yen have no decimals.
      #expect(
        Set(sheet.cells.values.map(\.format)).isSuperset(of: ["#,##0.00_);[Red](#,##0.00)", "#,##0_);[Red](#,##0)"]))
    }
  }

  @Test func pageOneHasItsFactsAndEverySheetItsHead() async throws {
    try await TemporaryDirectory.with { directory in
      let index = ReportContent(name: "index", title: "Overview", description: "", blocks: [])
      let pages = [index, try content(dataset(["Ada", "Bob", "Cy"], shown: 2))]
      let bytes = try render(pages, context(), in: directory)
      let book = try await SpreadsheetReader.read(try directory.write(bytes, to: "read.xlsx"))
      let names = book.names.mapValues { $0.replacing("'Overview'!", with: "").replacing("$", with: "") }
      let first = try #require(book.sheets.first)
      func fact(_ name: String) -> String? { names[name].flatMap { first.cells[$0]?.value } }
      #expect(fact("as_of") == "2026-11-20T00:00:00.000" && fact("state") == "COMPLETE")
      #expect(fact("generated_at") == "2026-11-21 04:15" && fact("generated_local") == "2026-11-20 23:15")
      #expect(fact("time_zone") == "America/New_York" && fact("rejected_rows") == "2")
      #expect(fact("run_id") == "019a9f00-0000-7000-8000-000000000001")
      #expect(
        fact("data_through_orders") == "2026-11-20T00:00:00.000" && fact("data_through_products") == "no data yet")
      for sheet in book.sheets {
        #expect(sheet.cells["A2"]?.value.hasPrefix("COMPLETE, as of 20 Nov 2026.") == true)
        #expect(sheet.frozen == "A3" && sheet.repeated == "$1:$2" && sheet.orientation == "landscape")
        #expect(sheet.header[2] == "COMPLETE, as of 20 Nov 2026" && sheet.footer[1]?.hasPrefix("Page ") == true)
      }
      #expect(book.title == "acme & =sons, 20 Nov 2026" && book.created == "2026-11-21T04:15:00Z")
      let sales = try #require(book.sheet("Sales now"))
      #expect(sales.cells.values.contains { $0.value == "2 of 3; all in data/sales.csv" })
      #expect(sales.charts == 3 && book.charts.count == 3)
      #expect(book.words.allSatisfy { $0?.contains(". ") == true })
      let drawn = try #require(book.sheet("Chart data"))
      #expect(drawn.tables.map(\.name) == ["sales_chart", "sales_chart_2", "sales_chart_3"])
      #expect(drawn.tables[0].columns == ["Day", "USD"] && drawn.tables[1].columns == ["Name", "Value"])
      #expect(book.charts[0].points.contains("=By day") || book.charts.contains { $0.points.contains("=By day") })
    }
  }

  @Test func sectionsWithoutRowsKeepTheirTables() async throws {
    try await TemporaryDirectory.with { directory in
      let pages = [try content(dataset([]))]
      let book = try await SpreadsheetReader.read(
        try directory.write(try render(pages, context(), in: directory), to: "read.xlsx"))
      let sheet = try #require(book.sheet("Sales now"))
      #expect(sheet.tables.count == 5 && book.charts.isEmpty)
      #expect(sheet.cells.values.count { $0.value == "No rows." } == 5)
    }
  }

  @Test func extractHoldsAllRows() async throws {
    try await TemporaryDirectory.with { directory in
      let data = try dataset(hostile)
      let extract = WorkbookExtract(dataset: data, title: "=All/rows", project: "acme", asOf: context().asOf)
      let bytes = try extract.bytes(data.rows, scratch: directory.path)
      #expect(try extract.bytes(data.rows, scratch: directory.path) == bytes)
      let book = try await SpreadsheetReader.read(try directory.write(bytes, to: "read.xlsx"))
      #expect(book.sheets.map(\.name) == ["=All-rows", "Notes"] && !book.formulas && !book.links)
      let sheet = book.sheets[0]
      #expect(sheet.rows == hostile.count + 1 && sheet.frozen == "A2" && sheet.repeated == "$1:$1")
      #expect(sheet.cells["A2"]?.value == hostile[0] && sheet.cells["A3"]?.type == "text")
      #expect(book.sheets[1].cells.count == 4)
      #expect(book.created == "2026-11-20T00:00:00Z")
    }
  }

  @Test func headsAreAsHighAsTheirWords() {
    var widths = SheetWidths()
    widths.widen(0, characters: 13)
    widths.widen(1, characters: 23)
    #expect(widths.lines(ofHeads: ["Net", "Net revenue"]) == 1)
    #expect(widths.lines(ofHeads: ["Net revenue", "Net revenue"]) == 2)
    #expect(widths.lines(ofHeads: ["", "Net revenue this year, the year before"]) == 3)
    #expect(widths.lines(ofHeads: [String(repeating: "x", count: 25)]) == 3)
    #expect(widths.lines(ofHeads: []) == 1)
  }

  @Test func sentencesAreBrokenAtSpaces() {
    let words = Array(repeating: "word", count: 60).joined(separator: " ")
    let lines = WorkbookSheet.lines("   " + words)
    #expect(lines.count == 3 && lines.allSatisfy { $0.count <= 120 } && lines[0].hasPrefix("   word"))
    #expect(lines.joined(separator: " ") == "   " + words)
    #expect(WorkbookSheet.lines(String(repeating: "x", count: 500)) == [String(repeating: "x", count: 500)])
    #expect(WorkbookSheet.lines("a\n\nb") == ["a", "b"] && WorkbookSheet.lines("").isEmpty)
  }
}

@Suite struct WorkbookPublishingTests {
  @Test func workbookHoldsEveryFigureOfTheSetAndIsTheSameTwice() async throws {
    try await inShop { shop, directory in
      let outcome = try await shop.publisher().publish()
      let path = "\(outcome.directory)/daybook.xlsx"
      let book = try await SpreadsheetReader.read(path)
      let compared = try compareFigures(try object("\(outcome.directory)/report.json"), book)
      #expect(compared > 1_000)
      #expect(
        book.sheets.map(\.name) == [
          "Overview", "Customers", "Revenue", "Reconciliation", "Data quality", "Run", "Chart data",
        ])
      #expect(!book.formulas && !book.links && book.charts.count >= 6)
      // What charts are drawn from is what the CSV has.
      let csv = try String(contentsOfFile: "\(outcome.directory)/data/revenue_net_by_month.csv", encoding: .utf8)
      let drawn = try #require(book.sheet("Chart data"))
      let table = try #require(drawn.tables.first { $0.name == "revenue_net_by_month_chart" })
      var values = 0
      for line in csv.split(separator: "\n").dropFirst() {
        let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard let month = fields.first(where: { CivilDate($0) != nil }), let place = fields.firstIndex(of: month),
          let currency = fields.first(where: { table.columns.contains($0) }),
          let net = fields.indices.first(where: { $0 != place && ExactDecimal(fields[$0]) != nil })
        else { continue }
        let column = try #require(table.columns.firstIndex(of: currency))
        let rows = (0..<40).map { drawn.row($0, of: table) }
        let row = try #require(rows.first { $0.first??.value.hasPrefix(month) == true })
        #expect(row[column].flatMap { ExactDecimal($0.value) } == ExactDecimal(fields[net]), "\(line)")
        values += 1
      }
      #expect(values > 20)
      let heads = try #require(book.sheet("Revenue")?.tables.first).columns
      #expect(Set(heads).isSuperset(of: ["Net revenue, the year before", "Net revenue this year, the year before"]))
      // And not only what the JSON says, but what the database does.
      let paid = try await shop.pool.withConnection { connection in
        try await connection.query(
          """
          SELECT currency, sum(CASE type WHEN 'payment' THEN amount WHEN 'fee' THEN 0 ELSE -amount END)::text
          FROM finance.transactions t
          WHERE EXISTS (SELECT FROM finance.transactions p
            WHERE p.customer_id = t.customer_id AND p.currency = t.currency AND p.type = 'payment')
          GROUP BY 1
          """
        ).map { (try $0.decode(0, as: String.self), try $0.decode(1, as: String.self)) }
      }
      let customers = try #require(book.sheet("Customers"))
      let first = try #require(customers.tables.first)
      let net = try #require(first.columns.firstIndex(of: "Net paid"))
      for (currency, amount) in paid {
        let row = try #require((0..<paid.count).map { customers.row($0, of: first) }.first { $0[0]?.value == currency })
        #expect(row[net].flatMap { ExactDecimal($0.value) } == ExactDecimal(amount), "\(currency)")
      }

      // Another folder, the same moment and run: the same bytes.
      let bytes = try Data(contentsOf: URL(filePath: path))
      var elsewhere = shop.project
      elsewhere.output = directory.appending("Elsewhere")
      let second = try await shop.publisher(project: elsewhere).publish()
      #expect(try Data(contentsOf: URL(filePath: "\(second.directory)/daybook.xlsx")) == bytes)

      // A page that is kept stands in the workbook of the new set all the same.
      var changed = shop.project
      let place = try #require(changed.reports.firstIndex { $0.name == "customers" })
      changed.reports[place].definitionHash += "x"
      let third = try await shop.publisher(project: changed).publish()
      #expect(third.reports.filter(\.cached).map(\.name) == ["revenue"])
      let again = try await SpreadsheetReader.read("\(third.directory)/daybook.xlsx")
      let comparedAgain = try compareFigures(try object("\(third.directory)/report.json"), again)
      #expect(comparedAgain == compared)
    }
  }

  @Test func sectionOfVeryManyRowsHasAWorkbookOfItsOwn() async throws {
    try await inShop(customers: 5) { shop, _ in
      var project = shop.project
      let rows = "select i as rank, '=' || i as name, i * 1.25 as net_paid from generate_series(1, 100001) i order by i"
      let place = try #require(project.reports[0].sections.firstIndex { $0.csv == "customers" })
      project.reports[0].sections = [project.reports[0].sections[place]]
      project.reports[0].sections[0].source = .query(rows)
      project.reports[0].sections[0].columns = []
      project.reports[0].definitionHash += "x"
      let outcome = try await shop.publisher(project: project).publish()
      let file = "\(outcome.directory)/data/customers.xlsx"
      let script = """
        import sys, zipfile
        text = zipfile.ZipFile(sys.argv[1]).read("xl/worksheets/sheet1.xml").decode()
        last = text[text.rindex("<row "):]
        print(text.count("<row "), "=100001<" in last, "<v>125001.25</v>" in last, "<f" in text)
        """
      let seen = try await ProgramRun.run(
        "/usr/bin/python3", ["-c", script, file], environment: ["PATH": "/usr/bin"], timeout: .seconds(60))
      #expect(seen.stdout == "100002 True True False\n", "\(seen.stderr)")
      let manifest = try #require(OutputFolder(path: project.output).intactManifest(for: shop.asOf))
      #expect(manifest.file(at: "data/customers.xlsx") != nil && manifest.file(at: "daybook.xlsx") != nil)
      #expect(manifest.report(named: "customers")?.files.contains("data/customers.xlsx") == true)
      let page = try String(contentsOfFile: "\(outcome.directory)/customers.html", encoding: .utf8)
      #expect(page.contains("25 of 100,001; all in <a href=\"data/customers.csv\">data/customers.csv</a> and"))
      // The run that publishes is in the set's workbook and not in this one, which stays as it is.
      let before = try stamps(project.output)
      let other = try #require(RunID("01020304-0506-7000-8000-00000000000a"))
      _ = try await shop.publisher(run: other, project: project).publish(force: true)
      let after = try stamps(project.output)
      #expect(after["2026-11-20/data/customers.xlsx"] == before["2026-11-20/data/customers.xlsx"])
      #expect(after["2026-11-20/daybook.xlsx"] != before["2026-11-20/daybook.xlsx"])
    }
  }
}
