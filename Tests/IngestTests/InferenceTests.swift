// What inference says about a file: every guess as a definition that the definitions' reader takes, and the proof that
// the ingest loads the file with it. Files are written by the tests; what is loaded is counted through psql.

import Definitions
import Finding
import Ingest
import Ledger
import Money
import Postgres
import TestSupport
import Testing

@Suite struct InferenceTests {
  /// Infers from a file of that text.
  static func infer(
    _ text: String, name: String = "payments_2026-11-20.csv", maximumRecords: Int? = nil
  ) throws -> InferredFeed { try infer(Array(text.utf8), name: name, maximumRecords: maximumRecords) }

  static func infer(
    _ bytes: [UInt8], name: String = "payments_2026-11-20.csv", maximumRecords: Int? = nil
  ) throws -> InferredFeed {
    try TemporaryDirectory.with { directory in
      let path = try directory.write(bytes, to: name)
      return try FeedInference(maximumRecords: maximumRecords).infer(path)
    }
  }

  /// The refusal's code.
  static func refusal(_ bytes: [UInt8], name: String = "payments.csv") throws -> String {
    do {
      let feed = try infer(bytes, name: name)
      return "none: \(feed.definition)"
    } catch let error as IngestError {
      #expect(error.diagnostics.allSatisfy { $0.fix != nil && $0.severity == .error })
      return error.diagnostics.first?.code ?? ""
    }
  }

  static func type(_ values: [String], header: String = "value") throws -> String {
    let feed = try infer("k,\(header)\n" + values.enumerated().map { "k\($0.offset),\"\($0.element)\"\n" }.joined())
    let column = feed.columns[1]
    return column.type + (column.format.map { " \($0)" } ?? "") + (column.isOptional ? " optional" : "")
  }

  // MARK: Types

