// Damaged files against the product's own CSV reader: a planted defect has one clear outcome there too, whatever the
// chunk size, and the lines behind it are read.

import CSV
import Foundation
import SampleData
import TestSupport
import Testing

@Suite struct DamagedFilesParsing {
  @Test(arguments: [61, 4_096, 4 << 20])
  func everyPlantedDefectIsFoundOnItsLineAndNoOther(chunkBytes: Int) throws {
    let settings = try makeSettings(customers: 900, products: 900, orders: 1_500, transactions: 2_500, dirty: "0.02")
    try TemporaryDirectory.with { directory in
      let summary = try SampleGenerator(settings).write(to: directory.path)
      let document = try JSONDecoder().decode(
        ExpectedDocument.self, from: Data(contentsOf: URL(filePath: summary.expectationPath)))
      var seen: Set<String> = []
      for (file, expected) in zip(summary.files, document.files) {
        var found: [String] = []
        var records = -1
        var reader = ChunkReader(
          source: try FileByteSource(path: directory.appending(file.name)), dialect: .standard, chunkBytes: chunkBytes)
        var parser = RecordParser(dialect: .standard)
        var columnCount = 0
        while let chunk = try reader.next() {
          parser.parse(chunk) { record in
            records += 1
            if records == 0 { columnCount = record.fieldCount }
            let code: String? =
              switch record.defect {
              case .unterminatedQuote: "unterminated_quote"
              case .strayQuote: "stray_quote"
              case .some(let other): "\(other)"
              case nil: record.fieldCount == columnCount ? nil : "field_count"
              }
            if let code { found.append("\(record.line) \(code)") }
          }
        }
        let structural: Set = ["unterminated_quote", "stray_quote", "field_count"]
        let planted = expected.rejects.filter { structural.contains($0.code) }
        #expect(found == planted.map { "\($0.line) \($0.code)" }, "\(file.name)")
        #expect(records == file.rows, "\(file.name)")
        seen.formUnion(planted.map(\.code))
      }
      #expect(seen.count == 3)
    }
  }
}
