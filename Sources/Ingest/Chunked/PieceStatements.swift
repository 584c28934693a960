// The SQL of one piece's way into the base table. Pure text; the rows come as one array for each column.
// Invariant: what is written and what the journal says come from one statement, and the sums of what was written come
// from its RETURNING, triggers included. Parameters $1… are the arrays, in the order of `Incoming.fields`.
// The order of the statements, and what their results must add up to, is in `PieceWriter`.

internal import Definitions
internal import Postgres

/// One column as the pieces of a file bring it.
struct IncomingColumn: Sendable {
  var name: String
  var type: ElementType
  /// Its place in an encoded row; nil for a constant.
  var field: Int?
  /// The constant as SQL.
  var constant: String?
}

/// A relation made of arrays, and the fields that fill them.
struct Incoming: Sendable {
  var sql: String
  var fields: [Int]
  var types: [ElementType]
}

/// The statements for the pieces of one file.
struct PieceStatements: Sendable {
  let feed: String
  let base: String
  let key: [String]
  let columns: [IncomingColumn]
  /// All columns of the table that the journal keeps images of.
  let imaged: [String]
  let controls: [(column: String, group: String)]
  let references: [MergeStatements.Reference]
  let journal: Journal
  let onConflict: ConflictRule
  let hasProvenance: Bool
  /// The place of the line in an encoded row.
  let lineField: Int
  /// The closed months; nil when none is.
  let closed: ClosedMonths?

  /// What names a row within its piece, from 1.
  static let number = "_daybook_n"

  /// The rows of a piece with the columns `names`, and the line of each.
  private func incoming(_ names: [String]) -> Incoming {
    var fields: [Int] = []
    var types: [ElementType] = []
    var selected: [String] = []
    for column in columns where names.contains(column.name) {
      if let field = column.field {
        selected.append("u.c\(fields.count) as \(quoteIdentifier(column.name))")
        fields.append(field)
        types.append(column.type)
      } else {
        selected.append("\(column.constant ?? "null") as \(quoteIdentifier(column.name))")
      }
    }
    selected.append("u.c\(fields.count) as \(quoteIdentifier(Provenance.line))")
    fields.append(lineField)
    types.append(.bigint)
    let arrays = types.enumerated().map { "$\($0 + 1)::\($1.name)[]" }.joined(separator: ", ")
    let names = (fields.indices.map { "c\($0)" } + [Self.number]).joined(separator: ", ")
    return Incoming(
      sql: "select \(selected.joined(separator: ", ")), u.\(Self.number)\n"
        + "  from unnest(\(arrays)) with ordinality as u(\(names))",
      fields: fields, types: types)
  }

  /// The settings of a piece's transaction, and the lock under which its batch is numbered.
  ///
  /// A piece is small beside the table it goes to, whatever the planner thinks of both. Its commit need not wait for the
  /// disk: rows and ledger are lost together or not at all, and the file's last commit waits for all before it.
  var begin: String {
    """
    set local jit = off; set local enable_hashjoin = off; set local enable_mergejoin = off;
    set local enable_seqscan = off; set local synchronous_commit = off;
    \(WatchTriggers.beginWriting(feed)); lock table \(base) in row exclusive mode
    """
  }

  /// Number, place of the column, column, value: the references that lead nowhere.
  var orphans: (incoming: Incoming, sql: String)? {
    guard !references.isEmpty else { return nil }
    let incoming = incoming(references.map(\.column))
    let parts = references.map { reference in
      let column = quoteIdentifier(reference.column)
      return """
        select i.\(Self.number), \(reference.place)::bigint as place, \(quoteLiteral(reference.column)) as column_name,
          i.\(column)::text as value
        from i where i.\(column) is not null and not exists (
          select from \(reference.target.quoted) r where r.\(quoteIdentifier(reference.targetColumn)) = i.\(column))
        """
    }
    return (
      incoming,
      "with i as materialized (\(incoming.sql))\n\(parts.joined(separator: "\nunion all\n"))\norder by 1, 2"
    )
  }