  @Test(arguments: [
    (["1", "22", "-3"], "integer"), (["1", "2147483648"], "bigint"), (["007", "012"], "text"),
    (["0", "10"], "integer"),
    (["12923.0", "4.0"], "integer"), (["1.50", "12"], "decimal(12,2)"), (["1.5", "0.125"], "decimal(13,3)"),
    (["12345678901234567890", "1"], "decimal(23,0)"), (["1e5", "2"], "text"), (["$5.00", "$6.00"], "text"),
    (["true", "false"], "boolean"), (["Y", "N"], "boolean"), (["0", "1"], "integer"), (["yes", "maybe"], "text"),
    (["2026-11-20", "2026-11-21"], "date"), (["2026-11-20 10:00:00", "2026-11-20 10:00:00.25"], "timestamp"),
    (["2026-11-20T10:00:00Z", "2026-11-20T10:00:00+01:00"], "timestamptz"), (["2026-02-30", "2026-01-01"], "text"),
    (["31/12/2026", "01/02/2026"], "date dd/MM/yyyy"), (["12/31/2026", "01/02/2026"], "date MM/dd/yyyy"),
    (["1.2.2026", "31.12.2026"], "date d.M.yyyy"), (["20-Nov-2026", "01-Dec-2026"], "date dd-MMM-yyyy"),
    (["Nov 20, 2026", "Dec 01, 2026"], "date MMM dd, yyyy"), (["31/12/26", "01/01/27"], "text"),
    (["31/12/2026 9:05", "01/02/2026 23:59"], "timestamp dd/MM/yyyy H:mm"),
    (["31/12/2026 09:05:00.125 +01:00"], "timestamptz dd/MM/yyyy HH:mm:ss.SSS XXX"),
    (["6f1e7b52-30a8-4d5e-9c7a-1f2b3c4d5e6f"], "uuid"), ([#"{""a"": 1}"#, "[1, 2]"], "json"), (["{a}", "{b}"], "text"),
    (["+4912345678", "+4987654321"], "text"), (["", "1"], "integer optional"),
    ([String(repeating: "9", count: 60)], "text"),
    ([""], "text"),
  ])
  func valuesDecideTheType(values: [String], expected: String) throws {
    #expect(try Self.type(values) == expected)
  }

  @Test(arguments: [
    ("zip_code", ["10115", "20095"], "text"), ("customer_id", ["5", "6"], "bigint"),
    ("is_active", ["0", "1"], "boolean"),
    ("order_date", ["20261120", "20261121"], "date yyyyMMdd"), ("count", ["20261120", "20261121"], "integer"),
  ])
  func namesDecideWhereValuesCannot(name: String, values: [String], expected: String) throws {
    #expect(try Self.type(values, header: name) == expected)
  }

  @Test func dayAndMonthThatCannotBeToldApartAreSaidToBeUndecided() throws {
    let feed = try Self.infer("id,day\n1,01/02/2026\n2,03/04/2026\n")
    #expect(feed.columns[1].format == "dd/MM/yyyy")
    #expect(feed.definition.contains("UNDECIDED: no number above 12 was seen, so it may be MM/dd/yyyy"))
    #expect(feed.findings.map(\.code) == ["undecided"])
    let decided = try Self.infer("id,day,paid\n1,01/02/2026,12/31/2026\n2,03/04/2026,01/01/2026\n")
    #expect(decided.columns[1].format == "MM/dd/yyyy")
    #expect(decided.definition.contains("column paid decides"))
    #expect(decided.findings.isEmpty)
  }

  // MARK: Numbers

  @Test(arguments: [
    ("a;b\n1;1.234,50\n2;0,99\n", ",", ".", "decimal(12,2)"),
    ("a,b\n1,\"1,234.50\"\n2,0.99\n", nil, ",", "decimal(12,2)"),
    ("a;b\n1;12,5\n2;3\n", ",", nil, "decimal(12,2)"), ("a;b\n1;12 500\n2;3\n", nil, " ", "integer"),
    ("a;b\n1;1'250.5\n2;3\n", nil, "'", "decimal(12,2)"), ("a;b\n1;1,234\n2;5,678\n", nil, nil, "text"),
    ("a;b\n1;1.234\n2;5.678\n", nil, nil, "decimal(13,3)"), ("a,b\n1,\"1,234\"\n2,12\n", nil, ",", "integer"),
    ("a,b\n1,\"1,234,567\"\n2,12\n", nil, ",", "integer"), ("a;b\n1;192.168.100.200\n2;10.0.0.1\n", nil, nil, "text"),
  ])
  func marksOfNumbersNeedAWitness(text: String, decimal: String?, grouping: String?, type: String) throws {
    let feed = try Self.infer(text)
    #expect(feed.columns[1].type == type, "\(feed.definition)")
    #expect(feed.definition.contains("decimal_mark:") == (decimal != nil), "\(feed.definition)")
    if let decimal { #expect(feed.definition.contains("decimal_mark: \"\(decimal)\"")) }
    if let grouping { #expect(feed.definition.contains("grouping_mark: \"\(grouping)\"")) }
  }

  @Test func negativesInParenthesesAndWithTrailingMinusAreNamed() throws {
    let feed = try Self.infer("a,b,c\n1,(12.50),5.00-\n2,3.00,6.00\n", maximumRecords: 10)
    #expect(feed.definition.contains("negatives: [parentheses, trailing_minus]"))
    #expect(feed.columns.map(\.type) == ["integer", "decimal(12,2)", "decimal(12,2)"])
  }

  @Test func blanksAroundNumbersAskForTrim() throws {
    let feed = try Self.infer("a,b\n 1,x\n2 , y\n", maximumRecords: 10)
    #expect(feed.definition.contains("{ type: integer, trim: true }"))
    #expect(feed.definition.contains("could have  trim: true"))
  }

  // MARK: No value

  @Test func tokensForNoValueAreFoundWhereATypeNeedsThem() throws {
    let feed = try Self.infer("a,b,c\n1,NA,x\n2,3.5,\\N\n-,4.5,y\n")
    #expect(feed.definition.contains(#"nulls: ["", "-", "NA", "\\N"]"#), "\(feed.definition)")
    #expect(feed.columns.map(\.type) == ["integer", "decimal(12,2)", "text"])
    #expect(feed.columns.map(\.isOptional) == [true, true, true])
  }

  @Test func namibiaAmongCountryCodesIsNotMissing() throws {
    let feed = try Self.infer("a,b,c\n1,NA,DE\n2,3.5,NA\n3,4.5,FR\n")
    #expect(!feed.definition.contains("nulls:"))
    #expect(feed.columns.map(\.type) == ["integer", "text", "text"])
    #expect(feed.columns[1].evidence.contains { $0.contains("is a code in column c") })
  }

  @Test func quotedEmptyTextIsAValue() throws {
    let feed = try Self.infer("a,b\n1,\"\"\n2,x\n")
    #expect(!feed.columns[1].isOptional)
    #expect(try Self.infer("a,b\n1,\n2,x\n").columns[1].isOptional)
  }

  // MARK: Dialect and encoding

  @Test(arguments: [
    (",", "\""), (";", "\""), ("\t", "\""), ("|", "\""), (":", "\""), ("^", "\""), (",", "'"), (";", "none"),
    ("\u{1}", "\""), ("\u{1F}", "\""),
  ])
  func dialectsAreTold(delimiter: String, quote: String) throws {
    let q = quote == "none" ? "" : quote
    let rows = (1...30).map { ["\($0)", quote == "none" ? "5\" pipe" : "\(q)a\(delimiter)b \($0)\(q)", "2026-11-20"] }
    let text = ([["id", "what", "on"]] + rows).map { $0.joined(separator: delimiter) }.joined(separator: "\r\n")
    let feed = try Self.infer(text)
    #expect(feed.columns.map(\.type) == ["bigint", "text", "date"], "\(feed.definition)")
    let shown = delimiter == "\t" ? "\\t" : delimiter < " " ? delimiter == "\u{1}" ? "\\u0001" : "\\u001f" : delimiter
    #expect(feed.definition.contains("delimiter: \"\(shown)\""), "\(feed.definition)")
    #expect(FeedDefinition.read(feed.definition, file: "x.yaml").diagnostics == [], "\(feed.definition)")
    #expect(feed.recordsTried == 30)
    #expect(feed.definition.contains(quote == "none" ? "quote: none" : quote == "'" ? "quote: \"'\"" : "quote: '\"'"))
  }

  @Test(arguments: [
    "utf-8", "utf-8 bom", "utf-16le", "utf-16le bom", "utf-16be", "utf-16be bom", "windows-1252", "latin-1",
  ])
  func encodingsAreTold(encoding: String) throws {
    let text = "id,name\n1,Zoë\n2,Größe €\n".replacing("€", with: encoding == "latin-1" ? "\u{81}" : "€")
    var bytes: [UInt8] = []
    switch encoding.prefix(6) {
    case "utf-8", "utf-8 ": bytes = (encoding.hasSuffix("bom") ? [0xEF, 0xBB, 0xBF] : []) + Array(text.utf8)
    case "utf-16":
      for unit in (encoding.hasSuffix("bom") ? "\u{FEFF}" : "").utf16 + Array(text.utf16) {
        let pair = [UInt8(truncatingIfNeeded: unit), UInt8(truncatingIfNeeded: unit >> 8)]
        bytes += encoding.hasPrefix("utf-16le") ? pair : pair.reversed()
      }
    default: bytes = text.unicodeScalars.map { $0 == "€" ? 0x80 : UInt8(truncatingIfNeeded: $0.value) }
    }
    let feed = try Self.infer(bytes)
    let word = encoding.split(separator: " ")[0]
    #expect(feed.definition.contains("encoding: \(word) "), "\(feed.definition)")
    #expect(feed.columns.map(\.name) == ["id", "name"])
    #expect(feed.recordsTried == 2)
    #expect(feed.findings == [])
  }

  @Test(arguments: [false, true])
  func utf16OfAnotherScriptIsToldByItsDelimiters(isBig: Bool) throws {
    let text = "番号,名前\n" + (1...50).map { "\($0),株式会社日本書籍出版協会\n" }.joined()
    let bytes = text.utf16.flatMap { unit in
      let pair = [UInt8(truncatingIfNeeded: unit), UInt8(truncatingIfNeeded: unit >> 8)]
      return isBig ? pair.reversed() : pair
    }
    let feed = try Self.infer(bytes)
    #expect(feed.definition.contains("encoding: utf-16\(isBig ? "be" : "le") "), "\(feed.definition)")
    #expect(feed.recordsTried == 50)
  }

  @Test func aFewNULsMakeNoUTF16() throws {
    let good = (5...60).map { "\($0),c\n" }.joined()
    let feed = try Self.infer("id,name\n1,ab\n2,ok\n3,x\0y\n4\0,z\n" + good)
    #expect(feed.definition.contains("encoding: utf-8 "), "\(feed.definition)")
    #expect(feed.findings.map(\.code) == ["records_refused"])
  }

  /// Records so long that those of the head are few, and the sample cheap; the surprise stands behind the head and
  /// outside every block, in both encodings.
  @Test func whatTheSampleOfAnotherEncodingDidNotShowComesBackFromTheTrial() throws {
    let header = "id;größe;rest\n"
    let rest = String(repeating: "x", count: 110)
    var rows: [UInt8] = []
    for row in 1...20_000 { rows += (row == 15_101 ? "\(row);viel;\(rest)\n" : "\(row);\(row % 7),5;\(rest)\n").utf8 }
    var wide = [UInt8](repeating: 0, count: 2 * rows.count)
    for (place, byte) in rows.enumerated() { wide[2 * place + 1] = byte }
    for bytes in [
      header.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } + rows,
      header.utf16.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] } + wide,
    ] {
      let feed = try Self.infer(bytes)
      #expect(feed.columns.map(\.type) == ["bigint", "text", "text"], "\(feed.definition)")
      #expect(feed.recordsTried == 20_000)
      #expect(feed.recordsSampled < 20_000)
    }
  }

  // MARK: Names

  @Test func namesBecomeColumns() throws {
    let names = [
      "InvoiceNo", "HTTPStatus", "Unit Price (€)", "Größe", "order", "2019", "🙂", "name", "Name", "ctid", "a b", "A_B",
      "daybook_x", "%", "${HOME}",
    ]
    let feed = try Self.infer(
      names.joined(separator: ",") + "\n" + names.map { _ in "x" }.joined(separator: ",") + "\n")
    #expect(
      feed.columns.map(\.name) == [
        "invoice_no", "http_status", "unit_price", "groesse", "order_", "c_2019", "column_7", "name", "name_2", "ctid_",
        "a_b", "a_b_2", "c_daybook_x", "percent", "home",
      ])
    let (read, diagnostics) = FeedDefinition.read(feed.definition, file: "x.yaml", environment: ["HOME": "/root"])
    #expect(diagnostics == [])
    #expect(read?.columns.map(\.sourceName) == names)
  }

