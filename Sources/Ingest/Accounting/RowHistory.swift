// Where a row came from and what changed it since: read from the row itself, from the journal's signed images, and from
// the ledger's batches, files and runs. What was refused of it is in `RowHistory+Rejects`. Invariant: only reads, values travel as parameters, and what is not known is
// said instead of guessed: rows that came by bulk load have no images, only the file and line that they carry.

internal import CSV
public import Definitions
internal import Finding
public import Ledger
public import Postgres

/// Where something in the ledger came from.
public struct RowOrigin: Sendable, Hashable {
  /// The file's name, when the row says which file it was.
  public var file: String?
  /// The 1-based line on which its record starts.
  public var line: Int?
  /// The run, when known.
  public var run: String?
  /// When it was recorded, in UTC.
  public var at: String?
  /// Who made it by hand, when somebody did.
  public var writer: HandWriter?
}

/// One change of a row.
public struct RowEvent: Sendable, Hashable {
  /// What happened.
  public enum Kind: String, Sendable, Hashable {
    /// It was loaded at a time of which there are no images.
    case loaded
    case inserted
    case updated
    case deleted
  }

  /// One column that changed.
  public struct Change: Sendable, Hashable {
    /// The column.
    public var column: String
    /// Its value before, as text; nil for none.
    public var old: String?
    /// Its value since.
    public var new: String?
  }

  /// What happened.
  public var kind: Kind
  /// The batch of the journal; nil for what came without images.
  public var batch: Int64?
  /// Where the new values came from; of a delete, what deleted it.
  public var origin: RowOrigin
  /// What an update changed.
  public var changes: [Change]
}

/// The history of one row.
public struct RowHistory: Sendable, Hashable {
  /// A record of a file that lost to a later one of the same key.
  public struct Duplicate: Sendable, Hashable {
    /// Where it stood.
    public var file: String
    /// The 1-based line of it.
    public var line: Int
    /// The line of the record that counted.
    public var keptLine: Int?
  }

  /// The table's row as it is, column by column; empty when it is not there.
  public var row: [(column: String, value: String?)] { zip(columns, values).map { ($0, $1) } }
  /// Whether the table has the row now.
  public var isPresent: Bool { !values.isEmpty }
  /// What happened, oldest first; the newest ones when there were more than `maximumEvents`.
  public var events: [RowEvent] = []
  /// Records with the same key that did not count.
  public var duplicates: [Duplicate] = []
  /// Records with the same key that were refused, oldest first.
  public var rejects: [Reject] = []
  /// What a reader should know about what is not in the history.
  public var remarks: [String] = []

  var columns: [String] = []
  var values: [String?] = []

  /// The most images that are read, half of which may be one update each.
  public static let maximumEvents = 200
}

/// Reads histories of one feed's rows.
public struct RowTrace: Sendable {
  let feed: FeedDefinition
  let design: TableDesign
  let journal: Journal
  /// So many rejects, the newest of the ledger, are searched for a key.
  var searchedRejects = 100_000

  /// Creates the reader.
  public init(feed: FeedDefinition, project: Project) {
    self.feed = feed
    design = TableDesign(feed: feed, schema: project.database.schema, timeZone: project.calendar.timeZone)
    journal = Journal(design: design)
  }

  private struct Image {
    var batch: Int64
    var weight: Int
    var values: [String?]
    var file: Int64?
    var line: Int?
  }

