// One record as the parser lends it to a closure.
// Invariant: the pointers live as long as the closure's call and no longer; the type cannot be copied, so a record
// cannot outlive the call by accident. No String is made here: the ingest reads bytes.

/// The bytes of one field.
public struct FieldBytes {
  /// The first byte; not to be read when `count` is 0.
  public let pointer: UnsafePointer<UInt8>
  /// How many bytes, exactly as written: spaces kept, enclosing quotes removed, doubled quotes halved.
  public let count: Int
  /// Whether the field was quoted, which tells `""` from nothing.
  public let isQuoted: Bool

  /// The bytes as a buffer.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: count) }

  /// Part of a field, or the whole of one.
  @inlinable
  public init(pointer: UnsafePointer<UInt8>, count: Int, isQuoted: Bool) {
    self.pointer = pointer
    self.count = count
    self.isQuoted = isQuoted
  }
}

/// One record, valid only inside the closure that receives it.
public struct ParsedRecord: ~Copyable {
  /// Where the record starts: physical line, 1-based, the header counted.
  public let line: Int
  /// Its number, 1-based, the header counted.
  public let record: Int
  /// Its first byte in the decompressed stream, 0-based, byte-order mark counted.
  public let byteOffset: Int
  /// The record without its line end: as it stands in the file, or transcoded to UTF-8 from the file's encoding.
  public let rawBytes: UnsafeRawBufferPointer
  /// The encoding of the file.
  public let encoding: CharacterEncoding
  /// What is wrong with it; a defective record has no fields.
  public let defect: RecordDefect?
  /// How many fields it has.
  public let fieldCount: Int
  let fields: UnsafePointer<FieldBytes>

  /// The field at `index`, from 0 to `fieldCount` - 1.
  public subscript(index: Int) -> FieldBytes {
    precondition(index >= 0 && index < fieldCount, "field index out of range")
    return fields[index]
  }

  /// The record's bytes exactly as they stand in the decompressed file, without its line end.
  ///
  /// - Complexity: O(bytes) and an allocation: meant for rejects.
  public func originalBytes() -> [UInt8] { encoding.originalBytes(of: rawBytes) }
}
