// One set in the making: which pages must be rendered, their content from one snapshot, and every file of the set.
// Invariant: a page that is kept says exactly what it would say now, and so do its data files, to the last row: the
// contents of all pages are made, for the workbook has them all, and a page whose contents differ from those that it was
// made of is rendered, whatever its inputs' versions say, and so is one whose banner says another state of the set, or
// other reasons for it, than the set has now. A report that reads what no version tells of is asked each time.

internal import Cache
internal import Definitions
internal import Finding
internal import Ledger
internal import Markup
internal import Money
internal import Postgres
internal import Workbook

/// The files of a new set.
struct SetPlan: Sendable {
  var files: [(path: String, content: OutputFolder.Content)] = []
  /// The pages that were rendered; all others are kept.
  var rendered: Set<String> = []
  /// What of the set is from before the last change, or not proven, in sentences.
  var stale: [String] = []
}

/// Renders what has changed of one set.
struct SetRenderer: Sendable {
  let project: Project
  let run: RunSnapshot
  let moment: Moment
  let folder: OutputFolder
  let previous: SetManifest?
  /// Whether the set that is published says that it is stale, which this one takes back: it is of the night that failed
  /// or of a later one.
  var isMended = false
  let connection: PostgresConnection
  /// Where the rows of sections are kept; nil keeps none.
  var cache: TieredCache?
  /// What was there before the snapshot was taken; nil without a cache.
  var before: BeforeSnapshot?

  /// No report has one of these names: `ReportDefinition.builtInPages`.
  static let builtIns: Set<String> = [
    IndexPage.name, ReconciliationPage.name, DataQualityPage.name, RunPage.name,
  ]

  /// The pages of a set, in the order of the navigation.
  static func pages(of project: Project) -> [PageContext.Page] {
    [.init(name: IndexPage.name, title: IndexPage.title)]
      + project.reports.map { .init(name: $0.name, title: $0.title) }
      + [
        .init(name: ReconciliationPage.name, title: ReconciliationPage.title),
        .init(name: DataQualityPage.name, title: DataQualityPage.title),
        .init(name: RunPage.name, title: RunPage.title),
      ]
  }

  /// The new set, or nil when the one that is published has everything as it would be.
  func render(_ names: ReportSelection, force: Bool) async throws -> SetPlan? {
    let locale = project.locale
    let notation = FigureNotation(
      decimalMark: locale.decimalMark, groupingMark: locale.groupingMark, datePattern: locale.datePattern,
      timeZone: TimeZoneRules(named: project.calendar.timeZone))
    return try await FigureNotation.$current.withValue(notation) { try await renderAll(names, force: force) }
  }

  private func renderAll(_ names: ReportSelection, force: Bool) async throws -> SetPlan? {
    let state = try await LedgerState.read(asOf: run.asOf, on: connection)
    let pages = Self.pages(of: project)
    let checks = try await CheckStanding.read(
      ReportQueries(project: project, asOf: run.asOf, connection: connection), state: state)
    let fingerprints = PageFingerprints(
      project: project, state: state, checks: checks.mark, session: try await CacheSession.read(on: connection).mark,
      asOf: run.asOf, pages: pages)
    let untold = try await ReportQueries(project: project, asOf: run.asOf, connection: connection)
      .untold(project.reports)
    let wanted = Dictionary(
      uniqueKeysWithValues: pages.map { page in
        guard let report = project.report(named: page.name) else { return (page.name, fingerprints.builtIn(page.name)) }
        let isTold = !untold.contains { $0.name == page.name }
        return (page.name, fingerprints.fingerprint(of: report, isTold: isTold))
      })
    var stale = Set(pages.map(\.name).filter { previous?.report(named: $0)?.fingerprint != wanted[$0] })
    if force { stale.formUnion(pages.map(\.name).filter(names.includes)) }
    let isSamePages = previous?.reports.map(\.name) == pages.map(\.name)
    if stale.isEmpty, isSamePages, let previous, try await !haveMoved(untold, since: previous, state: state) {
      if !isMended { return nil }
      let kept = previous.files.map { (path: $0.path, content: OutputFolder.Content.kept) }
      return SetPlan(files: kept + [(SetManifest.fileName, .bytes(previous.json))])
    }
    // Page one, the proof and the run speak of the whole set.
    stale.formUnion(Self.builtIns)
    return try await render(
      stale, wanted: wanted, state: state, checks: checks, pages: pages, fingerprints: fingerprints)
  }

