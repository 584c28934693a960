// In which order the files of a feed are loaded: by their names, with numbers by their values.
// Dates that begin with the year are in order of time, padded or not (2026-11-9 before 2026-11-10), and so are numbers
// that count deliveries. A date that begins with the day says nothing here: such files are to be renamed by the sender.

/// The order in which files are loaded.
public enum FileOrder {
  /// Whether the file of one name is loaded before that of another.
  ///
  /// A strict order of all names: those whose numbers differ only in leading zeros go by their bytes.
  /// - Complexity: O(length).
  public static func precedes(_ first: String, _ second: String) -> Bool {
    let (a, b) = (Array(first.utf8), Array(second.utf8))
    var (i, j) = (0, 0)
    while i < a.count, j < b.count {
      if isDigit(a[i]), isDigit(b[j]) {
        let (left, right) = (number(a, &i), number(b, &j))
        if left.count != right.count { return left.count < right.count }
        if left != right { return left.lexicographicallyPrecedes(right) }
      } else if a[i] != b[j] {
        return a[i] < b[j]
      } else {
        i += 1
        j += 1
      }
    }
    if i < a.count || j < b.count { return j < b.count }
    return a.lexicographicallyPrecedes(b)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 <= 9 }

  /// The digits from `index` on without leading zeros; the index moves behind them.
  private static func number(_ bytes: [UInt8], _ index: inout Int) -> ArraySlice<UInt8> {
    let start = index
    while index < bytes.count, isDigit(bytes[index]) { index += 1 }
    return bytes[start..<index].drop { $0 == 0x30 }
  }
}
