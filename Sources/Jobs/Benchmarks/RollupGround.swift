// A shop whose rollups are measured: its table loaded, its rollups built, and nights made of new, corrected and deleted
// rows. Invariant: the same rows and the same night give the same changes; every statement of a night is small enough to be
// told with images (`watch: true`), so that no night is a bulk load.

internal import Definitions
internal import Ledger
internal import Postgres
internal import Views

/// A shop with rollups that follow its transactions.
struct RollupGround: Sendable {
  let shop: ScratchShop
  let refresher: ViewRefresher
  let rollups: [ViewDefinition]
  let columns: NightColumns

  var selection: StageDefinition.Selection { .named(rollups.map(\.name)) }

  /// Loads the table and builds the rollups.
  static func make(in shop: ScratchShop, from base: BenchFile) async throws -> RollupGround {
    let project = shop.session.project
    let rollups = project.views.filter { view in
      if case .rollup(let rollup) = view.kind { rollup.source == shop.transactions.name } else { false }
    }
    guard !rollups.isEmpty else {
      throw StageFailure(.usage, "usage", "the project has no rollup of \(shop.transactions.name)")
    }
    let ground = RollupGround(
      shop: shop, refresher: ViewRefresher(project: project, pool: shop.session.pool), rollups: rollups,
      columns: try NightColumns(shop))
    try await shop.makeTables(from: base)
    try await shop.ingest(base.path)
    try await shop.execute("VACUUM (ANALYZE) \(shop.table)")
    _ = try await ground.refresh()
    return ground
  }

  /// Brings all rollups up to date.
  ///
  /// - Returns: how, for rollups alike once; why is what `run` says.
  func refresh() async throws -> String {
    var alike: [(how: String, views: [String])] = []
    for outcome in try await refresher.refresh(selection) {
      let how = outcome.detail.split(separator: ";").first.map(String.init) ?? ""
      if let place = alike.firstIndex(where: { $0.how == how }) {
        alike[place].views.append(outcome.view)
      } else {
        alike.append((how, [outcome.view]))
      }
    }
    return alike.map { how, views in
      alike.count == 1 ? "all \(views.count) \(how)" : "\(views.joined(separator: ", ")) \(how)"
    }.joined(separator: "; ")
  }

  /// Holds the rollups to being equal to their recompute.
  func hold() async throws {
    let wrong = try await refresher.verify(selection).filter { !$0.isPassed }
    if let first = wrong.first { throw ScratchShop.unequal("\(first.name): \(first.message)") }
  }

  // MARK: Nights

  /// What a night changed.
  struct Night: Sendable {
    var rows: Int
    var customers: Int
    var allCustomers: Int
  }

  private static let pieceRows = 40_000

  /// Changes about so many rows: 85 of 100 are new, of the day behind the newest and of two customers in five, ten
  /// corrected, every tenth of those also in its time, and five deleted.
  ///
  /// - Parameter number: of the night; another one changes other rows.
  func change(rows: Int, night number: Int) async throws -> Night {
    let pieces = (rows + Self.pieceRows - 1) / Self.pieceRows
    let (shop, columns) = (shop, columns)
    return try await shop.session.pool.withConnection(label: "bench") { connection in
      try await connection.withTransaction { transaction in
        let last = try await BatchLedger.lastNumber(of: shop.transactions.name, on: transaction) ?? 0
        let known = try await transaction.query(
          "select coalesce(max(\(columns.key)), 0)::bigint from \(shop.table)")
        let keys = try known.first?.decode(0, as: Int.self) ?? 0
        for piece in 0..<pieces {
          let share = (rows + pieces - 1) / pieces
          let statements = columns.statements(
            share, of: keys, piece: piece, seed: number * pieces + piece, night: number)
          for statement in statements {
            try await transaction.execute(statement)
          }
        }
        return try await told(behind: last, on: transaction)
      }
    }
  }

  private nonisolated(nonsending) func told(
    behind batch: Int64, on connection: PostgresConnection
  ) async throws -> Night {
    let rows = try await connection.query(
      """
      select count(*), count(distinct \(columns.customer)), (select count(*) from \(columns.customers)),
        (select count(*) from daybook.batch where batch_id > $1 and kind = 'rebuild')
      from \(JournalTable.name(of: shop.transactions.name).quoted) where \(quoteIdentifier(JournalTable.batch)) > $1
      """, [.int8(batch)])
    guard let row = rows.first, try row.decode(3, as: Int.self) == 0 else {
      throw StageFailure(.bug, "bug", "a night of the experiment was told as a bulk load")
    }
    return Night(rows: try row.decode(0), customers: try row.decode(1), allCustomers: try row.decode(2))
  }
}

