// The SQL of one file's way from its staging table into the base table. Pure text, set-based throughout.
// Invariant: a row that came in is known by its place in the file, which is unique there: the offset in staging, the line
// where it was copied straight into the base table. Temporary tables hold what was classified once, so that rows are
// compared once.
// The order of the statements, and what their results must add up to, is in `FeedPublication`.

internal import Definitions
internal import Postgres

/// The statements for one staged file.
struct MergeStatements: Sendable {
  let base: String
  let staging: String
  let key: [String]
  /// Columns that the file fills, constants included, in the table's order.
  let columns: [String]
  /// Control columns with the column that groups each.
  let controls: [(column: String, group: String)]
  let references: [Reference]
  /// Where the rows of the file are.
  let rowsAre: RowsAre
  /// What each written row says about where it came from; nil when the feed does not keep that.
  let provenance: Int64?
  /// The columns of the images in the journal.
  let imageColumns: [String]
  let journal: Journal
  /// The closed months; nil when none is.
  var closed: ClosedMonths?

  /// Where the rows of a file are before they are settled.
  enum RowsAre: Sendable {
    /// In a staging table, each with its offset, line and record.
    case staged
    /// In the base table itself, which holds nothing else, each with its line.
    case inPlace
  }

  /// The column that tells the rows of the file apart.
  var place: String { rowsAre == .staged ? "_daybook_offset" : Provenance.line }
  /// Offset, line and record of a row `alias`, zero where they have to be looked up in the file.
  func places(_ alias: String) -> String {
    rowsAre == .staged
      ? "\(alias)._daybook_offset, \(alias)._daybook_line, \(alias)._daybook_record"
      : "0::bigint as _daybook_offset, \(alias)._daybook_line, 0::bigint as _daybook_record"
  }

  /// One column whose values must exist elsewhere.
  struct Reference: Sendable {
    var column: String
    var target: QualifiedName
    var targetColumn: String
    /// The column's place in the file: the first bad column names the reject.
    var place: Int
  }

  /// The control sums of a feed whose columns are among those that are written.
  static func controls(of feed: FeedDefinition, among names: Set<String>) -> [(column: String, group: String)] {
    feed.columns.compactMap { column in
      guard let control = column.control, names.contains(column.name), names.contains(control.groupedBy) else {
        return nil
      }
      return (column.name, control.groupedBy)
    }
  }

  /// The references of a table whose columns are among those that are written.
  ///
  /// - Parameter places: of the columns in the file.
  static func references(
    of design: TableDesign, among names: Set<String>, places: [String: Int]
  ) -> [Reference] {
    design.foreignKeys.filter { names.contains($0.column) }.map {
      Reference(column: $0.column, target: $0.target, targetColumn: $0.targetColumn, place: places[$0.column] ?? 0)
    }
  }

  /// The staging table of a file.
  ///
  /// - Parameter timeZone: the project's, in which a constant time without an offset is read, whatever zone the
  ///   session has.
  static func createStaging(_ name: QualifiedName, columns: [ColumnDefinition], timeZone: String) -> String {
    let fields = columns.map { column in
      let constant = column.constant.map { text in
        let isLocal = column.type == .timestamptz && isLocalTime(text)
        return " default \(quoteLiteral(isLocal ? "\(text) \(timeZone)" : text))::\(column.type.sql)"
      }
      return "\(quoteIdentifier(column.name)) \(column.type.sql)\(constant ?? "")"
    }
    return """
      create unlogged table \(name.quoted) (
        \((fields + RowPlaces.staging.columns.map { "\(quoteIdentifier($0)) bigint" }).joined(separator: ",\n  "))
      ) with (autovacuum_enabled = false)
      """
  }

  /// A table of its own for one more worker, whose rows are read with those of `parent`.
  static func createChild(_ name: QualifiedName, of parent: QualifiedName) -> String {
    "create unlogged table \(name.quoted) () inherits (\(parent.quoted)) with (autovacuum_enabled = false)"
  }

  /// Whether the text is a day or time in ISO 8601 that names no offset of its own.
  private static func isLocalTime(_ text: String) -> Bool {
    var time = CivilTime()
    let bytes = Array(text.utf8)
    let isTime = bytes.withUnsafeBufferPointer { bytes in
      bytes.baseAddress.map { parseISO($0, bytes.count, into: &time) } ?? false
    }
    return isTime && !time.hasOffset
  }

  // MARK: Orphans

  /// The records whose references lead nowhere, each with its first bad column.
  var findOrphans: String {
    let parts = references.map { reference in
      let column = quoteIdentifier(reference.column)
      let target = reference.target.quoted
      let isSelf = target == base
      return """
        select s.\(place) as staged, \(reference.place) as place, \(quoteLiteral(reference.column)) as column_name,
          s.\(column)::text as value
        from \(staging) s
        where s.\(column) is not null
          and not exists (select from \(target) r where r.\(quoteIdentifier(reference.targetColumn)) = s.\(column))\
        \(isSelf
          ? "\n and not exists (select from \(staging) o where o.\(quoteIdentifier(reference.targetColumn)) = s.\(column))"
          : "")
        """
    }
    return """
      create temporary table daybook_orphan on commit drop as
      select distinct on (staged) staged, column_name, value
      from (\(parts.joined(separator: "\nunion all\n"))) as found
      order by staged, place
      """
  }

