// The rules for names.
// Invariant: a name that passes can be written in SQL without quotes' help and leaves room for the suffixes that
// Daybook adds, below PostgreSQL's 63 bytes.

/// What a name is used for.
enum NameKind {
  /// A feed or a view.
  case relation
  /// A column of a view, or of whatever is named in passing.
  case column
  /// A column that a feed declares.
  case feedColumn
  /// The project's schema.
  case schema
  /// A report, a job, a CSV: a file's name.
  case label

  /// The most bytes a name has.
  static let maximumBytes = 55
  private static let systemColumns: Set = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"]

  /// Why `name` cannot be used, or nil when it can.
  func problem(with name: String) -> String? {
    let extra: Set<UInt8> = self == .label ? [UInt8(ascii: "_"), UInt8(ascii: "-")] : [UInt8(ascii: "_")]
    guard !name.isEmpty else { return "it is empty" }
    let isWord = name.utf8.enumerated().allSatisfy { index, byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
        || index > 0 && (extra.contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte))
    }
    guard isWord else {
      return self == .label
        ? "a name has lower-case letters, digits, _ and - only, and begins with a letter or _"
        : "a name has lower-case letters, digits and _ only, and begins with a letter or _"
    }
    guard name.utf8.count <= Self.maximumBytes else { return "a name has at most \(Self.maximumBytes) bytes" }
    guard self != .label else { return nil }
    if name.hasPrefix("daybook_") || name.hasSuffix("__state") {
      return "names that begin with daybook_ or end in __state are Daybook's own"
    }
    // A rollup is built and swapped under these names; a feed's table of that name would be dropped with them.
    if name.hasSuffix("__next") || name.hasSuffix("__old") {
      return "names that end in __next or __old are Daybook's own"
    }
    // So are the values that distinct measures have counted.
    if name.contains("__"), name.wholeMatch(of: /.*__[vw][0-9]+/) != nil {
      return "names that end in __v or __w and a number are Daybook's own"
    }
    if name.hasPrefix("_daybook_") { return "names that begin with _daybook_ are Daybook's own" }
    // Beside a feed's columns stand those by which a delta is worked out.
    if self == .feedColumn, name.hasPrefix("__") { return "names that begin with two underscores are Daybook's own" }
    if self == .schema, name == "daybook" { return "the schema daybook is Daybook's own" }
    if self == .schema, name.hasPrefix("pg_") || name == "information_schema" {
      return "that schema is PostgreSQL's own"
    }
    if self == .column || self == .feedColumn, Self.systemColumns.contains(name) {
      return "every table of PostgreSQL has such a column already"
    }
    return nil
  }
}
