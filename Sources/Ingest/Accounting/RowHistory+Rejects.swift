// Which refused records had a key. The ledger keeps the bytes of a record and not its key, so they are looked for among
// the newest rejects: the server keeps those that hold the key's text somewhere, and here they are taken apart.
// Invariant: bounded however many rejects there are, and a bound that was reached is told. A record whose key was
// written in another way than the table writes it (a date in another format) is not found.

internal import CSV
internal import Definitions
internal import Money
internal import Postgres

extension RowHistory {
  /// A record with the row's key that was refused.
  public struct Reject: Sendable, Hashable {
    /// What became of it later.
    public enum State: Sendable, Hashable {
      /// It waits for a correction.
      case open
      /// Its whole file was refused and waits to be corrected.
      case ofRefusedFile
      /// The rows of a later file took its place; the file, when known.
      case replaced(by: String?)
      /// A person decided to do without it, for this reason.
      case dismissed(String)
    }

    /// Where it stood.
    public var file: String
    /// The 1-based line on which it starts.
    public var line: Int
    /// The column at fault, unless the record as a whole was.
    public var column: String?
    /// Why, as a stable word.
    public var code: String
    /// Why, for a person.
    public var reason: String
    /// What became of it.
    public var state: State
  }

  /// The most rejects of one key that are told.
  public static let maximumRejects = 20
}

extension RowTrace {
  /// Records that are taken apart, and bytes of each: a key stands near the start.
  private static let candidates = 500
  private static let candidateBytes = 16_384

  nonisolated(nonsending) func addRejects(
    of key: [String], to history: inout RowHistory, on connection: PostgresConnection
  ) async throws(PostgresError) {
    let needles = zip(feed.key, key).map { name, text in needle(text, feed.column(named: name)?.type ?? .text) }
    let conditions = needles.indices.map { "and position($\($0 + 2) in r.raw) > 0" }.joined(separator: " ")
    let rows = try await connection.query(
      """
      select r.file, r.line, r.column_name, r.code, r.reason, substring(r.raw from 1 for \(Self.candidateBytes)),
        f.header, r.resolved_at is null, r.dismissal, c.name, f.status
      from (select * from daybook.reject order by reject_id desc limit \(searchedRejects)) as r
      join daybook.file f on f.file_id = r.file_id left join daybook.file c on c.file_id = r.resolved_by
      where r.feed = $1 \(conditions) order by r.reject_id desc limit \(Self.candidates)
      """, [.text(feed.name)] + needles.map { .bytes($0) })
    var found: [RowHistory.Reject] = []
    for row in rows where found.count < RowHistory.maximumRejects {
      var header: [String]?
      if case .textArray(let names) = try row.value(at: 6) { header = names.map { $0 ?? "" } }
      guard holds(key, try row.decode(5), header: header) else { continue }
      let dismissal: String? = try row.decode(8)
      let state: RowHistory.Reject.State =
        if try row.decode(7, as: Bool.self) {
          try row.decode(10, as: String.self) == "refused" ? .ofRefusedFile : .open
        } else if let dismissal {
          .dismissed(dismissal)
        } else {
          .replaced(by: try row.decode(9))
        }
      found.append(
        RowHistory.Reject(
          file: try row.decode(0), line: try row.decode(1), column: try row.decode(2), code: try row.decode(3),
          reason: try row.decode(4), state: state))
    }
    history.rejects = found.reversed()
    if found.count == RowHistory.maximumRejects || rows.count == Self.candidates {
      history.remarks.append(
        "there may be more rejects of that key; all of them: daybook rejects list --feed \(feed.name) --all")
    }
    let beyond = try await connection.query(
      "select exists(select from daybook.reject order by reject_id desc offset \(searchedRejects) limit 1)")
    if try beyond.first?.decode(0, as: Bool.self) == true {
      history.remarks.append("only the newest \(searchedRejects) rejects of the ledger were searched for that key")
    }
  }

  /// Bytes that a record with this value surely holds, however it is quoted or padded.
  private func needle(_ text: String, _ type: ColumnType) -> [UInt8] {
    switch type {
    case _ where type.isNumeric:
      return ExactDecimal(text.trimmed).map { Array($0.magnitudeText.utf8) } ?? Array(text.trimmed.utf8)
    // Written in either case.
    case .uuid: return []
    default:
      let quote = feed.format.quote
      return Array(text.utf8.prefix { $0 != quote })
    }
  }

  /// Whether a refused record has this key where its file has the key's columns.
  private func holds(_ key: [String], _ raw: [UInt8], header: [String]?) -> Bool {
    let names = header.flatMap { $0.isEmpty ? nil : $0 } ?? feed.columns.filter { $0.constant == nil }.map(\.sourceName)
    let fields = RecordFields(raw, format: feed.format)?.fields.map(\.bytes) ?? fieldsBeforeQuote(raw)
    return zip(feed.key, key).allSatisfy { name, text in
      guard let column = feed.column(named: name) else { return false }
      if let constant = column.constant { return constant == text }
      guard let place = names.firstIndex(of: column.sourceName), place < fields.count else { return false }
      return Self.isSame(String(decoding: fields[place], as: UTF8.self), text, column.type)
    }
  }

  /// The fields before the first quote of a record that cannot be taken apart, which are whole.
  private func fieldsBeforeQuote(_ raw: [UInt8]) -> [[UInt8]] {
    let quote = feed.format.quote
    let delimiter = feed.format.delimiter
    return raw.prefix { $0 != quote }.split(separator: delimiter, omittingEmptySubsequences: false).dropLast()
      .map { Array($0) }
  }

  private static func isSame(_ a: String, _ b: String, _ type: ColumnType) -> Bool {
    let (a, b) = (a.trimmed, b.trimmed)
    if type.isNumeric, let left = ExactDecimal(a), let right = ExactDecimal(b) { return left == right }
    return type == .uuid ? a.lowercased() == b.lowercased() : a == b
  }
}

extension String {
  fileprivate var trimmed: String {
    String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }
}

extension ExactDecimal {
  /// The digits without sign, leading zeros, or zeros behind the point.
  fileprivate var magnitudeText: String {
    (isNegative ? -self : self).normalized.description
  }
}