  var orphanRows: String {
    """
    select \(places("s")), o.column_name, o.value
    from daybook_orphan o join \(staging) s on s.\(place) = o.staged order by 2
    """
  }

  var deleteOrphans: String { "delete from \(staging) s using daybook_orphan o where s.\(place) = o.staged" }

  // MARK: Duplicates

  /// All but the last record of each key that the file holds more than once.
  ///
  /// - Parameter late: what is known about the keys that may come twice.
  func findLosers(among late: LateKeys) -> String {
    let candidates: String
    switch late {
    case .unknown:
      candidates = "(\(list(key))) in (select \(list(key)) from \(staging) group by \(list(key)) having count(*) > 1)"
    case .known(let keys):
      candidates = "\(list(key)) = any ('{\(keys.map(String.init).joined(separator: ","))}'::bigint[])"
    }
    return """
      create temporary table daybook_loser on commit drop as
      select staged, tid, _daybook_offset, _daybook_line, _daybook_record, key, kept_line
      from (
        select s.\(place) as staged, s.ctid as tid, \(places("s")), concat_ws(',', \(list(key))) as key,
          row_number() over last_first as place, first_value(_daybook_line) over last_first as kept_line
        from \(staging) s
        where \(candidates)
        window last_first as (partition by \(list(key)) order by \(place) desc)
      ) as ranked
      where place > 1
      """
  }

  /// In place all rows are in one table, whose rows can be fetched by where they lie.
  var deleteLosers: String {
    "delete from \(staging) s using daybook_loser l where "
      + (rowsAre == .inPlace ? "s.ctid = l.tid" : "s.\(place) = l.staged")
  }

  // MARK: Merge

  /// The staged rows whose key the table has already, with that row's place and whether it would change.
  var classify: String {
    let compared = columns.filter { !key.contains($0) }.map(quoteIdentifier)
    let change =
      compared.isEmpty
      ? "false"
      : "row(\(compared.map { "s.\($0)" }.joined(separator: ", "))) is distinct from "
        + "row(\(compared.map { "b.\($0)" }.joined(separator: ", ")))"
    let match = key.map { "b.\(quoteIdentifier($0)) = s.\(quoteIdentifier($0))" }.joined(separator: " and ")
    return """
      create temporary table daybook_present on commit drop as
      select s.\(place) as staged, b.ctid as present, \(change) as is_changed
      from \(staging) s join \(base) b on \(match)
      """
  }

  let countPresent = """
    select count(*) filter (where is_changed), count(*) filter (where not is_changed) from daybook_present
    """

  /// Part of a file: the rows from one place to another.
  typealias Span = ClosedRange<Int>

  private func condition(_ span: Span?, _ column: String) -> String? {
    span.map { "\(column) between \($0.lowerBound) and \($0.upperBound)" }
  }

  /// Inserts what the table does not have.
  ///
  /// - Parameters:
  ///   - isSorted: whether staging is in the key's order already.
  ///   - hasPresent: whether `daybook_present` has rows to leave out.
  func insertNew(isSorted: Bool, hasPresent: Bool, within span: Span? = nil) -> String {
    let conditions = [
      hasPresent ? "not exists (select from daybook_present p where p.staged = s.\(place))" : nil,
      condition(span, "s.\(place)"),
    ].compactMap { $0 }
    return """
      insert into \(base) (\(list(columns + (provenance == nil ? [] : Provenance.columns))))
      select \(columns.map { "s.\(quoteIdentifier($0))" }.joined(separator: ", "))\
      \(provenance.map { ", \($0)::bigint, s._daybook_line" } ?? "") from \(staging) s\
      \(conditions.isEmpty ? "" : " where \(conditions.joined(separator: " and "))")\
      \(isSorted || key.isEmpty ? "" : " order by \(key.map { "s.\(quoteIdentifier($0))" }.joined(separator: ", "))")
      """
  }

  /// Replaces what changed.
  func updateChanged(within span: Span? = nil) -> String {
    var set = columns.filter { !key.contains($0) }.map(quoteIdentifier).map { "\($0) = s.\($0)" }
    if let provenance {
      set += ["\(Provenance.file) = \(provenance)", "\(Provenance.line) = s._daybook_line"]
    }
    return """
      update \(base) b set \(set.joined(separator: ", "))
      from daybook_present p join \(staging) s on s.\(place) = p.staged
      where b.ctid = p.present and p.is_changed\(condition(span, "p.staged").map { " and \($0)" } ?? "")
      """
  }

