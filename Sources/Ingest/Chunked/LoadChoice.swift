// How the rows of a feed's new files are to reach its table, and why.
// Pure: what is known of the table, the files and earlier loads comes in as values, so that a dry run and the run say
// the same. Chunked inserts cannot do everything that staging can; what they cannot is named here.

public import Definitions
internal import Glibc
public import Ledger
public import Postgres

/// The way for the files of one call.
public struct LoadChoice: Sendable, Hashable {
  /// The way.
  public var path: FileEntry.LoadPath
  /// Why, in words that stand behind "by copy: ".
  public var reason: String

  /// For people: `by copy: 1.2 MB for about 5.0 M rows; …`.
  public var sentence: String { "by \(path.rawValue): \(reason)" }
}

/// What the choice depends on.
public struct LoadConditions: Sendable, Hashable {
  /// About how many rows the table has; nil when it was never counted, 0 when it is empty or not there.
  public var tableRows: Int?
  /// What the earlier loads of the feed took.
  public var timings: [LoadTiming]
  /// Bytes free where the server keeps its data; nil where that cannot be seen.
  public var freeBytes: Int?

  /// Creates conditions.
  public init(tableRows: Int?, timings: [LoadTiming] = [], freeBytes: Int? = nil) {
    self.tableRows = tableRows
    self.timings = timings
    self.freeBytes = freeBytes
  }

  /// Asks the server, by reading only.
  public static func read(
    _ feed: FeedDefinition, _ project: Project, on connection: PostgresConnection
  ) async throws(PostgresError) -> LoadConditions {
    let name = QualifiedName(schema: project.database.schema, name: feed.name).quoted
    let rows = try await connection.query(
      "select reltuples::bigint, pg_relation_size(oid) from pg_class where oid = to_regclass($1)", [.text(name)])
    var conditions = LoadConditions(tableRows: 0)
    if let row = rows.first {
      let (count, bytes): (Int, Int) = (try row.decode(0), try row.decode(1))
      conditions.tableRows = bytes == 0 ? 0 : count > 0 ? count : nil
    }
    conditions.timings = try await LoadTiming.of(feed: feed.name, on: connection)
    if project.database.url == .embedded { conditions.freeBytes = freeBytes(at: "\(project.root)/.daybook") }
    return conditions
  }

  private static func freeBytes(at path: String) -> Int? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }
}

extension LoadChoice {
  /// What staging takes for each byte of a file, roughly: the unlogged rows, and the log of the merge.
  private static let stagingFactor = 3
  /// What a byte of a compressed file holds, roughly.
  private static let compressionFactor = 5
  /// Inserts must have been this much faster, in per cent, before they are chosen: they publish chunk by chunk.
  private static let advantagePercent = 20

  /// Chooses for `load:` of the feed.
  ///
  /// - Parameters:
  ///   - files: names and sizes of the files to load.
  ///   - isResumed: whether one of them is part way in.
  public static func make(
    _ feed: FeedDefinition, files: [(name: String, bytes: Int)], isResumed: Bool, _ conditions: LoadConditions
  ) -> LoadChoice {
    let copy: FileEntry.LoadPath = conditions.tableRows == 0 ? .bulk : .copy
    if let obstacle = obstacle(to: feed) {
      return LoadChoice(path: copy, reason: feed.load == .insert || isResumed ? obstacle : sizes(files, conditions))
    }
    if isResumed { return LoadChoice(path: .insert, reason: "a file is part way in and goes on where it stopped") }
    switch feed.load {
    case .copy: return LoadChoice(path: copy, reason: "as the definition says")
    case .insert: return LoadChoice(path: .insert, reason: "as the definition says")
    case .auto: break
    }
    let needed = files.reduce(0) { sum, file in
      let isCompressed = file.name.hasSuffix(".gz") || file.name.hasSuffix(".zst")
      return sum + file.bytes * stagingFactor * (isCompressed ? compressionFactor : 1)
    }
    if let free = conditions.freeBytes, needed > free / 10 * 9 {
      return LoadChoice(
        path: .insert, reason: "staging would take about \(size(needed)), and \(size(free)) are free on the server")
    }
    let facts = sizes(files, conditions)
    if copy == .bulk { return LoadChoice(path: .bulk, reason: facts) }
    let copied = conditions.timings.first { $0.path == .copy }?.microsecondsPerRow
    let inserted = conditions.timings.first { $0.path == .insert }?.microsecondsPerRow
    let past: String
    switch (copied, inserted) {
    case (let copied?, let inserted?): past = "lately copy took \(copied) µs a row, insert \(inserted)"
    case (let copied?, nil): past = "lately copy took \(copied) µs a row, insert is untried"
    case (nil, let inserted?): past = "lately insert took \(inserted) µs a row, copy is untried"
    case (nil, nil): past = "nothing is measured yet"
    }
    if let copied, let inserted, inserted * 100 <= copied * (100 - advantagePercent) {
      return LoadChoice(path: .insert, reason: "\(facts); \(past)")
    }
    return LoadChoice(path: .copy, reason: "\(facts); \(past)")
  }

  /// Why chunks cannot load the feed; nil when they can.
  static func obstacle(to feed: FeedDefinition) -> String? {
    if case .snapshot = feed.mode { return "a snapshot is compared as a whole" }
    if feed.trailer != nil || feed.controlFile == .required {
      return "totals of the whole file are compared before anything is published"
    }
    if feed.format.encoding != .utf8 { return "files in \(feed.format.encoding.rawValue) are loaded whole" }
    if feed.columns.contains(where: { $0.reference?.feed == feed.name }) {
      return "rows that refer to rows of their own file are looked up in the whole of it"
    }
    if !feed.keepsProvenance, !feed.key.isEmpty, feed.onConflict != .update {
      return "without provenance, a key that comes again is not told from one that was there before"
    }
    if feed.columns.contains(where: { feed.key.contains($0.name) && $0.type == .json }) {
      return "a key of json is compared by the server"
    }
    return nil
  }

  private static func sizes(_ files: [(name: String, bytes: Int)], _ conditions: LoadConditions) -> String {
    let bytes = files.reduce(0) { $0 + $1.bytes }
    let table =
      switch conditions.tableRows {
      case 0?: "an empty table"
      case let rows?: "a table of about \(count(rows)) rows"
      case nil: "a table that was never counted"
      }
    return "\(size(bytes)) for \(table)"
  }

  private static func size(_ bytes: Int) -> String { scaled(bytes, ["B", "kB", "MB", "GB", "TB"]) }
  private static func count(_ rows: Int) -> String { rows < 10_000 ? "\(rows)" : scaled(rows, ["", "k", "M", "G"]) }

  /// One digit behind the point, in whole numbers only.
  private static func scaled(_ number: Int, _ units: [String]) -> String {
    var (tenths, unit) = (number * 10, 0)
    while tenths >= 10_000, unit + 1 < units.count {
      tenths /= 1_000
      unit += 1
    }
    return unit == 0 ? "\(number) \(units[0])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }
}