  /// Whether one of the reports that read more than feeds and views, or call what may be another tomorrow, says something
  /// else than in the published set: no version tells of that.
  private func haveMoved(
    _ untold: [ReportDefinition], since previous: SetManifest, state: LedgerState
  ) async throws -> Bool {
    var queries = ReportQueries(project: project, asOf: run.asOf, connection: connection)
    var isBegun = false
    let csvPaths = Self.csvPaths(of: project.reports)
    for report in untold {
      if !isBegun { _ = try await begin(&queries, state: state) }
      isBegun = true
      let said = try await saying(of: report, queries: queries, csvPaths: csvPaths[report.name] ?? [], isKept: true)
      if previous.report(named: report.name)?.content != Self.digest(said.content) { return true }
    }
    return false
  }

  /// Sets the session for the statements of the set.
  private func begin(_ queries: inout ReportQueries, state: LedgerState) async throws -> (utc: String, local: String) {
    let time = try await queries.begin(at: moment)
    if let cache, let before {
      queries.cache = try await .begin(cache, queries: queries, state: state, before: before)
    }
    return time
  }

  // MARK: Rendering

  private func render(
    _ stale: Set<String>, wanted: [String: String], state: LedgerState, checks: CheckStanding,
    pages: [PageContext.Page], fingerprints: PageFingerprints
  ) async throws -> SetPlan {
    var queries = ReportQueries(project: project, asOf: run.asOf, connection: connection)
    let time = try await begin(&queries, state: state)
    let proof = ReconciliationPage(queries: queries)
    let totals = try await queries.attempt {
      let tables = try await TableTotals.read(queries)
      return (tables: tables, views: try await proof.viewTotals(tables))
    }
    let reach = try await queries.reach(
      of: project.feeds, state: state, totals: (try? totals.get())?.tables)
    let shownPages = pages.filter { project.report(named: $0.name)?.outputs.contains(.html) ?? true }
    var context = PageContext(
      project: project.name, asOf: run.asOf, timeZone: project.calendar.timeZone, runID: run.runID.description,
      job: run.job, generatedAt: readable(minutes: time.utc), generatedLocal: readable(minutes: time.local),
      feeds: reach,
      pages: shownPages,
      draftReasons: state.draftReasons(project)
        + [(try? totals.get()).flatMap { ReconciliationPage.draftReason(views: $0.views) }].compactMap(\.self),
      rejectedRows: state.rejectedRows)

    var plan = SetPlan(rendered: stale)
    var entries: [String: SetManifest.Report] = [:]
    var fragments: [String: [UInt8]] = [:]
    var headlines: [[ContentBlock]] = []
    var sheets: [String: WorkbookRendering.Page] = [:]
    var rows: [String: Int] = [:]
    /// Every page with the feeds that it reads, and its entry in the published set where that has the same figures.
    var contents: [(content: ReportContent, feeds: [PageContext.FeedReach], kept: SetManifest.Report?)] = []
    /// What each report says, as a digest.
    var digests: [String: String] = [:]
    var ties: [(name: String, ties: [ReportTie])] = []

    let csvPaths = Self.csvPaths(of: project.reports)
    for report in project.reports {
      let paths = csvPaths[report.name] ?? []
      var kept = stale.contains(report.name) ? nil : previous?.report(named: report.name)
      // The workbook holds every page of a set, so that the rows of kept ones are asked for, too.
      var said = try await saying(of: report, queries: queries, csvPaths: paths, isKept: kept != nil)
      let inputs = Set(fingerprints.inputs(of: report))
      let feeds = reach.filter { inputs.contains($0.feed) }
      digests[report.name] = Self.digest(said.content)
      if let entry = kept, entry.content != digests[report.name] {
        kept = nil
        said = try await saying(of: report, queries: queries, csvPaths: paths, isKept: false)
        plan.rendered.insert(report.name)
      }
      said.tell(report.sections.map { queries.laterData(in: $0, of: feeds) }, headlines: report.headlines.sorted())
      contents.append((said.content, feeds, kept))
      plan.stale += said.stale.map(\.sentence)
      ties.append((report.name, said.ties))
      // Page one begins with the figures that it also says what moved them.
      headlines.insert(said.headlines, at: report.tellsWhatMoved ? 0 : headlines.count)
    }
    let proven = try await queries.attempt {
      let reports = try await proof.reportTotals(ties)
      let (tables, views) = try totals.get()
      return (reports, try await proof.content(tables: tables, views: views, reports: reports))
    }
    switch proven {
    case .success(let (reports, content)):
      contents.append((content, reach, nil))
      context.draftReasons +=
        plan.stale + [ReconciliationPage.draftReason(reports: reports)].compactMap(\.self)
        + ReconciliationPage.draftReasons(content)
    case .failure(let error):
      // Figures that nothing proves are published only among others that are from before.
      if plan.stale.isEmpty { throw error }
      let (content, sentence) = ReconciliationPage.notMade(error)
      contents.append((content, reach, nil))
      plan.stale.append(sentence)
      context.draftReasons += plan.stale
    }
    context.hasStaleFigures = !plan.stale.isEmpty
    contents += [
      (try await IndexPage(queries: queries).content(headlines: headlines.flatMap { $0 }), reach, nil),
      (try await DataQualityPage(queries: queries, standing: checks).content(reach: reach), reach, nil),
      (try await RunPage(queries: queries, run: run).content(), reach, nil),
    ]

    for (var content, feeds, kept) in contents {
      let name = content.name
      if Self.builtIns.contains(name) {
        // Page one's figures lead to the reports that they are of, and sentences to the section with their rows.
        for index in content.blocks.indices where content.blocks[index].sources.isEmpty {
          let evidence = content.blocks[index].evidence
          guard
            let place = evidence.map({ rows in content.blocks.firstIndex { $0.dataset?.csvPath == rows.csvPath } })
              ?? index
          else { continue }
          content.blocks[index].sources = DefinitionPages.links(for: content.blocks[index], at: place, of: name)
        }
      }
      sheets[name] = .init(content: content, feeds: feeds)
      if content.outputs.contains(.json) { fragments[name] = Self.fragment(content) }
      for dataset in content.datasets { for path in dataset.writtenPaths { rows[path] = dataset.totalRows } }
      // What its banner says may have changed though its figures did not.
      if let kept, kept.banner == context.banner {
        plan.files += kept.files.map { ($0, .kept) }
        entries[name] = kept
        continue
      }
      plan.rendered.insert(name)
      var page = context
      page.feeds = feeds
      var files = markup(content, page)
      if let kept {
        let made = Set(files.map(\.path))
        plan.files += kept.files.filter { !made.contains($0) }.map { ($0, .kept) }
      } else {
        files += data(content, fragments[name])
      }
      plan.files += files.map { ($0.path, .bytes($0.bytes)) }
      entries[name] = SetManifest.Report(
        // A page of a set with figures from before is made again whatever else has changed.
        name: name, fingerprint: plan.stale.isEmpty ? wanted[name] ?? "" : "", runID: run.runID.description,
        files: kept?.files ?? files.map(\.path), renderedAt: moment.description, banner: context.banner,
        content: digests[name])
    }

    let order = pages.map(\.name)
    plan.files = unique(plan.files)
    let workbook = WorkbookRendering(
      context: context, generated: moment,
      pages: order.compactMap { sheets[$0] }.filter { $0.content.outputs.contains(.xlsx) })
    plan.files.append((WorkbookRendering.fileName, .bytes(try await bytes(of: workbook))))
    plan.files.append(("report.json", .bytes(reportJSON(context, order.compactMap { fragments[$0] }))))
    let text = SummaryText(
      context: context,
      headlines: ReportContent(name: "", title: "", description: "", blocks: headlines.flatMap { $0 }).summaryLines,
      indexPath: "\(folder.directory(for: run.asOf))/index.html")
    plan.files.append((SummaryText.fileName, .bytes(text.bytes)))
    let manifest = SetManifest(
      project: project.name, asOf: run.asOf.description, state: context.stateWord, runID: run.runID.description,
      generatedAt: moment.description, reports: order.compactMap { entries[$0] },
      files: manifestFiles(plan.files, rows: rows),
      holds: try await HeldBatches.read(project, state: state, on: connection))
    plan.files.append((SetManifest.fileName, .bytes(manifest.json)))
    return plan
  }

