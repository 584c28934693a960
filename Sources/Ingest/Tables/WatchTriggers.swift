// `watch: true`: triggers on a feed's base table by which changes made by hand reach the journal that views follow.
// Invariant: images, batch and the count of the change are of the writer's own transaction. Its statement holds ROW
// EXCLUSIVE on the table (TRUNCATE more) from before the batch is numbered until it commits, so that whoever has locked
// the table against writers has all numbers up to the highest one it sees; nothing else is locked, so that writers meet
// each other's rows only as they would without triggers. Daybook's own loads journal themselves, and say so by a setting of
// their transaction, which is believed of the function's owner alone, and of roles that may act as it. The function is one for each feed, runs with the rights of its owner whoever writes, and trusts no name
// but those it was made with. How the images are read is elsewhere.

internal import Definitions
internal import Ledger
internal import Postgres

/// The triggers on one feed's table.
struct WatchTriggers: Sendable {
  let design: TableDesign
  let isWanted: Bool

  private var feed: String { design.table.name }
  private var function: QualifiedName { Self.function(of: feed) }
  private var journal: Journal { Journal(design: design) }

  init(design: TableDesign, feed: FeedDefinition) {
    self.design = design
    isWanted = feed.isWatched
  }

  /// Statements that change more rows than this are told as a rebuild, without images.
  static let rowsMaximum = 100_000
  /// The setting that names the feed which the transaction loads.
  private static let setting = "daybook.writer"
  /// Whether the session acts for a role: its own, or the one that it set. A superuser does for each.
  private static func actsFor(_ owner: String) -> String {
    "pg_has_role(case current_setting('role') when 'none' then session_user else current_setting('role')::name end, "
      + "\(owner), 'member')"
  }

  /// The function behind the triggers on a feed's table.
  static func function(of feed: String) -> QualifiedName {
    QualifiedName(schema: "daybook", name: shortenedIdentifier("watch_\(feed)"))
  }

  /// A subquery for the function of that name, which asks for no right on its schema as `to_regprocedure` does.
  static func functionOID(_ name: String) -> String {
    """
    select p.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'daybook' and p.proname = \(name) and p.pronargs = 0
    """
  }

  /// Makes the rest of the transaction Daybook's own: what it writes to the feed's table is journaled by the writer.
  static func beginWriting(_ feed: String) -> String { "set local \(setting) = \(quoteLiteral(feed))" }

  // MARK: What is made

  private struct Trigger {
    let name: String
    /// The statement that fires it.
    let event: String
    /// `pg_trigger.tgtype`: the bit of the event; neither row nor before. Source: PostgreSQL 15, catalog/pg_trigger.h.
    let type: Int
    let old: String?
    let new: String?
  }

  private static let (came, left) = ("_daybook_came", "_daybook_left")
  private static let triggers = [
    Trigger(name: "daybook_watch_insert", event: "insert", type: 4, old: nil, new: came),
    Trigger(name: "daybook_watch_update", event: "update", type: 16, old: left, new: came),
    Trigger(name: "daybook_watch_delete", event: "delete", type: 8, old: left, new: nil),
    Trigger(name: "daybook_watch_truncate", event: "truncate", type: 32, old: nil, new: nil),
  ]

  private var creations: [String] {
    Self.triggers.map { trigger in
      let tables = [trigger.old.map { "old table as \($0)" }, trigger.new.map { "new table as \($0)" }]
      let named = tables.compactMap { $0 }.joined(separator: " ")
      return "create trigger \(trigger.name) after \(trigger.event) on \(design.table.quoted)"
        + (named.isEmpty ? "" : " referencing \(named)")
        + " for each statement execute function \(function.quoted)()"
    }
  }

  /// Trigger functions are called by triggers alone; nobody else is to hang this one on a table of theirs.
  private var functionCreation: [String] {
    [
      """
      create or replace function \(function.quoted)() returns trigger language plpgsql security definer
      set search_path = pg_catalog, pg_temp as \(quoteLiteral(body))
      """,
      "revoke all on function \(function.quoted)() from public",
    ]
  }