  @Test(arguments: [
    ("transactions_2026-11-20.csv.gz", "transactions", "transactions_*.csv*"),
    ("online_retail.csv", "online_retail", "online_retail.csv*"), ("20261120-Sales.txt", "sales", "*Sales.txt*"),
    ("Export (3).csv", "export", "Export (*).csv*"), ("2026.csv", "feed", "feed_*.csv*"),
    ("übersicht_1.tsv", "uebersicht", "?bersicht_*.tsv*"), ("[a]*.csv", "a", "?a??.csv*"), ("data", "data", "data*"),
  ])
  func fileNamesBecomePatterns(file: String, name: String, pattern: String) throws {
    let feed = try Self.infer("id,v\n1,2\n", name: file)
    #expect(feed.name == name)
    #expect(feed.filePattern == pattern)
    let read = try #require(FeedDefinition.read(feed.definition, file: "x.yaml").feed)
    #expect(read.filePattern == pattern)
  }

  // MARK: Keys and suggestions

  @Test func keysPreferIdentifiersThenTheFirstColumn() throws {
    #expect(try Self.infer("sku,product_id\na,1\nb,2\n").key == ["product_id"])
    #expect(try Self.infer("sku,amount\na,1\nb,2\n").key == ["sku"])
    #expect(try Self.infer("sku,amount\na,1\na,1\n").key == [])
    let pairs = try Self.infer("order_no,line\n1,1\n1,2\n2,1\n2,2\n")
    #expect(pairs.key == [])
    #expect(pairs.definition.contains("# key: [order_no, line]"), "\(pairs.definition)")
  }

