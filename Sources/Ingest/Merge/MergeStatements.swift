// The SQL of one file's way from its staging table into the base table. Pure text, set-based throughout.
// Invariant: the columns _daybook_offset (unique in a file), _daybook_line and _daybook_record exist only in
// staging. Temporary tables hold what was classified once, so that rows are compared once and moved by their place.
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

  /// One column whose values must exist elsewhere.
  struct Reference: Sendable {
    var column: String
    var target: QualifiedName
    var targetColumn: String
    /// The column's place in the file: the first bad column names the reject.
    var place: Int
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
        select s.ctid as staged, \(reference.place) as place, \(quoteLiteral(reference.column)) as column_name,
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
    select s._daybook_offset, s._daybook_line, s._daybook_record, o.column_name, o.value
    from daybook_orphan o join \(staging) s on s.ctid = o.staged order by 1
    """
  }

  var deleteOrphans: String { "delete from \(staging) s using daybook_orphan o where s.ctid = o.staged" }

  // MARK: Duplicates

  /// All but the last record of each key that the file holds more than once.
  var findLosers: String {
    """
    create temporary table daybook_loser on commit drop as
    select staged, _daybook_offset, _daybook_line, _daybook_record, key, kept_line
    from (
      select ctid as staged, _daybook_offset, _daybook_line, _daybook_record, concat_ws(',', \(list(key))) as key,
        row_number() over last_first as place, first_value(_daybook_line) over last_first as kept_line
      from \(staging)
      where (\(list(key))) in (select \(list(key)) from \(staging) group by \(list(key)) having count(*) > 1)
      window last_first as (partition by \(list(key)) order by _daybook_offset desc)
    ) as ranked
    where place > 1
    """
  }

  var deleteLosers: String { "delete from \(staging) s using daybook_loser l where s.ctid = l.staged" }

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
      select s.ctid as staged, b.ctid as present, \(change) as is_changed
      from \(staging) s join \(base) b on \(match)
      """
  }

  let countPresent = """
    select count(*) filter (where is_changed), count(*) filter (where not is_changed) from daybook_present
    """

  /// Inserts what the table does not have.
  ///
  /// - Parameters:
  ///   - isSorted: whether staging is in the key's order already.
  ///   - hasPresent: whether `daybook_present` has rows to leave out.
  func insertNew(isSorted: Bool, hasPresent: Bool) -> String {
    """
    insert into \(base) (\(list(columns)))
    select \(list(columns)) from \(staging) s\
    \(hasPresent ? " where not exists (select from daybook_present p where p.staged = s.ctid)" : "")\
    \(isSorted || key.isEmpty ? "" : " order by \(list(key))")
    """
  }

  /// Replaces what changed.
  var updateChanged: String {
    let set = columns.filter { !key.contains($0) }.map(quoteIdentifier).map { "\($0) = s.\($0)" }
    return """
      update \(base) b set \(set.joined(separator: ", "))
      from daybook_present p join \(staging) s on s.ctid = p.staged
      where b.ctid = p.present and p.is_changed
      """
  }

  /// Records whose key is taken by different values, for `on_conflict: reject`.
  var conflictRows: String {
    """
    select s._daybook_offset, s._daybook_line, s._daybook_record, '' as column_name,
      concat_ws(',', \(key.map { "s.\(quoteIdentifier($0))" }.joined(separator: ", "))) as value
    from daybook_present p join \(staging) s on s.ctid = p.staged where p.is_changed order by 1
    """
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

  /// A statement that changes the base table, with the sums of what it really wrote, triggers included.
  ///
  /// The first row is the count, under an empty column name.
  func returningSums(_ statement: String, alias: String) -> String {
    let names = Array(Set(controls.flatMap { [$0.column, $0.group] })).sorted()
    let returned = names.isEmpty ? "1" : names.map { "\(alias).\(quoteIdentifier($0))" }.joined(separator: ", ")
    let count = "select '' as column_name, '' as currency, count(*)::text as amount from s"
    let all = ([count] + (sums(over: "s").map { [$0] } ?? [])).joined(separator: "\nunion all\n")
    return "with s as (\n\(statement)\nreturning \(returned)\n)\n\(all)"
  }

  /// How many rows of the table the file does not have.
  var countAbsent: String { "select count(*), (select count(*) from \(base)) from \(base) b where \(isAbsent)" }
  var deleteAbsent: String { "delete from \(base) b where \(isAbsent)" }
  private var isAbsent: String {
    let match = key.map { "s.\(quoteIdentifier($0)) = b.\(quoteIdentifier($0))" }.joined(separator: " and ")
    return "not exists (select from \(staging) s where \(match))"
  }
}
