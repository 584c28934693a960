// What pages below definitions/ do when their texts are longer than a page may be.
// No database takes part.

import Definitions
import Finding
import Markup
import Testing

@testable import Reports

private let place = SourcePosition(file: "Jobs/reports/sales.yaml", line: 7)
private let tooLarge = "Cut: the page would be larger than 2 MB; "

private func pages(_ sources: [String: String]) -> DefinitionPages {
  let views = sources.keys.filter { $0.hasSuffix(".sql") }.sorted().map { file in
    ViewDefinition(
      name: String(file.dropLast(4)), kind: .native(NativeViewDefinition(sql: "SELECT 1")), inputs: [],
      definitionHash: "1", position: SourcePosition(file: file, line: 1))
  }
  let report = ReportDefinition(name: "sales", title: "Sales", sections: [], position: place, definitionHash: "1")
  let project = Project(
    name: "p", root: "/nowhere", database: DatabaseSettings(schema: "p"), inbox: "", output: "",
    calendar: CalendarSettings(), feeds: [], views: views, reports: [report], jobs: [], sources: sources,
    configurationHash: "1")
  return DefinitionPages(project: project, context: HostilePages.context)
}

private func block(sql: String, columns: Int = 1) throws -> ContentBlock {
  let names = (0..<columns).map { "column_\($0)" }
  let data = try Dataset(
    names: names, rows: [names.map { .text($0) }], described: [], shown: 1, csvPath: "data/sales.csv")
  var block = ContentBlock(title: "By day", body: .table, dataset: data)
  block.statement = RanStatement(sql: sql, values: [], inputs: [], position: place)
  return block
}

private func content(_ blocks: [ContentBlock]) -> ReportContent {
  ReportContent(name: "sales", title: "Sales", description: "", blocks: blocks)
}

/// A page that is well-formed and not too large.
private func text(_ page: [UInt8], fuller than: Int = 1_500_000) -> String {
  let text = String(decoding: page, as: UTF8.self)
  #expect(page.count <= 2_000_000 && page.count > than, "\(page.count)")
  #expect(markupDefect(text) == nil)
  return text
}

@Suite struct DefinitionPagesTests {
  @Test func aDefinitionThatIsTooLongIsCutAndItsFileIsNamed() throws {
    // Every character of it takes five bytes of a page.
    let yaml = "report: sales\n" + String(repeating: "# \(String(repeating: "&", count: 97))\n", count: 9_000)
    let page = try #require(try pages([place.file: yaml]).page(about: content([block(sql: "SELECT 2")])))
    let shown = text(page)
    #expect(shown.contains("report: sales\n") && shown.contains("SELECT 2"))
    #expect(shown.contains("&amp;\n</code>"), "whole lines")
    #expect(shown.contains(tooLarge + "Jobs/reports/sales.yaml has it whole."))
    // One that has no lines.
    let line = String(repeating: "&", count: 900_000)
    #expect(
      text(try #require(try pages([place.file: line]).page(about: content([block(sql: "SELECT 2")]))))
        .contains("&amp;</code>"))
  }

  @Test func whatFitsIsWhole() throws {
    let yaml = "report: sales\n" + String(repeating: "x", count: 1_000_000)
    let page = try #require(try pages([place.file: yaml]).page(about: content([block(sql: "SELECT 2")])))
    #expect(text(page, fuller: 1_000_000).contains(yaml) && !text(page, fuller: 1_000_000).contains("Cut: "))
  }

  @Test func statementsThatAreTooLongAreCutTogether() throws {
    let long = String(repeating: "SELECT 1 UNION ALL\n", count: 30_000)
    let blocks = try (0..<6).map { _ in try block(sql: long) } + [block(sql: "SELECT 'short'")]
    let shown = text(try #require(pages([:]).page(about: content(blocks))))
    #expect(shown.matches(of: /Cut: the page would be larger than 2 MB; it is made from/).count == 6)
    #expect(shown.contains(tooLarge + "it is made from Jobs/reports/sales.yaml:7."))
    #expect(shown.contains("SELECT &#39;short&#39;"))
  }

  @Test func theLongestOfManyDefinitionsAreCut() throws {
    var sources: [String: String] = ["short.sql": "SELECT 'short'"]
    for index in 10..<40 { sources["long\(index).sql"] = String(repeating: "SELECT \(index);\n", count: index * 1_000) }
    let shown = text(pages(sources).views())
    #expect(shown.contains("SELECT &#39;short&#39;"))
    #expect(shown.contains(tooLarge + "long39.sql has it whole."))
    #expect(!shown.contains("short.sql has it whole"))
    for index in 10..<40 { #expect(shown.contains("id=\"of-long\(index)\"")) }
  }

  @Test func listsOfVeryManyColumnsEndEarlier() throws {
    let blocks = try (0..<10).map { _ in try block(sql: "SELECT 1", columns: 1_600) }
    let shown = text(try #require(pages([:]).page(about: content(blocks))), fuller: 900_000)
    #expect(shown.matches(of: /800 of 1600 columns: the page would be larger than 2 MB/).count == 10)
    #expect(shown.contains("SELECT 1"))
  }
}