  /// The history of the row with this key.
  ///
  /// - Parameter key: one text for each key column, in their order.
  /// - Throws: `PostgresError`; SQLSTATE of class 22 when a text is no value of its column.
  public nonisolated(nonsending) func history(
    of key: [String], on connection: PostgresConnection
  ) async throws(PostgresError) -> RowHistory {
    var history = RowHistory()
    history.columns = feed.columns.map(\.name)
    let parameters = key.map { PostgresValue.text($0) }
    var origin: (file: Int64?, line: Int?)?
    let present = try await columns(of: design.table, on: connection)
    if !present.isEmpty {
      let found = try await connection.query(
        "select \(selection(present)) from \(design.table.quoted) where \(condition)", parameters)
      if let row = found.first {
        history.values = try values(row)
        origin = (try row.decode(feed.columns.count), try row.decode(feed.columns.count + 1))
      }
    }
    let horizon = try await JournalHorizons.current(of: feed.name, on: connection)
    let images = try await images(parameters, behind: horizon ?? 0, on: connection)
    let events = pair(images)
    let batches = try await batches(Set(images.map(\.batch)), on: connection)
    let files = try await files(
      Set(images.compactMap(\.file) + batches.values.compactMap(\.file) + [origin?.file].compactMap { $0 }),
      on: connection)
    func place(_ file: Int64?, _ line: Int?, _ batch: Int64?) -> RowOrigin {
      let known = file.flatMap { files[$0] }
      let told = batch.flatMap { batches[$0] }
      if let writer = told?.writer { return RowOrigin(at: told?.at, writer: writer) }
      return RowOrigin(file: known?.name, line: line, run: told?.run ?? known?.run, at: told?.at ?? known?.at)
    }
    for (index, event) in events.enumerated() {
      if index == 0, let before = event.old {
        history.events.append(
          RowEvent(kind: .loaded, batch: nil, origin: place(before.file, before.line, nil), changes: []))
      }
      let batch = event.batch
      switch (event.old, event.new) {
      case (nil, let new?):
        history.events.append(
          RowEvent(kind: .inserted, batch: batch, origin: place(new.file, new.line, batch), changes: []))
      case (let old?, let new?):
        history.events.append(
          RowEvent(
            kind: .updated, batch: batch, origin: place(new.file, new.line, batch),
            changes: changes(old.values, new.values)))
      case (_?, nil):
        history.events.append(
          RowEvent(kind: .deleted, batch: batch, origin: place(batches[batch]?.file, nil, batch), changes: []))
      case (nil, nil): continue
      }
    }
    if images.count >= RowHistory.maximumEvents { history.remarks.append("older changes than these are left out") }
    remark(&history, events.last?.new?.values, events.last != nil)
    if horizon != nil { history.remarks.append("images older than retention.journal were taken out of the journal") }
    if history.isPresent, events.isEmpty || events.last?.new == nil || events.last?.new?.values != history.values {
      history.events.append(
        RowEvent(kind: .loaded, batch: nil, origin: place(origin?.file, origin?.line, nil), changes: []))
    }
    history.duplicates = try await duplicates(parameters, on: connection)
    try await addRejects(of: key, to: &history, on: connection)
    return history
  }

  private func remark(_ history: inout RowHistory, _ last: [String?]?, _ hasImages: Bool) {
    guard hasImages else {
      if history.isPresent { history.remarks.append("it came by bulk load, which writes no images of single rows") }
      return
    }
    if history.isPresent, last != history.values {
      history.remarks.append("the row is not as its last image: a bulk load or somebody outside of Daybook changed it")
    } else if !history.isPresent, last != nil {
      history.remarks.append("the row was there after its last image: somebody outside of Daybook deleted it")
    }
  }

  // MARK: Queries

  private var condition: String {
    feed.key.enumerated().map { index, name in
      let type = feed.column(named: name)?.type.sql ?? "text"
      return "\(quoteIdentifier(name)) = $\(index + 1)::text::\(type)"
    }.joined(separator: " and ")
  }

  /// The feed's columns as text, then the file and the line; what the table lacks is null.
  private func selection(_ present: Set<String>) -> String {
    let names = feed.columns.map(\.name).map { name in
      present.contains(name) ? "\(quoteIdentifier(name))::text" : "null::text"
    }
    let places = Provenance.columns.map { present.contains($0) ? quoteIdentifier($0) : "null::bigint" }
    return (names + places).joined(separator: ", ")
  }

  private func values(_ row: PostgresRow) throws(PostgresError) -> [String?] {
    var values: [String?] = []
    for index in feed.columns.indices { values.append(try row.decode(index, as: String?.self)) }
    return values
  }

  private nonisolated(nonsending) func columns(
    of table: QualifiedName, on connection: PostgresConnection
  ) async throws(PostgresError) -> Set<String> {
    let rows = try await connection.query(
      """
      select attname::text from pg_attribute
      where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
      """, [.text(table.quoted)])
    var names: Set<String> = []
    for row in rows { names.insert(try row.decode(0)) }
    return names
  }

