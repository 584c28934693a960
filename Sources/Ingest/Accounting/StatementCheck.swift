// A file against what its sender says about it, and against its own end, once it is parsed and before anything of it is
// published. Invariant: a difference refuses the file; it is never a warning. What was stated is kept with the file, so
// that the reconciliation can show it.

internal import Definitions
internal import Finding
internal import Ledger
internal import Money

/// Compares one parsed file.
struct StatementCheck {
  let feed: FeedDefinition
  let file: StagedFile

  /// Everything that was stated, beside what was read, and what is wrong.
  func compare() -> (entries: [StatementEntry], problems: [Diagnostic]) {
    var entries: [StatementEntry] = []
    var problems: [Diagnostic] = []
    if let cut = cutEnd { problems.append(cut) }
    let trailer = file.summary.tail.statement(feed.trailer, format: feed.format, path: file.displayPath)
    for statement in [file.control, trailer].compactMap({ $0 }) {
      problems += statement.problems
      // A statement that is understood in part proves nothing.
      if statement.problems.isEmpty { compare(statement, &entries, &problems) }
    }
    return (entries, problems)
  }

  private func compare(
    _ statement: SenderStatement, _ entries: inout [StatementEntry], _ problems: inout [Diagnostic]
  ) {
    func add(_ column: String, _ group: String, stated: ExactDecimal?, read: ExactDecimal, line: Int?) {
      entries.append(
        StatementEntry(
          source: statement.source, column: column, currency: group, stated: stated ?? .zero, read: read))
      guard stated != read else { return }
      let what = column.isEmpty ? "rows" : "\(column)\(group.isEmpty ? "" : " \(visible(group))")"
      let difference = read.subtracting(stated ?? .zero)?.description ?? "too large to state"
      problems.append(
        Diagnostic(
          .error, code: "statement_differs", at: SourcePosition(file: statement.path, line: line),
          "\(what): \(statement.name) states \(stated?.description ?? "nothing"), \(read) read, difference \(difference)"
        ))
    }
    for figure in statement.figures where figure.isRows {
      add("", "", stated: figure.value, read: ExactDecimal(file.summary.recordsRead), line: figure.line)
    }
    let sums = statement.figures.filter { !$0.isRows }
    for column in Set(sums.map(\.column)).sorted() {
      guard file.summary.controlProblem == nil, let read = readSums(column) else {
        problems.append(
          Diagnostic(
            .error, code: "statement_differs", at: SourcePosition(file: statement.path, line: sums.first?.line),
            "\(column): \(statement.name) states a sum, and the file's cannot be made: "
              + (file.summary.controlProblem ?? "the file has no such column")))
        continue
      }
      let stated = sums.filter { $0.column == column }
      if let single = stated.first, single.group == nil {
        guard read.count <= 1 else {
          problems.append(
            Diagnostic(
              .error, code: "statement_differs", at: SourcePosition(file: statement.path, line: single.line),
              "\(column): \(statement.name) states one sum, and the file has \(read.count) groups: "
                + read.keys.sorted().prefix(5).map(visible).joined(separator: ", "),
              fix: "name the group of each sum in trailer:"))
          continue
        }
        add(column, read.keys.first ?? "", stated: single.value, read: read.values.first ?? .zero, line: single.line)
        continue
      }
      for figure in stated {
        add(
          column, figure.group ?? "", stated: figure.value, read: read[figure.group ?? ""] ?? .zero, line: figure.line)
      }
      let named = Set(stated.compactMap(\.group))
      for (group, sum) in read.sorted(by: { $0.key < $1.key }) where !named.contains(group) && !sum.isZero {
        add(column, group, stated: nil, read: sum, line: nil)
      }
    }
  }

  /// What was read of a control column, by group; nil when the file does not fill it.
  private func readSums(_ column: String) -> [String: ExactDecimal]? {
    guard file.places[column] != nil else { return nil }
    var sums: [String: ExactDecimal] = [:]
    for (key, amount) in file.summary.controls.sums where key.column == column && key.outcome == .read {
      sums[key.currency] = amount
    }
    return sums
  }

  private var cutEnd: Diagnostic? {
    CutEnd(
      file.summary.rejects.records.last, unended: file.summary.tail.unendedRecord, fieldCount: file.header.count,
      dialect: file.dialect)?.finding(file.displayPath)
  }
}

extension FeedPublication {
  /// Refuses files that are not what their senders say, that were cut off, or that changed while they were read.
  func checkStatements(_ staged: [StagedFile]) throws {
    var findings: [Diagnostic] = []
    var refused: [RefusedFile] = []
    for file in staged {
      guard try file.file.holds(file.sha256) else { throw FileChanged() }
      let (entries, problems) = StatementCheck(feed: feed, file: file).compare()
      if problems.isEmpty { continue }
      refused.append(
        RefusedFile(
          name: file.name, sha256: file.sha256, bytes: file.file.identity.bytes, rowsRead: file.summary.recordsRead,
          rejects: file.summary.rejects, controls: file.summary.controls, header: file.header, statements: entries))
      findings += told(problems, file)
    }
    if !refused.isEmpty { throw FeedRefusal(findings: findings, files: refused) }
  }

  /// One finding for each file, so that what a person reads stays short; the first problem is its message.
  private func told(_ problems: [Diagnostic], _ file: StagedFile) -> [Diagnostic] {
    guard var told = problems.first else { return [] }
    told.message = "feed \(feed.name): \(file.name): \(told.message)"
    for problem in problems.dropFirst().prefix(5) {
      told.notes.append(problem.position?.line.map { "line \($0): \(problem.message)" } ?? problem.message)
    }
    if problems.count > 6 { told.notes.append("and \(problems.count - 6) more differences") }
    let refused = file.summary.rejects.count
    if refused > 0, told.code == "statement_differs" {
      told.notes.append(
        "\(refused) record\(refused == 1 ? " was" : "s were") refused, whose amounts may not be readable; "
          + "the first is on line \(file.summary.rejects.records.first?.line ?? 0)")
    }
    told.notes.append("state: nothing of feed \(feed.name) is committed; what was stated and read is in the ledger")
    told.fix = told.fix ?? "have the file and its figures delivered again; then: daybook ingest \(feed.name)"
    return [told]
  }

  /// What was stated about a file that is loaded.
  func statements(_ file: StagedFile) -> [StatementEntry] { StatementCheck(feed: feed, file: file).compare().entries }
}
