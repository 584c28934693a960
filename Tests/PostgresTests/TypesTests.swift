// Values on the wire, both ways, against the live server as the judge: what it reads back as text is what was sent.

import Postgres
import TestSupport
import Testing

@Suite struct TypesTests {
  static let values: [(PostgresValue, String, String)] = [
    (.bool(true), "boolean", "true"), (.int4(-7), "integer", "-7"), (.int8(.min), "bigint", "-9223372036854775808"),
    (.float8(0.1), "double precision", "0.1"), (.text("naïve 🧾 'quoted' \\"), "text", "naïve 🧾 'quoted' \\"),
    (.text(""), "text", ""), (.bytes([0, 255, 10]), "bytea", "\\x00ff0a"), (.bytes([]), "bytea", "\\x"),
    (.date(daysSince1970: 20_777), "date", "2026-11-20"), (.date(daysSince1970: -1), "date", "1969-12-31"),
    (.date(daysSince1970: .max), "date", "infinity"), (.date(daysSince1970: .min), "date", "-infinity"),
    (.timestamp(microsecondsSince1970: 1), "timestamp", "1970-01-01 00:00:00.000001"),
    (.timestamp(microsecondsSince1970: -1), "timestamp", "1969-12-31 23:59:59.999999"),
    (.timestamptz(microsecondsSince1970: 1_795_161_600_000_000), "timestamptz", "2026-11-20 08:00:00+00"),
    (.timestamptz(microsecondsSince1970: .max), "timestamptz", "infinity"),
    (.uuid(Array(0..<16)), "uuid", "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    (.json(#"{"a": 1}"#), "jsonb", #"{"a": 1}"#),
    (.textArray(["a", nil, "", "b,c"]), "text[]", #"{a,NULL,"","b,c"}"#), (.textArray([]), "text[]", "{}"),
    (.int8Array([1, nil, -3]), "bigint[]", "{1,NULL,-3}"),
  ]

  @Test func everyKindOfValueMakesTheRoundTrip() async throws {
    try await withConnection { connection in
      try await connection.execute("SET TimeZone = 'UTC'")
      for (value, type, text) in Self.values {
        let row = try await connection.query(
          "SELECT $1::\(type), $1::\(type)::text, pg_typeof($1::\(type))::text", [value])[0]
        #expect(try row.value(at: 0) == value)
        #expect(try row.decode(1, as: String.self) == text)
      }
    }
  }

  static let numerics = [
    "0", "0.00", "1", "-1", "10000", "9999", "0.1", "-0.0001", "0.00001", "123456789.987654321", "1203.50", "NaN",
    "Infinity", "-Infinity", "170141183460469231731687303715884105727", "-99999999999999999999999999999999999999.99",
    "100000000000000000000000000000000000000000000000000000000.0000000000000000000000000000000000000000001",
    "0.000000000000000000000000000000000000000000000000000000001000", "12340000", "0.0000120000",
  ]

  @Test func numericsKeepEveryDigit() async throws {
    try await withConnection { connection in
      for text in Self.numerics {
        let value = try #require(PostgresNumeric(text))
        #expect(value.description == text)
        let row = try await connection.query(
          "SELECT $1::numeric, $1::numeric::text, $2::text::numeric", [.numeric(value), .text(text)])[0]
        #expect(try row.decode(1, as: String.self) == text)
        #expect(try row.decode(0, as: PostgresNumeric.self) == value)
        #expect(try row.decode(2, as: PostgresNumeric.self).description == text)
      }
    }
  }

  @Test func randomNumericsAgreeWithTheServer() async throws {
    var random = SystemRandomNumberGenerator()
    let values = (0..<500).map { _ in
      let bits = Int.random(in: 1...126, using: &random)
      let magnitude = Int128.random(in: 0...(Int128(1) << bits), using: &random)
      return (Bool.random(using: &random) ? magnitude : -magnitude, Int.random(in: 0...40, using: &random))
    }
    try await withConnection { connection in
      for (coefficient, scale) in values {
        let value = PostgresNumeric(coefficient: coefficient, scale: scale)
        let row = try await connection.query("SELECT $1::numeric, $1::numeric::text", [.numeric(value)])[0]
        #expect(try row.decode(1, as: String.self) == value.description)
        let exact = try #require(try row.decode(0, as: PostgresNumeric.self).exact)
        #expect(exact.coefficient == coefficient && exact.scale == scale)
        #expect(PostgresNumeric(value.description) == value)
      }
    }
  }

  @Test(arguments: [
    ("1e3", "1000"), ("1.5e-3", "0.0015"), ("+7", "7"), (".5", "0.5"), ("5.", "5"), ("-0", "0"), ("-0.00", "0.00"),
    ("007", "7"), ("nan", "NaN"), ("inf", "Infinity"),
  ])
  func numericTextIsReadAsTheServerReadsIt(text: String, canonical: String) {
    #expect(PostgresNumeric(text)?.description == canonical)
  }

  @Test(arguments: ["", "-", ".", "1,000", "1e", "1e999999999", "0x1", " 1", "1 ", "--1", "1.2.3", "١"])
  func otherTextIsNoNumeric(text: String) {
    #expect(PostgresNumeric(text) == nil)
  }

  @Test func whatDoesNotFitIsRefusedNotTruncated() async throws {
    try await withConnection { connection in
      let row = try await connection.query(
        "SELECT 70000::int, null::int, 1.5::numeric, 12::numeric, 'x'::text, interval '1 day', 2.00::numeric(5,2)")[0]
      #expect(throws: PostgresError.self) { try row.decode(0, as: Int16.self) }
      #expect(try row.decode(0, as: Int.self) == 70_000)
      #expect(throws: PostgresError.self) { try row.decode(1, as: Int.self) }
      #expect(try row.decode(1, as: Int?.self) == nil)
      #expect(throws: PostgresError.self) { try row.decode(2, as: Int.self) }
      #expect(throws: PostgresError.self) { try row.decode(2, as: Double.self) }
      #expect(try row.decode(3, as: Int.self) == 12)
      #expect(try row.decode(6, as: Int.self) == 2)
      #expect(throws: PostgresError.self) { try row.decode(4, as: Int.self) }
      #expect(throws: PostgresError.self) { try row.value(at: 5) }
      #expect(throws: PostgresError.self) { try row.decode("nowhere", as: Int.self) }
      #expect(throws: PostgresError.self) { try row.value(at: 9) }
    }
  }

  @Test func datesReadAsTextAreISO() async throws {
    try await withConnection { connection in
      let row = try await connection.query(
        """
        SELECT date '2024-02-29', timestamp '2026-11-20 08:00:00.25', timestamptz '2026-11-20 08:00:00-05',
          date '0001-01-01', time '23:59:59.5', '16/B374D848'::pg_lsn, ARRAY[1,2]::int[], date '9999-12-31'
        """)[0]
      #expect(try row.decode(0, as: String.self) == "2024-02-29")
      #expect(try row.decode(1, as: String.self) == "2026-11-20T08:00:00.25")
      #expect(try row.decode(2, as: String.self) == "2026-11-20T13:00:00Z")
      #expect(try row.decode(3, as: String.self) == "0001-01-01")
      #expect(try row.decode(4, as: String.self) == "23:59:59.5")
      #expect(try row.decode(5, as: String.self) == "16/B374D848")
      #expect(try row.decode(6, as: [Int64].self) == [1, 2])
      #expect(try row.decode(7, as: String.self) == "9999-12-31")
    }
  }

  @Test func textTakesTheTypeOfItsPlace() async throws {
    try await withConnection { connection in
      try await connection.executeScript(
        "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE t (d date, m mood, n numeric)")
      try await connection.execute("INSERT INTO t VALUES ($1, $2, $3)", ["2026-11-20", "good", "1.50"])
      let row = try await connection.query("SELECT d, m, n, $1::text FROM t WHERE d = $2", [nil, "2026-11-20"])[0]
      #expect(try row.decode(1, as: String.self) == "good")
      #expect(try row.decode(2, as: String.self) == "1.50")
      #expect(try row.decode(3, as: String?.self) == nil)
    }
  }

  @Test func nulIsRefusedBeforeItIsSent() async throws {
    try await withConnection { connection in
      let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT $1::text", ["a\0b"]) }
      #expect(error?.kind == .misuse)
      await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1\0") }
      await #expect(throws: PostgresError.self) { try await connection.query("SELECT $1", [.uuid([1])]) }
      try await expectUsable(connection)
    }
  }

  @Test func quotedNamesAndLiteralsMeanThemselves() async throws {
    try await withConnection { connection in
      for text in ["plain", "it's", "two\"quotes", "back\\slash", "ünï", "a;--b", "'"] {
        let row = try await connection.query("SELECT \(quoteLiteral(text)) AS \(quoteIdentifier(text))")
        #expect(row.columnNames == [text])
        #expect(try row[0].decode(0, as: String.self) == text)
      }
      #expect(QualifiedName(schema: "a", name: "b\"c").quoted == "\"a\".\"b\"\"c\"")
    }
  }
}
