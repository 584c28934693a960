// The verbs about one feed: feed infer, feed preview. Neither asks a database, and neither writes a file.

internal import ArgumentParser
internal import Definitions
internal import Finding
internal import Glibc
internal import Ingest
internal import Jobs
internal import Ledger

struct FeedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "feed", abstract: "Propose a feed's definition from a file, or show what a feed makes of one.",
    subcommands: [FeedInferCommand.self, FeedPreviewCommand.self])
}

struct FeedInferCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "infer", abstract: "Propose a feed definition for a file, with the evidence behind every guess.",
    discussion: """
      The definition goes to standard output: daybook feed infer FILE > Jobs/feeds/NAME.yaml
      It is tried on the file before it is printed. No database is needed, and nothing is written.
      """)

  @Argument(help: ArgumentHelp("The file, plain, .gz or .zst; - for standard input.", valueName: "file"))
  var file: String
  @Option(name: .long, help: ArgumentHelp("The feed's name; made from the file's unless given.", valueName: "name"))
  var name: String?
  @Option(
    name: .long, help: ArgumentHelp("Look at the first so many records only.", valueName: "count"))
  var rows: Int?
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if let name, let problem = FeedDefinition.problem(withName: name) {
      throw ValidationError("--name \(visible(name)): \(problem)")
    }
    if let rows, !(1...10_000_000).contains(rows) {
      throw ValidationError("--rows \(rows) is not within 1 to 10000000")
    }
  }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let console = invocation.console
    let inferred: InferredFeed
    do throws(IngestError) {
      inferred = try FeedInference(name: name, maximumRecords: rows).infer(file)
    } catch {
      throw StageFailure(error)
    }
    if !console.isJSON { console.write(inferred.definition, to: STDOUT_FILENO) }
    console.show(inferred.findings)
    console.note(
      "next: save it as Jobs/feeds/\(inferred.name).yaml, then: daybook check\(invocation.options.commandSuffix), and "
        + "daybook feed preview \(inferred.name) \(shellQuoted(file))\(invocation.options.commandSuffix)")
    console.json(Self.json(inferred))
    return .ok
  }

  private static func json(_ feed: InferredFeed) -> JSONValue {
    [
      "feed": .string(feed.name), "files": .string(feed.filePattern), "key": .array(feed.key.map { .string($0) }),
      "columns": .array(
        feed.columns.map { column in
          [
            "name": .string(column.name), "from": .string(column.source), "type": .string(column.type),
            "optional": .bool(column.isOptional), "format": .optional(column.format),
            "evidence": .array(column.evidence.map { .string($0) }),
          ]
        }),
      "records_sampled": .integer(feed.recordsSampled), "records_tried": .optional(feed.recordsTried),
      "definition": .string(feed.definition), "exit_code": 0, "findings": .array(feed.findings.map(\.json)),
    ]
  }
}