  /// Writes the rows that are about to change as they still are.
  func journalOld(_ batch: Int64, within span: Span? = nil) -> String {
    """
    \(journal.insert(imageColumns))
    select \(batch)::bigint, -1, \(images("b"))
    from daybook_present p join \(base) b on b.ctid = p.present
    where p.is_changed\(condition(span, "p.staged").map { " and \($0)" } ?? "")
    """
  }

  private func images(_ alias: String) -> String {
    imageColumns.map { "\(alias).\(quoteIdentifier($0))" }.joined(separator: ", ")
  }

  /// Records whose key is taken by different values, for `on_conflict: reject`.
  var conflictRows: String {
    """
    select \(places("s")), '' as column_name, \(keyText) as value
    from daybook_present p join \(staging) s on s.\(place) = p.staged where p.is_changed order by 2
    """
  }

  var keyText: String {
    key.isEmpty ? "''" : "concat_ws(',', \(key.map { "s.\(quoteIdentifier($0))" }.joined(separator: ", ")))"
  }

  // MARK: One row at a time

  /// Where to cut staging into spans of at most `rows` rows: the first place of each, in order.
  func spanStarts(rows: Int) -> String {
    """
    select staged from (
      select \(place) as staged, row_number() over (order by \(place)) as number from \(staging)
    ) as numbered
    where number % \(rows) = 1 or \(rows) = 1 order by 1
    """
  }

  /// Offset, line, record, nothing and the key of the rows of a span.
  func rows(of span: Span) -> String {
    "select \(places("s")), '' as column_name, \(keyText) as value from \(staging) s "
      + "where \(condition(span, "s.\(place)") ?? "true") order by 2"
  }

  func countRows(of span: Span) -> String {
    "select count(*), min(\(place)), max(\(place)) from \(staging) s where \(condition(span, "s.\(place)") ?? "true")"
  }

  func deleteRows(of span: Span) -> String {
    "delete from \(staging) s where \(condition(span, "s.\(place)") ?? "true")"
  }

  // MARK: Sums

  /// Column, group, count and sum over rows that `source` (a from clause, alias s) gives.
  func sums(over source: String) -> String? {
    guard !controls.isEmpty else { return nil }
    return controls.map { control in
      """
      select \(quoteLiteral(control.column)) as column_name, s.\(quoteIdentifier(control.group))::text as currency,
        sum(s.\(quoteIdentifier(control.column)))::text as amount
      from \(source) where s.\(quoteIdentifier(control.column)) is not null group by 2
      """
    }.joined(separator: "\nunion all\n")
  }

  /// A statement that changes the base table, with the sums of what it really wrote, triggers included, and what it
  /// wrote as images in the journal.
  ///
  /// The first row is the count, under an empty column name.
  func returningSums(_ statement: String, alias: String, journaling batch: Int64?) -> String {
    var names = Set(controls.flatMap { [$0.column, $0.group] })
    if batch != nil { names.formUnion(imageColumns) }
    let returned =
      names.isEmpty ? "1" : names.sorted().map { "\(alias).\(quoteIdentifier($0))" }.joined(separator: ", ")
    let count = "select '' as column_name, '' as currency, count(*)::text as amount from s"
    let all = ([count] + (sums(over: "s").map { [$0] } ?? [])).joined(separator: "\nunion all\n")
    let journaled = batch.map {
      ", j as (\n\(journal.insert(imageColumns))\nselect \($0)::bigint, 1, \(images("s")) from s\n)"
    }
    return "with s as (\n\(statement)\nreturning \(returned)\n)\(journaled ?? "")\n\(all)"
  }

  /// How many rows of the table the file does not have.
  var countAbsent: String { "select count(*), (select count(*) from \(base)) from \(base) b where \(isAbsent)" }
  /// Deletes them; counts the images it writes of them.
  func deleteAbsent(journaling batch: Int64?) -> String {
    let statement = "delete from \(base) b where \(isAbsent)"
    guard let batch else { return statement }
    return """
      with d as (\(statement) returning \(images("b")))
      \(journal.insert(imageColumns)) select \(batch)::bigint, -1, \(images("d")) from d
      """
  }
  /// How many rows of months that let no change in the file does not have; nil when there is no such month.
  var countStaying: String? {
    guard let closed, !closed.held.isEmpty else { return nil }
    return "select count(*) from \(base) b where \(isMissing) and \(closed.isHeld("b"))"
  }
  private var isAbsent: String {
    guard let closed, !closed.held.isEmpty else { return isMissing }
    return "\(isMissing) and not (\(closed.isHeld("b")))"
  }
  /// Whether the file has no record for a row `b`. Held records have left staging, and are records all the same.
  private var isMissing: String {
    func none(_ relation: String) -> String {
      let match = key.map { "s.\(quoteIdentifier($0)) = b.\(quoteIdentifier($0))" }.joined(separator: " and ")
      return "not exists (select from \(relation) s where \(match))"
    }
    guard let closed, !closed.held.isEmpty else { return none(staging) }
    return "\(none(staging)) and \(none("daybook_held"))"
  }
}
