// The parameters of one statement as libpq takes them: types, pointers, lengths, formats over one block of bytes.
// Everything but text is binary with its type declared; see PostgresValue for why text is not.

internal import CLibPQ

struct ParameterBuffer {
  private var bytes: [UInt8] = []
  private(set) var types: [Oid] = []
  private var offsets: [Int?] = []
  private var lengths: [Int32] = []
  private var formats: [Int32] = []

  /// Encodes the parameters of `statement`.
  ///
  /// - Throws: `misuse` for text with a NUL character, which PostgreSQL cannot hold, and for a uuid that is not
  ///   sixteen bytes. The value is not shown.
  init(_ values: [PostgresValue], statement: String) throws(PostgresError) {
    guard values.count <= Int(UInt16.max) else {
      throw PostgresError(.misuse, "\(values.count) parameters; at most 65535 fit a statement", statement: statement)
    }
    for (index, value) in values.enumerated() {
      let start = bytes.count
      let type = BinaryEncoding.append(value, to: &bytes)
      if let type, type.isText {
        guard !bytes[start...].contains(0) else {
          throw PostgresError(.misuse, "parameter $\(index + 1) is text with a NUL character", statement: statement)
        }
        bytes.append(0)
      }
      if case .uuid(let uuid) = value, uuid.count != 16 {
        throw PostgresError(.misuse, "parameter $\(index + 1) is a uuid of \(uuid.count) bytes", statement: statement)
      }
      types.append(type?.oid ?? 0)
      offsets.append(type == nil ? nil : start)
      lengths.append(Int32(clamping: bytes.count - start))
      formats.append(type?.isText ?? true ? 0 : 1)
    }
    // A pointer to an empty block must still not be null: null means SQL null.
    bytes.append(0)
  }

  func withPointers(
    _ body: (
      UnsafePointer<Oid>?, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
    ) -> Bool
  ) -> Bool {
    bytes.withUnsafeBytes { block in
      let base = block.baseAddress?.assumingMemoryBound(to: CChar.self)
      let pointers: [UnsafePointer<CChar>?] = offsets.map { offset in offset.flatMap { base?.advanced(by: $0) } }
      return types.withUnsafeBufferPointer { types in
        pointers.withUnsafeBufferPointer { pointers in
          lengths.withUnsafeBufferPointer { lengths in
            formats.withUnsafeBufferPointer { formats in
              body(types.baseAddress, pointers.baseAddress, lengths.baseAddress, formats.baseAddress)
            }
          }
        }
      }
    }
  }
}