  /// The pages about one content, which carry the banner of the set.
  private func markup(_ content: ReportContent, _ context: PageContext) -> [(path: String, bytes: [UInt8])] {
    let definitions = DefinitionPages(project: project, context: context)
    var files: [(path: String, bytes: [UInt8])] = []
    if content.outputs.contains(.html) {
      files.append(("\(content.name).html", PageLayout(context: context).page(content)))
    }
    if let sources = definitions.page(about: content) {
      files.append((DefinitionPages.path(of: content.name), sources))
    }
    if content.name == IndexPage.name { files.append((DefinitionPages.inputs, definitions.views())) }
    return files
  }

  /// The files with the figures of one content.
  private func data(_ content: ReportContent, _ fragment: [UInt8]?) -> [(path: String, bytes: [UInt8])] {
    var files: [(path: String, bytes: [UInt8])] = []
    if let fragment { files.append(("data/\(content.name).json", fragment)) }
    for dataset in content.datasets {
      if dataset.isWritten { files.append((dataset.csvPath, dataset.csv)) }
      if let path = dataset.writtenExtractPath, let extract = dataset.extract { files.append((path, extract)) }
    }
    return files
  }

  /// What one report says.
  private struct Saying {
    var content: ReportContent
    /// Its large figures, which page one shows.
    var headlines: [ContentBlock] = []
    var ties: [ReportTie] = []
    var stale: [StaleFigures] = []

