// What a rollup stands on beside the rows of its feed: the columns that it reads, as they are declared, and the functions
// of the database that it calls, as they are written. Where one of these is another than before, no journal tells how the
// rows changed by it.
// Invariant: it is read from the catalog; what CalledFunctions cannot see there changes unseen.

internal import Definitions
internal import Postgres

/// The columns of a feed's table and the functions that rollups over it call.
struct RollupFooting {
  /// Whether tables inherit from it by hand: their rows are read with its own, and no journal tells of them.
  let hasChildren: Bool
  /// Columns that may be null, whatever the feed's definition says.
  let nullable: Set<String>
  /// For each column a number that is another once it was altered: rows may then have been rewritten, too.
  private let columns: [String: Int64]
  /// The functions that its rollups may call.
  let functions: CalledFunctions

  /// Reads what rollups over the table `source` stand on.
  nonisolated(nonsending) static func read(
    of source: QualifiedName, rollups: [RollupDefinition], on connection: PostgresConnection
  ) async throws -> RollupFooting {
    // A row of the catalog is written anew with whatever is altered, also where the type stays (`using amount * 2`).
    let declared = try await connection.query(
      """
      select attname::text, not attnotnull, hashtextextended(concat_ws(' ', attnum, atttypid, attnotnull, xmin), 0)
      from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
      """, [.text(source.quoted)])
    var nullable: Set<String> = []
    var columns: [String: Int64] = [:]
    for row in declared {
      let name: String = try row.decode(0)
      if try row.decode(1, as: Bool.self) { nullable.insert(name) }
      columns[name] = try row.decode(2)
    }
    // Partitions are not meant: what is written by way of their table is told of.
    let children = try await connection.query(
      """
      select exists (select from pg_inherits i join pg_class p on p.oid = i.inhparent
        where p.oid = to_regclass($1) and p.relkind = 'r')
      """, [.text(source.quoted)])
    return RollupFooting(
      hasChildren: try children.first?.decode(0) ?? false, nullable: nullable, columns: columns,
      functions: try await CalledFunctions.read(of: rollups.map(\.calling), on: connection))
  }

  /// What is recorded of it among the inputs of a rollup.
  func inputs(of rollup: RollupDefinition, over feed: FeedDefinition) -> [String: Int64] {
    func number(_ numbers: some Sequence<Int64>) -> Int64 { numbers.reduce(0) { $0 &* 1_000_003 &+ $1 } }
    let called = functions.called(by: rollup.calling).filter { !$0.isOwn }
    return [
      Self.columnsInput(feed.name): number(rollup.columns(of: feed).sorted().compactMap { columns[$0] }),
      Self.functionsInput: number(called.map(\.number)),
      Self.childrenInput(feed.name): hasChildren ? 1 : 0,
    ]
  }

  private static func childrenInput(_ feed: String) -> String { "the children of \(feed)" }

  private static func columnsInput(_ feed: String) -> String { "the columns of \(feed)" }
  private static let functionsInput = "the functions it calls"

  /// Why a state made over `recorded` is not carried on over `inputs`, or nil. What an older program did not record tells
  /// nothing.
  static func difference(_ recorded: [String: Int64], _ inputs: [String: Int64], of feed: String) -> String? {
    func moved(_ name: String) -> Bool { recorded[name].map { $0 != inputs[name] } ?? false }
    if inputs[childrenInput(feed)] == 1 { return "\(feed) has child tables, and no journal tells of their rows" }
    if moved(childrenInput(feed)) { return "\(feed) had child tables, and no journal told of their rows" }
    if moved(columnsInput(feed)) { return "a column of \(feed) that it reads was altered" }
    return moved(functionsInput) ? "a function that it calls was replaced" : nil
  }
}
