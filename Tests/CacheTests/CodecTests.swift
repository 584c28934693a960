// Rows come back as they went, to the last digit, and damaged bytes come back as nothing.

import Postgres
import TestSupport
import Testing

@testable import Cache

@Suite struct CodecTests {
  private static let values: [PostgresValue] =
    [
      .null, .bool(true), .bool(false), .int4(.min), .int4(-1), .int8(.max), .int8(.min), .int8(0), .float8(0.1),
      .float8(-.infinity), .float8(-0.0), .text(""), .text("Ünïcode \u{202E}=1+1"), .bytes([0, 255]),
      .uuid(Array(0..<16)),
      .json(#"{"a": 1}"#), .textArray(["a", nil, ""]), .textArray([]), .int8Array([1, nil, -5]),
      .encoded(type: 600, [1]),
      .date(daysSince1970: .max), .date(daysSince1970: -1), .timestamp(microsecondsSince1970: .min),
      .timestamptz(microsecondsSince1970: 1_795_262_400_000_001),
    ]
    + [
      "0", "0.00", "-0.50", "1.0", "1.00", "79228162514264337593543950336.12",
      "-12345678901234567890123456789012345678",
      "1234567890123456789012345678901234567890.123", "1e-40", "NaN", "Infinity", "-Infinity", "99999999999999.99",
    ].compactMap { PostgresNumeric($0).map { .numeric($0) } }

  @Test func everyValueComesBackEqual() throws {
    let result = ResultRows(
      columns: ["a", "b b", ""], kinds: [.number, .date, .other], rows: Self.values.map { [$0, .null, $0] })
    let bytes = try #require(RowCodec.encode(result))
    #expect(RowCodec.decode(bytes)?.rows == result)
    let empty = ResultRows(columns: ["a"], rows: [])
    #expect(RowCodec.decode(try #require(RowCodec.encode(empty)))?.rows == empty)
    let bare = ResultRows(columns: [], rows: [[], []])
    #expect(RowCodec.decode(try #require(RowCodec.encode(bare)))?.rows == bare)
    let dated = RowCodec.decode(try #require(RowCodec.encode(result, day: -3)))
    #expect(dated?.rows == result && dated?.day == -3 && RowCodec.decode(bytes)?.day == nil)
    #expect(RowCodec.encode(result, limit: bytes.count - 1) == nil)
    #expect(RowCodec.encode(result, limit: bytes.count) == bytes)
  }

  @Test func cutOrChangedBytesAreNeverRowsOfAnotherLengthAndNeverACrash() throws {
    let result = ResultRows(columns: ["a", "b"], rows: Self.values.map { [$0, .int8(7)] })
    let bytes = try #require(RowCodec.encode(result))
    for end in 0..<bytes.count { #expect(RowCodec.decode(Array(bytes[..<end])) == nil) }
    #expect(RowCodec.decode(bytes + [0]) == nil)
    for place in bytes.indices {
      for change: UInt8 in [0x81] {
        var damaged = bytes
        damaged[place] ^= change
        // It may decode to something; the digest of the tier is what tells. It must not stop the process.
        _ = RowCodec.decode(damaged)
      }
    }
    #expect(RowCodec.decode([]) == nil && RowCodec.decode([3, 0, 0]) == nil)
    // Counts that no memory would hold.
    #expect(RowCodec.decode([3, 0, 1, 1, 97, 0] + Array(repeating: 0xFF, count: 17) + [3]) == nil)
  }

  @Test func rowsOfTheServerComeBackEqual() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withConnection { connection in
        let rows = try ResultRows(
          try await connection.query(
            """
            select i, i::bigint * 4000000000, (i - 50) * 1.25::numeric(14,2), 'name ' || i, date '2026-01-01' + i,
              timestamptz '2026-01-01' + i * interval '1 hour', i % 3 = 0, null::text, array['a', null], md5(i::text)::uuid,
              (i / 3.0)::float8, jsonb_build_object('i', i)
            from generate_series(1, 200) i
            """))
        let bytes = try #require(RowCodec.encode(rows))
        #expect(RowCodec.decode(bytes)?.rows == rows && rows.rows.count == 200)
        let packed = try #require(Compression.packed(bytes))
        #expect(packed.count < bytes.count && Compression.unpacked(packed, count: bytes.count) == bytes)
        #expect(Compression.unpacked(packed, count: bytes.count - 1) == nil)
        #expect(Compression.unpacked(packed, count: bytes.count + 1) == nil)
        #expect(Compression.unpacked(Array(packed.dropLast()), count: bytes.count) == nil)
        #expect(Compression.packed([]).flatMap { Compression.unpacked($0, count: 0) } == [])
      }
    }
  }
}