    /// Puts what there is to say of later data before the words of each section, and of those on page one.
    mutating func tell(_ later: [String?], headlines places: [Int]) {
      func told(_ block: ContentBlock, _ index: Int) -> ContentBlock {
        var block = block
        block.lead = [later[index] ?? "", block.lead].filter { !$0.isEmpty }.joined(separator: " ")
        return block
      }
      for index in content.blocks.indices { content.blocks[index] = told(content.blocks[index], index) }
      headlines = zip(headlines, places).map(told)
    }
  }

  /// Asks for everything that a report says.
  ///
  /// - Parameter isKept: whether its files are likely to stay, so that large ones are not made.
  private func saying(
    of report: ReportDefinition, queries: ReportQueries, csvPaths: [String], isKept: Bool
  ) async throws -> Saying {
    let rendering = SectionRendering(report: report)
    var saying = Saying(
      content: ReportContent(
        name: report.name, title: report.title, description: report.description, blocks: [], outputs: report.outputs))
    let headlinePlaces = report.headlines
    let isExtracted = report.outputs.contains(.xlsx)
    for (index, section) in report.sections.enumerated() {
      let figures = try await queries.figures(
        section, of: report, csvPath: index < csvPaths.count ? csvPaths[index] : "",
        extracts: isExtracted && !isKept ? folder : nil)
      var dataset = figures.dataset
      dataset?.isWritten = report.outputs.contains(.csv)
      dataset?.isExtracted = isExtracted
      saying.ties += ReportTie.ties(of: dataset, section: section.title)
      var block = try rendering.block(section, index: index, dataset: dataset)
      block.statement = try queries.ran(section, of: report)
      if let stale = figures.stale {
        block.lead = [stale.sentence, block.lead].filter { !$0.isEmpty }.joined(separator: " ")
        saying.stale.append(stale)
      }
      block.sources = DefinitionPages.links(for: block, at: index, of: report.name)
      saying.content.blocks.append(block)
      if headlinePlaces.contains(index) {
        block.title = block.title.isEmpty ? report.title : "\(report.title): \(block.title)"
        saying.headlines.append(block)
      }
    }
    saying.content.tellLeftOutCurrencies()
    saying.content.tellRoundedAmounts()
    return saying
  }