  /// Every name of the function's own is qualified, so that no column can be taken for it. An update's images are not
  /// paired, as transition tables are not; equal ones of both signs cancel wherever they are added up.
  private var body: String {
    let names = (design.columns + design.provenance).map(\.name)
    func count(_ table: String) -> String {
      "select count(*) from (select from \(table) limit \(Self.rowsMaximum + 1)) as c"
    }
    func write(_ weight: Int, _ table: String) -> String {
      let images = names.map { "c.\(quoteIdentifier($0))" }.joined(separator: ", ")
      return """
        \(journal.insert(names))
            select _daybook_watch.number, \(weight), \(images) from \(table) as c
        """
    }
    return """

      #variable_conflict use_column
      <<_daybook_watch>>
      declare
        number bigint;
        plus bigint := 0;
        minus bigint := 0;
        -- Triggers go with a table that is given another name. It may be given its own again, and the journal may have
        -- no column for what it has become meanwhile: that something changed is told, and no image.
        is_moved boolean := tg_table_schema <> \(quoteLiteral(design.table.schema))
          or tg_table_name <> \(quoteLiteral(feed));
        is_bulk boolean := tg_op = 'TRUNCATE';
      begin
        if current_setting(\(quoteLiteral(Self.setting)), true) = \(quoteLiteral(feed))
          and \(Self.actsFor("current_user")) then
          return null;
        end if;
        if tg_op in ('INSERT', 'UPDATE') then
          _daybook_watch.plus := (\(count(Self.came)));
        end if;
        if tg_op in ('UPDATE', 'DELETE') then
          _daybook_watch.minus := (\(count(Self.left)));
        end if;
        if _daybook_watch.plus + _daybook_watch.minus = 0 and not _daybook_watch.is_bulk then
          return null;
        end if;
        if _daybook_watch.is_moved or greatest(_daybook_watch.plus, _daybook_watch.minus) > \(Self.rowsMaximum) then
          _daybook_watch.is_bulk := true;
        end if;
        if _daybook_watch.is_bulk then
          _daybook_watch.plus := 0;
          _daybook_watch.minus := 0;
        end if;
        _daybook_watch.number := nextval(pg_get_serial_sequence('daybook.batch', 'batch_id'));
        insert into daybook.batch (batch_id, feed, kind, made_by, application, rows_plus, rows_minus)
        overriding system value values (
          _daybook_watch.number, \(quoteLiteral(feed)), case when _daybook_watch.is_bulk then 'rebuild' else 'delta' end,
          session_user, nullif(current_setting('application_name'), ''), _daybook_watch.plus, _daybook_watch.minus);
        insert into daybook.uncounted_change (batch_id, relation)
        values (_daybook_watch.number, \(quoteLiteral(feed)));
        if _daybook_watch.minus > 0 then
          \(write(-1, Self.left));
        end if;
        if _daybook_watch.plus > 0 then
          \(write(1, Self.came));
        end if;
        return null;
      end

      """
  }

  // MARK: Keeping it

  /// What the catalog says.
  enum State {
    case asWanted
    /// The triggers are there and lead to what another definition or program made, or to a journal that is gone: writers
    /// are refused until it is there again, and nothing went by.
    case outdated
    /// Changes may have gone by: a trigger is missing, switched off, not as it was made, or was so for a while.
    case open
    /// They are there and are not wanted.
    case unwanted
  }

