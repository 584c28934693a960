// Whether a finished workbook is whole. The library does not look whether its temporary files could be written: on a
// full disk a sheet would end in the middle, inside an archive that is in order.
// Invariant: every part of a workbook that passes is complete: it inflates, has its checksum, and ends with the tag that
// closes its first element.
// Source: APPNOTE.TXT of the zip format, 4.3.12 and 4.3.16.

internal import CZlib
internal import FoundationEssentials
internal import Glibc

/// Looks through a finished workbook.
enum WorkbookProof {
  /// - Throws: `WorkbookError.incomplete` with the part that is cut off, or `.cannotWrite` when the archive is none.
  static func check(_ path: String) throws(WorkbookError) {
    let file: Data
    do {
      file = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
    } catch {
      throw .cannotWrite(path: path, reason: "it cannot be read back: \(error)")
    }
    guard let entries = entries(of: file) else { throw .incomplete(path: path, part: "zip directory") }
    for entry in entries where !isWhole(entry, file) { throw .incomplete(path: path, part: entry.name) }
  }

  private struct Entry {
    var name: String
    var checksum: UInt32
    var compressedBytes: Int
    var bytes: Int
    var offset: Int
  }

  private static func number(_ file: Data, _ offset: Int, _ bytes: Int) -> Int? {
    guard offset >= 0, offset + bytes <= file.count else { return nil }
    return (0..<bytes).reduce(0) { $0 | Int(file[file.startIndex + offset + $1]) << (8 * $1) }
  }

  /// The entries of the directory at the end of the archive; the library writes no comment behind it.
  private static func entries(of file: Data) -> [Entry]? {
    let end = file.count - 22
    guard number(file, end, 4) == 0x0605_4B50, let count = number(file, end + 10, 2), count > 0,
      var place = number(file, end + 16, 4)
    else { return nil }
    var entries: [Entry] = []
    for _ in 0..<count {
      guard number(file, place, 4) == 0x0201_4B50, let checksum = number(file, place + 16, 4),
        let compressed = number(file, place + 20, 4), let bytes = number(file, place + 24, 4),
        let nameBytes = number(file, place + 28, 2), let extra = number(file, place + 30, 2),
        let comment = number(file, place + 32, 2), let offset = number(file, place + 42, 4),
        place + 46 + nameBytes <= file.count
      else { return nil }
      let name = file[(file.startIndex + place + 46)..<(file.startIndex + place + 46 + nameBytes)]
      entries.append(
        Entry(
          name: String(decoding: name, as: UTF8.self), checksum: UInt32(checksum), compressedBytes: compressed,
          bytes: bytes, offset: offset))
      place += 46 + nameBytes + extra + comment
    }
    return entries
  }

  private static func isWhole(_ entry: Entry, _ file: Data) -> Bool {
    guard number(file, entry.offset, 4) == 0x0403_4B50, let name = number(file, entry.offset + 26, 2),
      let extra = number(file, entry.offset + 28, 2)
    else { return false }
    let start = entry.offset + 30 + name + extra
    guard start + entry.compressedBytes <= file.count else { return false }
    return file.withUnsafeBytes { raw in
      let bytes = UnsafeRawBufferPointer(rebasing: raw[start..<(start + entry.compressedBytes)])
      guard let part = Part(inflating: bytes) else { return false }
      return part.count == entry.bytes && part.checksum == entry.checksum && part.isClosed
    }
  }

  /// What an inflated part amounts to.
  private struct Part {
    var count = 0
    var checksum: UInt32 = 0
    private var head: [UInt8] = []
    private var tail: [UInt8] = []

    /// Nil when the raw deflate stream is broken.
    init?(inflating input: UnsafeRawBufferPointer) {
      var stream = z_stream()
      guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
      defer { inflateEnd(&stream) }
      stream.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
      stream.avail_in = UInt32(input.count)
      var status = Z_OK
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1 << 16) { output in
        while status == Z_OK {
          stream.next_out = output.baseAddress
          stream.avail_out = UInt32(output.count)
          status = inflate(&stream, Z_NO_FLUSH)
          let made = output.count - Int(stream.avail_out)
          if made == 0, status == Z_OK { status = Z_BUF_ERROR }
          take(output[..<made])
        }
      }
      if status != Z_STREAM_END { return nil }
    }

    private mutating func take(_ bytes: Slice<UnsafeMutableBufferPointer<UInt8>>) {
      let buffer = UnsafeMutableBufferPointer(rebasing: bytes)
      checksum = UInt32(truncatingIfNeeded: crc32(UInt(checksum), buffer.baseAddress, UInt32(buffer.count)))
      count += buffer.count
      if head.count < 512 { head += buffer.prefix(512 - head.count) }
      tail = Array((tail + buffer.suffix(64)).suffix(64))
    }

    /// Whether the tag that closes the first element stands at the end.
    var isClosed: Bool {
      let text = String(decoding: head, as: UTF8.self)
      guard let element = text.split(separator: "<").first(where: { !$0.hasPrefix("?") && !$0.hasPrefix("!") }) else {
        return false
      }
      let name = element.prefix { $0 != " " && $0 != ">" && $0 != "/" && $0 != "\n" }
      let end = String(decoding: tail.reversed().drop { $0 <= 0x20 }.reversed(), as: UTF8.self)
      return end.hasSuffix("</\(name)>") || count < 512 && end.hasSuffix("/>")
    }
  }
}