  /// The keys of rows for a person, in the order of the rows.
  var keyTexts: (incoming: Incoming, sql: String) {
    let incoming = incoming(key)
    return (incoming, "select concat_ws(',', \(list(key, of: "i"))) from (\(incoming.sql)) i order by i.\(Self.number)")
  }

  /// The numbers of the rows whose key the table has, each locked until the end, in the key's order.
  var present: (incoming: Incoming, sql: String) {
    let incoming = incoming(key)
    return (
      incoming,
      """
      select i.\(Self.number) from (\(incoming.sql)) i join \(base) b on \(match)
      order by \(list(key, of: "i")) for no key update of b
      """
    )
  }

  private var match: String {
    key.map { "b.\(quoteIdentifier($0)) = i.\(quoteIdentifier($0))" }.joined(separator: " and ")
  }

  private static func list(_ names: [String]) -> String { names.map(quoteIdentifier).joined(separator: ", ") }

  private func list(_ names: [String], of alias: String) -> String {
    names.map { "\(alias).\(quoteIdentifier($0))" }.joined(separator: ", ")
  }

  /// What a row takes from the file.
  private var compared: [String] { columns.map(\.name).filter { !key.contains($0) } }

  /// Whether a present row can differ at all.
  var canUpdate: Bool { !compared.isEmpty }

  /// The present rows: which change, which stay, which are refused; changes and images are written.
  ///
  /// A row that an earlier chunk of the same file brought is replaced whatever `on_conflict` says: of several records
  /// with one key in one file the last one counts. Parameters behind the arrays: file, batch.
  /// Rows: kind, number, column or text, currency, amount.
  var change: (incoming: Incoming, sql: String) {
    let incoming = incoming(columns.map(\.name))
    let file = "$\(incoming.fields.count + 1)::bigint"
    let batch = "$\(incoming.fields.count + 2)::bigint"
    let isOwn = hasProvenance ? "coalesce(b.\(quoteIdentifier(Provenance.file)) = \(file), false)" : "false"
    let isChanged = "row(\(list(compared, of: "i"))) is distinct from row(\(list(compared, of: "b")))"
    let holding = closed.flatMap { $0.held.isEmpty ? nil : $0 }
    let written =
      holding.map { "case when \($0.isHeld("i")) or \($0.isHeld("b")) then 'closed' else 'updated' end" } ?? "'updated'"
    let month = holding.map { "case when \($0.isHeld("i")) then \($0.month("i")) else \($0.month("b")) end" }
    let fate =
      switch onConflict {
      case .update: "case when \(isChanged) then \(written) else 'unchanged' end"
      case .ignore: "case when \(isChanged) and \(isOwn) then \(written) else 'unchanged' end"
      case .reject:
        "case when not (\(isChanged)) then 'unchanged' when \(isOwn) then \(written) else 'conflict' end"
      }
    let held =
      holding == nil
      ? ""
      : """

      union all select 'closed', \(Self.number), _daybook_month, '', null from pair where _daybook_fate = 'closed'
      """
    let old = imaged.enumerated().map { "b.\(quoteIdentifier($1)) as _daybook_o\($0)" }.joined(separator: ", ")
    let provenance = Provenance.columns.map(quoteIdentifier)
    let set =
      compared.map { "\(quoteIdentifier($0)) = p.\(quoteIdentifier($0))" }
      + (hasProvenance ? ["\(provenance[0]) = \(file)", "\(provenance[1]) = p.\(provenance[1])"] : [])
    let own =
      hasProvenance
      ? """

      union all select 'own', \(Self.number), _daybook_own_line::text, '', null from pair where _daybook_own
      """ : ""
    return (
      incoming,
      """
      with i as materialized (\(incoming.sql)),
      pair as materialized (
        select i.*, b.ctid as _daybook_place, \(fate) as _daybook_fate, \(isOwn) as _daybook_own,
          \(hasProvenance ? "b.\(provenance[1])" : "null::bigint") as _daybook_own_line,\
      \(month.map { " to_char(\($0), 'YYYY-MM') as _daybook_month," } ?? "") \(old)
        from i join \(base) b on \(match)),
      minus as (
        \(journal.insert(imaged))
        select \(batch), -1, \(imaged.indices.map { "_daybook_o\($0)" }.joined(separator: ", ")) from pair where _daybook_fate = 'updated'),
      s as (
        update \(base) b set \(set.joined(separator: ", ")) from pair p where b.ctid = p._daybook_place and p._daybook_fate = 'updated'
        returning \(list(imaged, of: "b"))),
      plus as (
        \(journal.insert(imaged)) select \(batch), 1, \(list(imaged, of: "s")) from s)
      select 'updated', count(*)::bigint, '', '', null::text from s
      union all select 'pairs', count(*)::bigint, '', '', null from pair
      union all select 'conflict', \(Self.number), '', '', null from pair where _daybook_fate = 'conflict'\(own)\(held)\
      \(sums("updated", over: "s"))\(sums("unchanged", over: "(select * from pair where _daybook_fate = 'unchanged') s"))
      """
    )
  }