struct FeedPreviewCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "preview",
    abstract: "Show the rows that a feed would load from a file, and the records it would refuse.",
    discussion: """
      Rows are shown as PostgreSQL would show them. No database is needed, and nothing is written; duplicate keys and \
      references are seen by the ingest only.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case table, csv }

  @Argument(help: ArgumentHelp("The feed's name.", valueName: "feed")) var feed: String
  @Argument(help: ArgumentHelp("The file, plain, .gz or .zst; - for standard input.", valueName: "file"))
  var file: String
  @Option(
    name: .long,
    help: ArgumentHelp("Show so many rows: 10 unless given, and all with --format csv.", valueName: "count"))
  var rows: Int?
  @Option(
    name: .long,
    help: ArgumentHelp("table, or csv: the file's records as standard CSV, all its fields.", valueName: "format"))
  var format = Format.table
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if let rows, !(0...10_000_000).contains(rows) {
      throw ValidationError("--rows \(rows) is not within 0 to 10000000")
    }
    if format == .csv, global.json { throw ValidationError("--format csv and --json both want standard output") }
  }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    guard let definition = project.feed(named: feed) else {
      throw StageFailure(
        .badDefinition, "unknown_feed", "no feed is named \"\(feed)\"",
        fix: nearestWord(to: feed, in: project.feeds.map(\.name)).map { "did you mean \"\($0)\"?" }
          ?? "Jobs/feeds defines \(project.feeds.map(\.name).sorted().joined(separator: ", "))")
    }
    let preview = FeedPreview(feed: definition, timeZone: project.calendar.timeZone)
    do throws(IngestError) {
      switch format {
      case .table: return show(try preview.read(file, rows: rows ?? 10), invocation)
      case .csv: return report(try preview.writeCSV(file, rows: rows, to: STDOUT_FILENO), invocation)
      }
    } catch {
      throw StageFailure(error)
    }
  }

  private func show(_ preview: PreviewedFile, _ invocation: Invocation) -> ExitStatus {
    let console = invocation.console
    for line in PreviewTable(preview).lines { console.data(line) }
    console.show(preview.findings)
    for reject in preview.rejects { console.problem(line(for: reject)) }
    let shown = preview.rejects.count
    if preview.recordsRefused > shown { console.problem("  and \(preview.recordsRefused - shown) more") }
    let accepted = preview.recordsRead - preview.recordsRefused
    console.note(
      "\(counted(preview.recordsRead, "record")): \(accepted) would be loaded, \(preview.recordsRefused) refused "
        + "(rejects.limit of \(feed): \(limit(invocation)))")
    console.json(json(preview))
    return .ok
  }

  private func limit(_ invocation: Invocation) -> String {
    guard let project = try? invocation.loadProject(), let feed = project.feed(named: feed) else { return "none" }
    return feed.rejectLimit.description
  }

  private func line(for reject: PreviewedFile.Reject) -> String {
    let column = reject.column.map { ", column \"\($0)\"" } ?? ""
    let name = file == "-" ? "standard input" : file
    return "refused  \(name):\(reject.line)\(column)  \(reject.code.rawValue)  \(visible(reject.reason))"
  }

  private func report(_ conversion: FeedPreview.Conversion, _ invocation: Invocation) -> ExitStatus {
    if conversion.refused == 0 { return .ok }
    for reject in conversion.rejects { invocation.console.problem(line(for: reject)) }
    invocation.console.problem(
      "\(counted(conversion.refused, "record")) could not be read and \(conversion.refused == 1 ? "is" : "are") not in the output"
    )
    return .dataRefused
  }

  private func json(_ preview: PreviewedFile) -> JSONValue {
    let rows = preview.rows.map { row in
      JSONValue.object(
        [JSONValue.Member("line", .integer(row.line))]
          + [.init("values", .object(zip(preview.columns, row.values).map { .init($0.name, .optional($1)) }))])
    }
    let rejects = preview.rejects.map { reject -> JSONValue in
      [
        "line": .integer(reject.line), "record": .integer(reject.record), "byte_offset": .integer(reject.byteOffset),
        "column": .optional(reject.column), "code": .string(reject.code.rawValue), "reason": .string(reject.reason),
      ]
    }
    return [
      "feed": .string(feed), "columns": .array(preview.columns.map { .string($0.name) }), "rows": .array(rows),
      "rejects": .array(rejects), "records": .integer(preview.recordsRead), "refused": .integer(preview.recordsRefused),
      "exit_code": 0, "findings": .array(preview.findings.map(\.json)),
    ]
  }
}

/// Rows as an aligned table: numbers to the right, NULL as ∅, long text cut.
struct PreviewTable {
  let lines: [String]

  private static let widest = 40

  init(_ preview: PreviewedFile) {
    let cells = preview.rows.map { row in row.values.map { $0.map(Self.shown) ?? "∅" } }
    let widths = preview.columns.indices.map { index in
      max(preview.columns[index].name.count, cells.map { Self.width($0[index]) }.max() ?? 0)
    }
    func line(_ values: [String]) -> String {
      var text = ""
      for (index, value) in values.enumerated() {
        let pad = String(repeating: " ", count: max(0, widths[index] - Self.width(value)))
        text += (index > 0 ? "  " : "") + (preview.columns[index].type.isNumeric ? pad + value : value + pad)
      }
      while text.last == " " { text.removeLast() }
      return text
    }
    lines =
      [
        line(preview.columns.map(\.name)),
        widths.map { String(repeating: "─", count: $0) }.joined(separator: "  "),
      ] + cells.map { line($0) }
  }

  private static func shown(_ value: String) -> String {
    let text = visible(value)
    return text.count > widest ? text.prefix(widest - 1) + "…" : text
  }

  /// Places on a terminal: wide characters of East Asia and emoji take two.
  private static func width(_ text: String) -> Int {
    text.reduce(0) { sum, character in
      let scalar = character.unicodeScalars.first?.value ?? 0
      let isWide =
        (0x1100...0x115F).contains(scalar) || (0x2E80...0xA4CF).contains(scalar) || (0xAC00...0xD7A3).contains(scalar)
        || (0xF900...0xFAFF).contains(scalar) || (0xFF00...0xFF60).contains(scalar) || scalar >= 0x1F300
      return sum + (isWide ? 2 : 1)
    }
  }
}