  @Test func controlAndOneOfAreOnlySuggested() throws {
    let rows = (1...60).map { "\($0),\($0).50,\($0 % 2 == 0 ? "EUR" : "USD"),\($0 % 3 == 0 ? "a" : "b")\n" }
    let feed = try Self.infer("id,amount,currency,kind\n" + rows.joined())
    #expect(feed.definition.contains("#   could have  control: sum_by(currency)"))
    #expect(feed.definition.contains("#   could have  one_of: [a, b]  (2 different values)"))
    let read = try #require(FeedDefinition.read(feed.definition, file: "x.yaml").feed)
    #expect(read.columns.allSatisfy { $0.oneOf.isEmpty && $0.control == nil })
  }

  @Test func whatTheSampleDidNotShowComesBackFromTheTrial() throws {
    // Both surprises stand behind the head and outside every block; see above for the length of the records.
    let note = String(repeating: "x", count: 110)
    var text = "id,code,amount,note\n"
    for row in 1...20_000 {
      text += row == 18_643 ? "\(row),A9,," : row == 15_003 ? "77,1,0.125," : "\(row),1,1.50,"
      text += note + "\n"
    }
    let feed = try Self.infer(text)
    #expect(feed.columns.map(\.type) == ["bigint", "text", "decimal(13,3)", "text"], "\(feed.definition)")
    #expect(feed.columns.map(\.isOptional) == [false, false, true, false])
    #expect(feed.key == [])
    #expect(feed.recordsTried == 20_000)
    #expect(feed.recordsSampled < 20_000)
  }