  private nonisolated(nonsending) func images(
    _ key: [PostgresValue], behind horizon: Int64, on connection: PostgresConnection
  ) async throws(PostgresError) -> [Image] {
    let present = try await columns(of: journal.table, on: connection)
    guard present.isSuperset(of: feed.key) else { return [] }
    let (batch, weight) = (quoteIdentifier(JournalTable.batch), quoteIdentifier(JournalTable.weight))
    let rows = try await connection.query(
      """
      select \(selection(present)), \(batch), \(weight)::integer from \(journal.table.quoted)
      where \(condition) and \(batch) > \(horizon) order by \(batch) desc, \(weight) desc, ctid desc limit \(RowHistory.maximumEvents)
      """, key)
    var images: [Image] = []
    let count = feed.columns.count
    for row in rows {
      images.append(
        Image(
          batch: try row.decode(count + 2), weight: try row.decode(count + 3), values: try values(row),
          file: try row.decode(count), line: try row.decode(count + 1)))
    }
    return images.reversed()
  }

  /// The images of each batch: what the row was before it and what it is behind it.
  private func pair(_ images: [Image]) -> [(batch: Int64, old: Image?, new: Image?)] {
    var events: [(batch: Int64, old: Image?, new: Image?)] = []
    for image in images {
      if events.last?.batch != image.batch { events.append((image.batch, nil, nil)) }
      let last = events.count - 1
      if image.weight < 0 {
        events[last].old = events[last].old ?? image
      } else {
        events[last].new = image
      }
    }
    return events
  }

  private func changes(_ old: [String?], _ new: [String?]) -> [RowEvent.Change] {
    feed.columns.indices.filter { old[$0] != new[$0] }.map {
      RowEvent.Change(column: feed.columns[$0].name, old: old[$0], new: new[$0])
    }
  }

  private typealias Told = (name: String?, file: Int64?, run: String?, at: String?, writer: HandWriter?)

  private nonisolated(nonsending) func batches(
    _ numbers: Set<Int64>, on connection: PostgresConnection
  ) async throws(PostgresError) -> [Int64: Told] {
    try await told(
      """
      select batch_id, null::text, file_id, run_id::text, recorded_at, made_by, application
      from daybook.batch where batch_id = any ($1)
      """, numbers, on: connection)
  }

  private nonisolated(nonsending) func files(
    _ numbers: Set<Int64>, on connection: PostgresConnection
  ) async throws(PostgresError) -> [Int64: Told] {
    try await told(
      """
      select file_id, name, file_id, run_id::text, recorded_at, null::text, null::text
      from daybook.file where file_id = any ($1)
      """, numbers, on: connection)
  }

  private nonisolated(nonsending) func told(
    _ statement: String, _ numbers: Set<Int64>, on connection: PostgresConnection
  ) async throws(PostgresError) -> [Int64: Told] {
    if numbers.isEmpty { return [:] }
    var result: [Int64: Told] = [:]
    for row in try await connection.query(statement, [.int8Array(numbers.sorted())]) {
      let role: String? = try row.decode(5)
      let application: String? = try row.decode(6)
      result[try row.decode(0)] = (
        try row.decode(1), try row.decode(2), try row.decode(3), try row.decode(4, as: String?.self),
        role.map { HandWriter(role: $0, application: application) }
      )
    }
    return result
  }

  private nonisolated(nonsending) func duplicates(
    _ key: [PostgresValue], on connection: PostgresConnection
  ) async throws(PostgresError) -> [RowHistory.Duplicate] {
    let texts = feed.key.enumerated().map { index, name in
      "$\(index + 1)::text::\(feed.column(named: name)?.type.sql ?? "text")"
    }
    let rows = try await connection.query(
      """
      select file, line, kept_line from daybook.duplicate_row
      where feed = $\(key.count + 1) and key = concat_ws(',', \(texts.joined(separator: ", ")))
      order by duplicate_id desc limit 20
      """, key + [.text(feed.name)])
    var result: [RowHistory.Duplicate] = []
    for row in rows {
      result.append(
        RowHistory.Duplicate(file: try row.decode(0), line: try row.decode(1), keptLine: try row.decode(2)))
    }
    return result.reversed()
  }
}

extension RowTrace {
  /// The values of a key as a person types them: the whole text for a key of one column, else fields with commas
  /// between them, quoted as in CSV where they hold one; nil when their number is not that of the key's columns.
  public static func key(_ text: String, of feed: FeedDefinition) -> [String]? {
    if feed.key.count == 1 { return [text] }
    guard let fields = RecordFields(Array(text.utf8), format: FeedFormat())?.fields, fields.count == feed.key.count
    else { return nil }
    return fields.map { String(decoding: $0.bytes, as: UTF8.self) }
  }
}