  /// Another one for whatever a report says otherwise, and for any other row, whichever files it writes.
  private static func digest(_ content: ReportContent) -> String {
    ContentHash.fingerprint(
      [ContentHash.sha256(fragment(content))]
        + content.datasets.flatMap { [$0.csvPath, ContentHash.sha256($0.csv)] })
  }

  private static func fragment(_ content: ReportContent) -> [UInt8] {
    Array((content.json.text(openLevels: 4) + "\n").utf8)
  }

  private func bytes(of workbook: WorkbookRendering) async throws(ReportError) -> [UInt8] {
    let (folder, asOf) = (folder, run.asOf)
    // The thread is another one, on which no task's notation holds.
    let notation = FigureNotation.current
    return try await WaitingThread.run {
      FigureNotation.$current.withValue(notation) {
        Result { () throws(ReportError) in
          try folder.workbook(WorkbookRendering.fileName, for: asOf) { scratch throws(WorkbookError) in
            try workbook.bytes(scratch: scratch)
          }
        }
      }
    }.get()
  }

  /// Page one shows the datasets of other pages; each file is written once.
  private func unique(_ files: [(path: String, content: OutputFolder.Content)])
    -> [(path: String, content: OutputFolder.Content)]
  {
    var seen: Set<String> = []
    // A page's own file comes before page one's copy of it; both hold the same rows of the same snapshot.
    return files.filter { seen.insert($0.path).inserted }
  }

  private func manifestFiles(
    _ files: [(path: String, content: OutputFolder.Content)], rows: [String: Int]
  ) -> [SetManifest.File] {
    files.compactMap { path, content -> SetManifest.File? in
      switch content {
      case .bytes(let bytes):
        .init(path: path, bytes: bytes.count, sha256: ContentHash.sha256(bytes), rows: rows[path])
      case .kept: previous?.file(at: path)
      }
    }.sorted { $0.path < $1.path }
  }

  /// `report.json`: what every page says, once, in the order of the navigation.
  private func reportJSON(_ context: PageContext, _ fragments: [[UInt8]]) -> [UInt8] {
    let head: JSONValue = [
      "schema_version": .integer(1), "project": .string(context.project), "as_of": .string(context.asOf.description),
      "state": .string(context.stateWord), "draft_reasons": .array(context.draftReasons.map { .string($0) }),
      "time_zone": .string(context.timeZone), "run_id": .string(context.runID),
      "generated_at": .string(moment.description), "rejected_rows": .integer(context.rejectedRows),
      "data_through": .object(context.feeds.map { .init($0.feed, .string($0.through)) }),
    ]
    var bytes = Array(head.text(openLevels: 1).utf8.dropLast(2))
    bytes += Array(",\n  \"reports\": [\n".utf8)
    for (index, fragment) in fragments.enumerated() {
      if index > 0 { bytes += Array(",\n".utf8) }
      bytes += fragment.last == 0x0A ? fragment.dropLast() : fragment[...]
    }
    return bytes + Array("\n  ]\n}\n".utf8)
  }
}

extension ReportDefinition {
  /// The sections that page one shows too: the first figures, and the first sentences about what moved.
  var headlines: Set<Int> {
    let figures = sections.firstIndex { $0.kind == .kpi }
    let movements = sections.firstIndex { if case .moves = $0.kind { true } else { false } }
    return Set([figures, movements].compactMap(\.self))
  }

  /// Whether it has sentences about what moved its figures.
  var tellsWhatMoved: Bool { sections.contains { if case .moves = $0.kind { true } else { false } } }

  /// The file of a set that a reader of the report opens first.
  var mainFile: String {
    outputs.contains(.html) ? "\(name).html" : outputs.contains(.json) ? "data/\(name).json" : "data"
  }
}
