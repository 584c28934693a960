// The base table that a feed's definition asks for, as values and as SQL. Pure: nothing here talks to a server.
// Invariant: two designs are made from the same definition text if and only if they are equal, and every name is
// at most 63 bytes, PostgreSQL's limit, so that no name is ever cut silently.
// How a design is compared with a table that exists is in `TableInspection`.

internal import Definitions
internal import Money
internal import Postgres

/// A base table.
struct TableDesign: Sendable, Hashable {
  struct Column: Sendable, Hashable {
    var name: String
    /// As PostgreSQL's `format_type` writes it.
    var type: String
    var isOptional: Bool
  }
  struct Check: Sendable, Hashable {
    var name: String
    var column: String
    var expression: String
  }
  struct ForeignKey: Sendable, Hashable {
    var name: String
    var column: String
    var target: QualifiedName
    var targetColumn: String
  }
  struct Index: Sendable, Hashable {
    var name: String
    var column: String
  }

  let table: QualifiedName
  let columns: [Column]
  /// Where each row came from, when the feed keeps that; see `Provenance`.
  let provenance: [Column]
  let key: [String]
  let keyName: String
  let checks: [Check]
  let foreignKeys: [ForeignKey]
  let indexes: [Index]

  /// The table of `feed` in `schema`.
  init(feed: FeedDefinition, schema: String, timeZone: String) {
    table = QualifiedName(schema: schema, name: feed.name)
    key = feed.key
    keyName = shortenedIdentifier("\(feed.name)_pkey")
    columns = feed.columns.map { column in
      Column(name: column.name, type: Self.formatted(column.type), isOptional: column.isOptional)
    }
    provenance =
      feed.keepsProvenance ? Provenance.columns.map { Column(name: $0, type: "bigint", isOptional: true) } : []
    checks = feed.columns.flatMap { Self.checks($0, feed: feed.name, timeZone: timeZone) }
    foreignKeys = feed.columns.compactMap { column in
      column.reference.map {
        ForeignKey(
          name: shortenedIdentifier("\(feed.name)_\(column.name)_fkey"), column: column.name,
          target: QualifiedName(schema: schema, name: $0.feed), targetColumn: $0.column)
      }
    }
    indexes = feed.columns.filter(\.isIndexed).map {
      Index(name: shortenedIdentifier("\(feed.name)_\($0.name)_idx"), column: $0.name)
    }
  }

  /// The type in the words of `format_type`.
  static func formatted(_ type: ColumnType) -> String {
    switch type {
    case .timestamp: "timestamp without time zone"
    case .timestamptz: "timestamp with time zone"
    default: type.sql
    }
  }

  private static func checks(_ column: ColumnDefinition, feed: String, timeZone: String) -> [Check] {
    let name = quoteIdentifier(column.name)
    var checks: [Check] = []
    func add(_ kind: String, _ expression: String) {
      checks.append(
        Check(name: shortenedIdentifier("\(feed)_\(column.name)_\(kind)"), column: column.name, expression: expression))
    }
    func literal(_ bound: ColumnBound) -> String {
      switch bound {
      case .number(let number): return number.description
      case .day(let day):
        let date = "date \(quoteLiteral(day.description))"
        // The start of that day on the project's clock, whatever the session's zone is.
        return column.type == .timestamptz ? "(\(date)::timestamp at time zone \(quoteLiteral(timeZone)))" : date
      }
    }
    if let minimum = column.minimum { add("minimum", "\(name) >= \(literal(minimum))") }
    if let maximum = column.maximum { add("maximum", "\(name) <= \(literal(maximum))") }
    if !column.oneOf.isEmpty {
      let values = column.oneOf.map { column.type.isNumeric ? $0 : quoteLiteral($0) }.joined(separator: ", ")
      add("one_of", "\(name) in (\(values))")
    }
    if let pattern = column.pattern { add("matches", "\(name) ~ \(quoteLiteral(pattern))") }
    return checks
  }
}

// MARK: SQL

extension TableDesign {
  /// Columns and checks: what a new table has before its rows.
  var createTable: String { "create table \(table.quoted) (\n  \(body)\n)" }

  /// A temporary table of the same shape, for the server to put the checks into its own words.
  func createShape(named name: String) -> String {
    "create temporary table \(quoteIdentifier(name)) (\n  \(body)\n) on commit drop"
  }

  private var body: String {
    ((columns + provenance).map { "\(quoteIdentifier($0.name)) \($0.type)\($0.isOptional ? "" : " not null")" }
      + checks.map { "constraint \(quoteIdentifier($0.name)) check (\($0.expression))" })
      .joined(separator: ",\n  ")
  }

  /// What a new table gets behind its rows, because one pass over them is cheaper than a step for each.
  var finish: TableFinish {
    func add(_ keys: [ForeignKey]) -> [String] { keys.map { "alter table \(table.quoted) add \(clause($0))" } }
    return TableFinish(
      references: add(foreignKeys.filter { $0.target != table }),
      indexes: (key.isEmpty ? [] : [addKey]) + indexes.map(createIndex),
      selfReferences: add(foreignKeys.filter { $0.target == table }))
  }

  var addKey: String {
    "alter table \(table.quoted) add constraint \(quoteIdentifier(keyName)) primary key (\(list(key)))"
  }

  func createIndex(_ index: Index) -> String {
    "create index \(quoteIdentifier(index.name)) on \(table.quoted) (\(quoteIdentifier(index.column)))"
  }

  func clause(_ key: ForeignKey) -> String {
    "constraint \(quoteIdentifier(key.name)) foreign key (\(quoteIdentifier(key.column))) "
      + "references \(key.target.quoted) (\(quoteIdentifier(key.targetColumn)))"
  }

  func clause(_ check: Check) -> String {
    "constraint \(quoteIdentifier(check.name)) check (\(check.expression))"
  }

  /// One statement that adds an optional column with its checks and its reference.
  func addColumn(_ column: Column) -> String {
    var parts = ["add column \(quoteIdentifier(column.name)) \(column.type)"]
    parts += checks.filter { $0.column == column.name }.map { "add \(clause($0))" }
    parts += foreignKeys.filter { $0.column == column.name }.map { "add \(clause($0))" }
    return "alter table \(table.quoted) \(parts.joined(separator: ", "))"
  }
}

/// The statements that give a table what it is to have behind its rows.
struct TableFinish: Sendable {
  /// References to other tables. They are proven first: rows that break one have to leave before keys are built.
  var references: [String] = []
  /// Keys and indexes.
  var indexes: [String] = []
  /// References of the table to itself, which need its key.
  var selfReferences: [String] = []
  /// Triggers, which no row of the load is to meet.
  var triggers: [String] = []

  /// All of them, in an order that works.
  var statements: [String] { references + indexes + selfReferences + triggers }
}

/// Quoted names with commas between them.
func list(_ names: some Sequence<String>) -> String {
  names.map(quoteIdentifier).joined(separator: ", ")
}
