// COPY in both directions against a live server: what arrives, what an error says, what a throw leaves behind.

import Postgres
import TestSupport
import Testing

@Suite struct CopyTests {
  @Test func textRowsArrive() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE item (id bigint, name text)")
      let rows = try await connection.copyIn("COPY item FROM STDIN") { writer in
        try await writer.write([UInt8]("1\tone\n2\t\\N\n3\tthr".utf8))
        try await writer.write([UInt8]("ee\n".utf8))
        try await writer.write([])
      }
      #expect(rows == 3)
      let found = try await connection.query("SELECT coalesce(name, 'null') FROM item ORDER BY id")
      #expect(try found.map { try $0.decode(0, as: String.self) } == ["one", "null", "three"])
    }
  }

  @Test func binaryRowsArrive() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE price (id bigint, amount numeric(12,2))")
      var bytes = [UInt8]("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      for id in 1...1_000 {
        bytes += [0, 2, 0, 0, 0, 8] + withUnsafeBytes(of: Int64(id).bigEndian) { [UInt8]($0) }
        var amount: [UInt8] = []
        PostgresNumeric(coefficient: Int128(id * 101), scale: 2).appendWire(to: &amount)
        bytes += withUnsafeBytes(of: Int32(amount.count).bigEndian) { [UInt8]($0) } + amount
      }
      bytes += [0xFF, 0xFF]
      let block = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
      defer { block.deallocate() }
      block.copyBytes(from: bytes)
      let rows = try await connection.copyIn("COPY price FROM STDIN (FORMAT binary)") { writer in
        try await writer.write(UnsafeRawBufferPointer(block))
      }
      #expect(rows == 1_000)
      let sum = try await connection.query("SELECT sum(amount) FROM price")
      #expect(try sum[0].decode(0, as: String.self) == "505505.00")
    }
  }

  @Test func manyMegabytesPassInBoundedPieces() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE line (text text)")
      var piece = [UInt8](repeating: 120, count: 2_500_000)
      for end in stride(from: 99, to: piece.count, by: 100) { piece[end] = 10 }
      let rows = try await connection.copyIn("COPY line FROM STDIN") { writer in
        for _ in 0..<10 { try await writer.write(piece) }
      }
      #expect(rows == 250_000)
      var bytesOut = 0
      let rowsOut = try await connection.copyOut("COPY line TO STDOUT") { bytesOut += $0.count }
      #expect(rowsOut == 250_000)
      #expect(bytesOut == 25_000_000)
    }
  }

  @Test func aBadRowStopsTheWriterAtOnceAndNamesItsLine() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE number (n bigint)")
      var written = 0
      let error = await #expect(throws: PostgresError.self) {
        try await connection.copyIn("COPY number FROM STDIN") { writer in
          try await writer.write([UInt8]("1\n2\nthree\n".utf8))
          let more = lines(of: 52, bytes: 1_000_000)
          for _ in 0..<1_000 {
            try await writer.write(more)
            written += 1
          }
        }
      }
      #expect(written < 100, "the error was seen only after \(written) MB")
      #expect(error?.sqlState == "22P02")
      #expect(error?.context?.contains("COPY number, line 3, column n") == true)
      #expect(try await connection.number("SELECT count(*) FROM number") == 0)
    }
  }

  @Test func aSwallowedWriteErrorStillFailsTheCopy() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE number (n bigint)")
      let error = await #expect(throws: PostgresError.self) {
        let bad = lines(of: 120, bytes: 1_000_000)
        try await connection.copyIn("COPY number FROM STDIN") { writer in
          for _ in 0..<20 { try? await writer.write(bad) }
        }
      }
      #expect(error?.sqlState == "22P02")
      try await expectUsable(connection)
    }
  }

  @Test func anErrorKnownOnlyAtTheEndSurfaces() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE number (n bigint PRIMARY KEY)")
      let error = await #expect(throws: PostgresError.self) {
        try await connection.copyIn("COPY number FROM STDIN") { try await $0.write([UInt8]("1\n1\n".utf8)) }
      }
      #expect(error?.sqlState == "23505")
    }
  }

  @Test func aThrowInTheBodyKeepsNothing() async throws {
    struct Stop: Error {}
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE number (n bigint)")
      await #expect(throws: Stop.self) {
        try await connection.copyIn("COPY number FROM STDIN") { writer in
          try await writer.write([UInt8]("1\n2\n".utf8))
          throw Stop()
        }
      }
      #expect(try await connection.number("SELECT count(*) FROM number") == 0)
    }
  }

  @Test func aWriterKeptBeyondItsCopyIsRefused() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE number (n bigint)")
      var kept: CopyWriter?
      try await connection.copyIn("COPY number FROM STDIN") { kept = $0 }
      let writer = try #require(kept)
      let error = await #expect(throws: PostgresError.self) { try await writer.write([49, 10]) }
      #expect(error?.kind == .misuse)
    }
  }

  @Test func aCancelledCopyKeepsNothingAndFreesTheConnection() async throws {
    try await withConnection { connection in
      try await connection.executeScript("CREATE TABLE number (n bigint)")
      let begun = AsyncStream<Void>.makeStream()
      let task = Task {
        try await connection.copyIn("COPY number FROM STDIN") { writer in
          begun.continuation.finish()
          let more = lines(of: 52, bytes: 100_000)
          while true { try await writer.write(more) }
        }
      }
      for await _ in begun.stream {}
      task.cancel()
      let error = await #expect(throws: PostgresError.self) { try await task.value }
      #expect(error?.kind == .cancelled)
      #expect(try await connection.number("SELECT count(*) FROM number") == 0)
    }
  }

  @Test func aNoticeDuringCopyIsNoError() async throws {
    try await withConnection { connection in
      try await connection.executeScript(
        """
        CREATE TABLE number (n bigint);
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.n % 5000 = 0 THEN RAISE NOTICE 'passed %', NEW.n; END IF; RETURN NEW; END $$;
        CREATE TRIGGER tell BEFORE INSERT ON number FOR EACH ROW EXECUTE FUNCTION tell();
        """)
      let rows = try await connection.copyIn("COPY number FROM STDIN") { writer in
        for start in stride(from: 0, to: 20_000, by: 1_000) {
          try await writer.write([UInt8]((start..<start + 1_000).map { "\($0)\n" }.joined().utf8))
        }
      }
      #expect(rows == 20_000)
    }
  }

  @Test func copyOutGivesWholeRowsAndAThrowStopsIt() async throws {
    struct Enough: Error {}
    try await withConnection { connection in
      var text = ""
      let rows = try await connection.copyOut(
        "COPY (SELECT n, 'a,b' FROM generate_series(1, 3) n) TO STDOUT (FORMAT csv)"
      ) {
        text += String(decoding: $0, as: UTF8.self)
      }
      #expect(rows == 3)
      #expect(text == "1,\"a,b\"\n2,\"a,b\"\n3,\"a,b\"\n")
      await #expect(throws: Enough.self) {
        try await connection.copyOut("COPY (SELECT generate_series(1, 5000000)) TO STDOUT") { _ in throw Enough() }
      }
      try await expectUsable(connection)
    }
  }

  @Test func aStatementThatIsNoCopyIsRefused() async throws {
    try await withConnection { connection in
      let error = await #expect(throws: PostgresError.self) { try await connection.copyIn("SELECT 1") { _ in } }
      #expect(error?.kind == .misuse)
      let missing = await #expect(throws: PostgresError.self) {
        try await connection.copyIn("COPY nowhere FROM STDIN") { _ in }
      }
      #expect(missing?.sqlState == "42P01")
      try await expectUsable(connection)
    }
  }
}

/// Lines of one character each.
private func lines(of character: UInt8, bytes: Int) -> [UInt8] {
  var text = [UInt8](repeating: character, count: bytes)
  for end in stride(from: 1, to: bytes, by: 2) { text[end] = 10 }
  return text
}
