// Files as they come: plain, gzip, zstd; whole, cut short, damaged, or not files at all.
// Files lie about what they are, so the names here say nothing.

import CSV
import Glibc
import Testing

struct FileByteSourceTests {
  private static let rows = Array((0..<30_000).map { "\($0),name \($0 % 97),\"q\"\"\($0)\"\n" }.joined().utf8)

  /// All bytes of a source, through a buffer of `bufferBytes`.
  private func readAll(_ source: consuming FileByteSource, bufferBytes: Int = 1 << 16) throws(CSVError) -> [UInt8] {
    var source = source
    var all: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferBytes, alignment: 1)
    defer { buffer.deallocate() }
    while true {
      let count = try source.read(into: buffer)
      if count == 0 { return all }
      all += buffer[0..<count]
    }
  }

  private func failure(_ contents: [UInt8]) -> CSVError? {
    do throws(CSVError) {
      _ = try readAll(FileByteSource(contents: contents))
      return nil
    } catch {
      return error
    }
  }

  private func failure(path: String) -> CSVError? {
    do throws(CSVError) {
      _ = try FileByteSource(path: path)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: Compression.allCases)
  func everyKindOfFileGivesTheSameBytes(_ compression: Compression) throws {
    let packed = try compression.pack(Self.rows)
    for bufferBytes in [1 << 20, 4_099] {
      #expect(try readAll(FileByteSource(contents: packed), bufferBytes: bufferBytes) == Self.rows)
    }
    try withScratchDirectory { directory in
      // The name says nothing: the bytes do.
      let path = directory + "/feed.csv"
      try write(packed, to: path)
      #expect(try readAll(FileByteSource(path: path)) == Self.rows)
    }
  }

  @Test(arguments: [Compression.gzip, .zstandard])
  func membersAndFramesAreReadOneAfterAnother(_ compression: Compression) throws {
    let parts = try [Self.rows, [], Array("last\n".utf8)].map { try compression.pack($0) }
    #expect(try readAll(FileByteSource(contents: Array(parts.joined()))) == Self.rows + Array("last\n".utf8))
  }

  @Test(arguments: [Compression.gzip, .zstandard])
  func anEmptyCompressedFileIsEmpty(_ compression: Compression) throws {
    #expect(try readAll(FileByteSource(contents: compression.pack([]))).isEmpty)
  }

  @Test(arguments: [Compression.gzip, .zstandard])
  func aStreamCutAnywhereIsTruncatedNotEnded(_ compression: Compression) throws {
    let packed = try compression.pack(Array("a,b\n1,2\n".utf8))
    for count in 4..<packed.count {
      #expect(failure(Array(packed[..<count]))?.kind == .truncated, "cut after \(count) bytes")
    }
    let long = try compression.pack(Self.rows)
    for count in [5, long.count / 2, long.count - 9, long.count - 1] {
      #expect(failure(Array(long[..<count]))?.kind == .truncated, "cut after \(count) bytes")
    }
    let two = packed + packed[..<(packed.count - 3)]
    #expect(failure(two)?.kind == .truncated)
  }

  @Test(arguments: [Compression.gzip, .zstandard])
  func aDamagedStreamIsAnError(_ compression: Compression) throws {
    var packed = try compression.pack(Self.rows)
    for index in packed.count / 2..<packed.count / 2 + 16 { packed[index] ^= 0x5A }
    #expect(failure(packed)?.kind == .corrupt)
  }

  /// A frame header with a window of 2 GiB, as `zstd --long=31` writes it, and an empty last block.
  @Test func aWindowThatIsTooLargeIsNotCalledDamage() {
    let error = failure([0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA8, 0x01, 0x00, 0x00])
    #expect(error?.message.contains("128 MiB of memory") == true)
    #expect(error?.fix?.contains("--long") == true)
  }

  @Test func bytesBehindAGzipStreamAreAnErrorUnlessTheyArePadding() throws {
    let packed = try Compression.gzip.pack(Self.rows)
    #expect(failure(packed + Array("1,2\n".utf8))?.kind == .corrupt)
    let padded = packed + [UInt8](repeating: 0, count: 300_000)
    #expect(try readAll(FileByteSource(contents: padded)) == Self.rows)
    #expect(try readAll(FileByteSource(contents: padded + packed)) == Self.rows + Self.rows)
  }

  @Test func progressCountsTheBytesOfTheFileItself() throws {
    try withScratchDirectory { directory in
      let path = directory + "/feed.csv.gz"
      let packed = try Compression.gzip.pack(Self.rows)
      try write(packed, to: path)
      var reader = ChunkReader(source: try FileByteSource(path: path), dialect: .standard, chunkBytes: 100_000)
      var last = 0
      while try reader.next() != nil {
        #expect(reader.compressedBytesRead >= last)
        last = reader.compressedBytesRead
      }
      #expect(last == packed.count)
      #expect(try FileByteSource(path: path).compressedBytes == packed.count)
    }
  }

  @Test func positionsAreThoseOfTheDecompressedStream() throws {
    let packed = try Compression.zstandard.pack([0xEF, 0xBB, 0xBF] + Self.rows)
    let seen = try records(packed, chunkBytes: 10_000)
    let plain = referenceParse([0xEF, 0xBB, 0xBF] + Self.rows)
    #expect(seen == plain)
  }

  @Test func aReaderWhoseSourceFailedNeverPretendsToBeAtTheEnd() throws {
    let packed = try Compression.gzip.pack(Self.rows)
    var reader = ChunkReader(
      source: try FileByteSource(contents: Array(packed.dropLast(20))), dialect: .standard, chunkBytes: 1_000)
    var kinds: [CSVError.Kind] = []
    while kinds.count < 3 {
      do throws(CSVError) {
        if try reader.next() == nil { break }
      } catch {
        kinds.append(error.kind)
      }
    }
    #expect(kinds == [.truncated, .truncated, .truncated])
  }

  @Test func whatIsNoRegularFileIsRefusedWithoutWaiting() throws {
    try withScratchDirectory { directory in
      let pipe = directory + "/pipe"
      #expect(mkfifo(pipe, 0o600) == 0)
      #expect(failure(path: pipe)?.kind == .notARegularFile)
      #expect(failure(path: pipe)?.description == "\(pipe): cannot read: it is a pipe, not a regular file")
      #expect(failure(path: directory)?.message == "cannot read: it is a directory, not a regular file")
      #expect(failure(path: "/dev/zero")?.kind == .notARegularFile)
    }
  }

  @Test func aMissingFileIsNamedWithTheSystemsWords() {
    let error = failure(path: "/nonexistent/feed.csv")
    #expect(error?.kind == .open)
    #expect(error?.systemError == ENOENT)
    #expect(error?.description == "/nonexistent/feed.csv: cannot open: No such file or directory")
  }

  @Test func aLinkToAFileIsFollowed() throws {
    try withScratchDirectory { directory in
      try write(Array("a\n".utf8), to: directory + "/real.csv")
      #expect(symlink("real.csv", directory + "/link.csv") == 0)
      #expect(try readAll(FileByteSource(path: directory + "/link.csv")) == Array("a\n".utf8))
    }
  }

  @Test(arguments: [[], [0x1F], [0x28, 0xB5, 0x2F], Array("PK".utf8)] as [[UInt8]])
  func aFileTooShortToTellIsPlain(_ contents: [UInt8]) throws {
    #expect(try readAll(FileByteSource(contents: contents)) == contents)
  }

  @Test func aDialectThatContradictsItselfIsRefused() {
    func kind(_ make: () throws(CSVError) -> CSVDialect) -> CSVError.Kind? {
      do throws(CSVError) {
        _ = try make()
        return nil
      } catch {
        return error.kind
      }
    }
    #expect(kind { () throws(CSVError) in try CSVDialect(delimiter: 0x22) } == .dialect)
    #expect(kind { () throws(CSVError) in try CSVDialect(delimiter: 0x0A) } == .dialect)
    #expect(kind { () throws(CSVError) in try CSVDialect(quote: 0x0D) } == .dialect)
    #expect(kind { () throws(CSVError) in try CSVDialect(maxRecordBytes: 0) } == .dialect)
    #expect(kind { () throws(CSVError) in try CSVDialect(maxRecordLines: 0) } == .dialect)
    #expect(kind { () throws(CSVError) in try CSVDialect() } == nil)
  }

  @Test(arguments: Compression.allCases)
  func aFileMayHaveAsManyBytesAsItsLimitAndNotOneMore(_ compression: Compression) throws {
    let packed = try compression.pack(Self.rows)
    #expect(CSVTests.failure(packed, maxFileBytes: Self.rows.count) == nil)
    let error = CSVTests.failure(packed, maxFileBytes: Self.rows.count - 1)
    #expect(error?.kind == .tooLarge)
    #expect(
      error?.description
        == "the file has more than \(Self.rows.count - 1) bytes, decompressed, which is its limit")
    #expect(error?.fix == "raise format.max_file_bytes if the file is meant to be this large")
  }

  @Test func aFewBytesThatStandForTooManyAreStopped() throws {
    for compression in [Compression.gzip, .zstandard] {
      let bomb = try compression.pack([UInt8](repeating: 0x61, count: 20 << 20))
      #expect(bomb.count < 32 << 10)
      let reading = Reading(chunkBytes: 64 << 10)
      #expect(CSVTests.failure(bomb, reading, maxFileBytes: 1 << 20)?.kind == .tooLarge)
    }
  }

  @Test func aPipeIsReadThroughItsDescriptor() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    // A child of another test must not keep the end whose closing is waited for.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    let packed = try Compression.gzip.pack(Array("a,b\n1,2\n".utf8))
    try #require(Glibc.write(ends[1], packed, packed.count) == packed.count)
    close(ends[1])
    let source = try FileByteSource(descriptor: ends[0])
    #expect(source.compressedBytes == 0)
    #expect(try records(source).map { text($0.raw) } == ["a,b", "1,2"])
    #expect(fcntl(ends[0], F_GETFD) >= 0)
  }

  @Test(arguments: Compression.allCases)
  func theStartOfAFileGivesItsWholeRecordsAndNoOther(_ compression: Compression) throws {
    let file = Array((0..<400).map { "\($0),\"x\ny\",name \($0 &* 2_654_435_761 % 100_003)\n" }.joined().utf8)
    let whole = try records(file)
    let packed = try compression.pack(file)
    for count in stride(from: 0, to: packed.count, by: 37) {
      for chunkBytes in [64, 1 << 20] {
        let source = try FileByteSource(contents: Array(packed[..<count]), isPrefix: true)
        let seen = try records(source, Reading(chunkBytes: chunkBytes))
        #expect(seen == Array(whole.prefix(seen.count)))
        if compression == .plain { #expect(seen.count == file[..<count].count { $0 == 0x0A } / 2) }
      }
    }
    let nearly = try FileByteSource(contents: Array(packed.dropLast(1)), isPrefix: true)
    #expect(try records(nearly).count >= 399)
  }
}