  /// Number and month of the rows that fall into a month which lets no change in; nil when there is none.
  var held: (incoming: Incoming, sql: String)? {
    guard let closed, !closed.held.isEmpty else { return nil }
    let incoming = incoming([closed.column])
    return (
      incoming,
      "select i.\(Self.number), to_char(\(closed.month("i")), 'YYYY-MM') from (\(incoming.sql)) i "
        + "where \(closed.isHeld("i")) order by 1"
    )
  }

  /// Inserts what the table does not have, in the key's order, with its images.
  ///
  /// Parameters behind the arrays: file, batch. Rows: kind, count, column, currency, amount.
  var insert: (incoming: Incoming, sql: String) {
    let incoming = incoming(columns.map(\.name))
    let file = "$\(incoming.fields.count + 1)::bigint"
    let batch = "$\(incoming.fields.count + 2)::bigint"
    let names = columns.map(\.name)
    let provenance = Provenance.columns.map(quoteIdentifier)
    return (
      incoming,
      """
      with s as (
        insert into \(base) as b (\(Self.list(names + (hasProvenance ? Provenance.columns : []))))
        select \(list(names, of: "i"))\(hasProvenance ? ", \(file), i.\(provenance[1])" : "")
        from (\(incoming.sql)) i
        order by \(key.isEmpty ? "i.\(Self.number)" : list(key, of: "i"))
        returning \(list(imaged, of: "b"))),
      plus as (
        \(journal.insert(imaged)) select \(batch), 1, \(list(imaged, of: "s")) from s)
      select 'inserted', count(*)::bigint, '', '', null::text from s\(sums("inserted", over: "s"))
      """
    )
  }

  private func sums(_ kind: String, over source: String) -> String {
    controls.map { control in
      """

      union all select '\(kind)_sum', 0, \(quoteLiteral(control.column)), s.\(quoteIdentifier(control.group))::text,
        sum(s.\(quoteIdentifier(control.column)))::text
      from \(source) where s.\(quoteIdentifier(control.column)) is not null group by 4
      """
    }.joined()
  }

  /// A constant of a definition as SQL.
  ///
  /// - Parameter timeZone: the project's, in which a constant time without an offset is read.
  static func constant(_ text: String, _ type: ColumnType, timeZone: String) -> String {
    var time = CivilTime()
    let bytes = Array(text.utf8)
    let isTime = bytes.withUnsafeBufferPointer { bytes in
      bytes.baseAddress.map { parseISO($0, bytes.count, into: &time) } ?? false
    }
    let isLocal = type == .timestamptz && isTime && !time.hasOffset
    return "\(quoteLiteral(isLocal ? "\(text) \(timeZone)" : text))::\(type.sql)"
  }
}