/// The columns that nights change, quoted.
struct NightColumns: Sendable {
  let table: String
  let key: String
  let amount: String
  let time: String
  let customer: String
  /// The table of customers, and its key.
  let customers: String
  let customerKey: String
  /// All others that are not generated here.
  let others: [String]

  init(_ shop: ScratchShop) throws {
    let feed = shop.transactions
    guard feed.key.count == 1, let key = feed.column(named: feed.key[0]), [.bigint, .integer].contains(key.type),
      let amount = feed.columns.first(where: { $0.control != nil }),
      let time = feed.columns.first(where: { $0.isIndexed && $0.type.isTemporal }),
      let customer = feed.columns.first(where: { $0.reference != nil && !$0.isOptional }),
      let reference = customer.reference
    else {
      throw StageFailure(
        .usage, "usage",
        "feed \(feed.name) has no whole number as its key, no control sum, no indexed time or no customer",
        fix: "run it in a project with the sample's definitions")
    }
    table = shop.table
    self.key = quoteIdentifier(key.name)
    self.amount = quoteIdentifier(amount.name)
    self.time = quoteIdentifier(time.name)
    self.customer = quoteIdentifier(customer.name)
    customers = QualifiedName(schema: shop.session.project.database.schema, name: reference.feed).quoted
    customerKey = quoteIdentifier(reference.column)
    let own = [key.name, time.name, customer.name]
    others = feed.columns.map(\.name).filter { !own.contains($0) }.map(quoteIdentifier)
  }

  /// The statements of a piece of a night of `rows` rows, on a table with keys up to `keys`.
  ///
  /// - Parameters:
  ///   - piece: its number, from 0; the next goes on with other customers.
  ///   - seed: decides which rows; consecutive ones choose different rows while there are any.
  func statements(_ rows: Int, of keys: Int, piece: Int, seed: Int, night: Int) -> [String] {
    func chosen(_ count: Int, _ offset: Int) -> String {
      let step = max(1, keys / max(1, count))
      return "\(key) % \(step) = \((seed * 7919 + offset) % step) and \(key) <= \(keys) order by \(key) limit \(count)"
    }
    let (corrected, deleted) = (max(1, rows / 10), max(1, rows / 20))
    let new = max(1, rows - corrected - deleted)
    let copied = others.map { "s.\($0)" }.joined(separator: ", ")
    return [
      """
      insert into \(table) (\(key), \(time), \(customer)\(others.isEmpty ? "" : ", " + others.joined(separator: ", ")))
      select newest.key + s._n + 1, newest.time + interval '1 day' - (s._n % 86400) * interval '1 second',
        w.key\(copied.isEmpty ? "" : ", " + copied)
      from (select t.*, row_number() over () - 1 as _n
        from (select * from \(table) where \(chosen(new, 0))) as t) as s
      join (select \(customerKey) as key, row_number() over (order by \(customerKey)) - 1 as _n, count(*) over () as _all
        from \(customers) where \(customerKey) % 5 in (\(night % 5), \((night + 1) % 5))) as w on w._n = (s._n + \(piece * new)) % w._all
      cross join (select max(\(key)) as key, max(\(time)) as time from \(table)) as newest
      """,
      """
      update \(table) set \(amount) = \(amount) + 0.01,
        \(time) = case when \(key) % 10 = 0 then \(time) - interval '1 second' else \(time) end
      where \(key) in (select \(key) from \(table) where \(chosen(corrected, 3)))
      """,
      "delete from \(table) where \(key) in (select \(key) from \(table) where \(chosen(deleted, 5)))",
    ]
  }

  /// Corrects one row of two years before the newest.
  ///
  /// - Parameter number: how many of the rows before are passed over.
  func correctOldRow(_ number: Int) -> String {
    """
    update \(table) set \(amount) = \(amount) + 0.01 where \(key) = (
      select \(key) from \(table) where \(time) <= (select max(\(time)) from \(table)) - interval '2 years'
      order by \(time) desc offset \(number) limit 1)
    """
  }
}