  /// A trigger's row is written anew when it is switched off and when it is switched on; that it depends on its function
  /// was written with it and never after. Neither VACUUM nor anything done to the table touches one of them, and a
  /// trigger that is made again has both of that moment.
  ///
  /// - Complexity: one query of the catalog.
  nonisolated(nonsending) func state(on connection: PostgresConnection) async throws -> State {
    let rows = try await connection.query(
      """
      select to_regclass($4) is not null and f.prosrc = $3 and f.prosecdef and f.proconfig = '{"search_path=pg_catalog, pg_temp"}'
          and \(Self.actsFor("f.proowner")),
        t.tgname::text, t.tgtype::integer,
        t.tgenabled = 'O' and t.tgqual is null and t.tgattr::text = '' and t.tgnargs = 0
          and exists (select from pg_depend d where d.classid = 'pg_trigger'::regclass and d.objid = t.oid
            and d.refclassid = 'pg_proc'::regclass and d.refobjid = f.oid and d.xmin = t.xmin),
        t.tgoldtable::text, t.tgnewtable::text
      from pg_proc f left join pg_trigger t on t.tgfoid = f.oid and t.tgrelid = to_regclass($1) and not t.tgisinternal
      where f.oid = (\(Self.functionOID("$2")))
      """, [.text(design.table.quoted), .text(function.name), .text(body), .text(journal.table.quoted)])
    guard isWanted else { return rows.isEmpty ? .asWanted : .unwanted }
    var isCurrent = true
    var left = Self.triggers
    for row in rows {
      isCurrent = try row.decode(0)
      guard let name: String = try row.decode(1) else { continue }
      let (type, isPlain): (Int, Bool) = (try row.decode(2), try row.decode(3))
      let (old, new): (String?, String?) = (try row.decode(4), try row.decode(5))
      left.removeAll { $0.name == name && $0.type == type && isPlain && $0.old == old && $0.new == new }
    }
    return left.isEmpty ? (isCurrent ? .asWanted : .outdated) : .open
  }

  /// Brings function and triggers to the definition, with the journal's table there already.
  ///
  /// - Parameter isNew: whether the table was made in this transaction; its triggers are then made behind its rows.
  /// - Returns: what is left to do behind the rows, and whether the table begins to be watched with this transaction:
  ///   what happened in it before is not in the journal.
  nonisolated(nonsending) func prepare(
    isNew: Bool, on connection: PostgresConnection
  ) async throws -> (behindRows: [String], begins: Bool) {
    let state = try await state(on: connection)
    if state == .asWanted { return ([], false) }
    // No writer is at work from here on, nor another session at the same function.
    try await connection.execute("lock table \(design.table.quoted) in share row exclusive mode")
    switch state {
    case .asWanted: break
    case .outdated: for statement in functionCreation { try await connection.execute(statement) }
    case .open:
      for statement in functionCreation { try await connection.execute(statement) }
      // Those that went along with a table of another name would tell of its rows.
      _ = try await dropTriggers(of: nil, on: connection)
      if isNew { return (creations, false) }
      for statement in creations { try await connection.execute(statement) }
      return ([], true)
    case .unwanted:
      // Some went along with a table that has another name now.
      _ = try await dropTriggers(of: nil, on: connection)
      try await connection.execute("drop function \(function.quoted)()")
    }
    return ([], false)
  }

  /// Takes the triggers off a table that is locked against everybody: while they are there the server keeps a copy of
  /// every row that a statement changes, whether they use it or not.
  ///
  /// - Returns: the statements that put them back.
  nonisolated(nonsending) func suspend(on connection: PostgresConnection) async throws -> [String] {
    try await dropTriggers(of: design.table, on: connection) ? creations : []
  }

  /// - Parameter table: the table from which they are dropped; nil means each that has some.
  private nonisolated(nonsending) func dropTriggers(
    of table: QualifiedName?, on connection: PostgresConnection
  ) async throws -> Bool {
    let rows = try await connection.query(
      """
      select format('drop trigger %I on %I.%I', t.tgname, n.nspname, c.relname)
      from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
      where t.tgfoid = (\(Self.functionOID("$2"))) and not t.tgisinternal
        and ($1::text is null or t.tgrelid = to_regclass($1))
      """, [table.map { .text($0.quoted) } ?? .null, .text(function.name)])
    for row in rows { try await connection.execute(try row.decode(0, as: String.self)) }
    return !rows.isEmpty
  }
}