  @Test func theSameFileGivesTheSameDefinition() throws {
    let text = "id,a,b\n1,NULL,x\n2,NA,y\n3,4.5,\\N\n"
    let first = try Self.infer(text).definition
    for _ in 1...5 { #expect(try Self.infer(text).definition == first) }
  }

  // MARK: Hostile files

  @Test func hostileFilesAreRefusedWithAReason() throws {
    #expect(try Self.refusal([]) == "empty_file")
    #expect(try Self.refusal(b("\n\n\r\n")) == "empty_file")
    #expect(try Self.refusal((0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 7919 >> 3) }) == "not_text")
    #expect(try Self.refusal([UInt8](repeating: 0, count: 4096)) == "not_text")
    #expect(try Self.refusal(b("PK\u{3}\u{4}rest")) == "not_text")
    #expect(try Self.refusal([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0, 0x0A, 0, 0, 0]) == "not_text")
    #expect(try Self.refusal(b("1,2026-11-20,4.50\n2,2026-11-21,5.50\n")) == "no_header")
    #expect(try Self.refusal(b("a,b\na,c\na,b\nx,b\na,b\n")) == "no_header")
    #expect(try Self.refusal(b("id,id\n1,2\n")) == "duplicate_header")
    #expect(try Self.refusal(b("id,,x\n1,2,3\n")) == "empty_name")
    #expect(try Self.refusal(b("id,\"name\n1,\"a,b\"\n2,\"c,d\"\n")) == "records_do_not_fit")
    #expect(try Self.refusal(b("id,name\n1,2,3\n4,5,6\n7,8,9\n")) == "records_do_not_fit")
    let wide = (0..<10_000).map { "c\($0)" }.joined(separator: ",")
    #expect(try Self.refusal(b(wide + "\n" + wide.replacing("c", with: "") + "\n")) == "too_many_columns")
    #expect(try Self.refusal([UInt8](repeating: 0x61, count: 1 << 20)) == "long_name")
    #expect(try Self.refusal([0x1F, 0x8B, 8, 0, 1, 2, 3]) == "unreadable_file")
  }

  @Test func hostileRecordsAreReportedAndTheOthersDecide() throws {
    var bytes = b("id,v\n")
    for row in 1...500 { bytes += b("\(row),\(row)\n") }
    bytes += b("501,\"open\n502,5\n503,x\0y\n504,6,7\n505,7\n")
    let feed = try Self.infer(bytes)
    #expect(feed.columns.map(\.type) == ["bigint", "integer"])
    #expect(feed.findings.map(\.code) == ["records_refused", "records_refused", "records_refused"], "\(feed.findings)")
    let long = try Self.infer("id,v\n1,\(String(repeating: "x", count: 1 << 20))\n2,y\n3,z\n")
    #expect(long.columns.map(\.type) == ["bigint", "text"])
  }

  @Test func headerOnlyAndSingleColumnAreDefinitions() throws {
    let only = try Self.infer("id,name\n")
    #expect(only.columns.map(\.type) == ["text", "text"])
    #expect(only.findings.map(\.code) == ["no_records"])
    let single = try Self.infer("note\nhello, world\nsecond\n")
    #expect(single.columns.map(\.name) == ["note"])
    #expect(try Self.infer("amount,2019,2020,2021\nx,1,2,3\ny,4,5,6\n").columns.count == 4)
  }
}

private func b(_ text: String) -> [UInt8] { Array(text.utf8) }
