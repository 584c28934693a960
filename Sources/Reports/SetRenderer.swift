// One set in the making: which pages must be rendered, their content from one snapshot, and every file of the set.
// Invariant: a page that is kept was rendered from exactly the inputs that it has now, so kept and new pages of a set
// show the same state.

internal import Cache
internal import Definitions
internal import Finding
internal import Ledger
internal import Markup
internal import Money
internal import Postgres

/// The files of a new set.
struct SetPlan: Sendable {
  var files: [(path: String, content: OutputFolder.Content)] = []
  /// The pages that were rendered; all others are kept.
  var rendered: Set<String> = []
  /// Figures of the set that are from before the last change.
  var stale: [StaleFigures] = []
}

/// Renders what has changed of one set.
struct SetRenderer: Sendable {
  let project: Project
  let run: RunSnapshot
  let moment: Moment
  let folder: OutputFolder
  let previous: SetManifest?
  let connection: PostgresConnection
  /// Where the rows of sections are kept; nil keeps none.
  var cache: TieredCache?
  /// How far the server's log had come before the snapshot was taken.
  var position: Int64?

  /// No report has one of these names: `ReportDefinition.builtInPages`.
  static let builtIns: Set<String> = [IndexPage.name, ReconciliationPage.name, RunPage.name]

  /// The pages of a set, in the order of the navigation.
  static func pages(of project: Project) -> [PageContext.Page] {
    [.init(name: IndexPage.name, title: IndexPage.title)]
      + project.reports.map { .init(name: $0.name, title: $0.title) }
      + [
        .init(name: ReconciliationPage.name, title: ReconciliationPage.title),
        .init(name: RunPage.name, title: RunPage.title),
      ]
  }

  /// The new set, or nil when the one that is published has everything as it would be.
  func render(_ names: ReportSelection, force: Bool) async throws -> SetPlan? {
    let state = try await LedgerState.read(asOf: run.asOf, on: connection)
    let pages = Self.pages(of: project)
    let fingerprints = PageFingerprints(project: project, state: state, asOf: run.asOf, pages: pages)
    let wanted = Dictionary(
      uniqueKeysWithValues: pages.map { page in
        (page.name, project.report(named: page.name).map(fingerprints.fingerprint) ?? fingerprints.builtIn(page.name))
      })
    var stale = Set(pages.map(\.name).filter { previous?.report(named: $0)?.fingerprint != wanted[$0] })
    if force { stale.formUnion(pages.map(\.name).filter(names.includes)) }
    let isSamePages = previous?.reports.map(\.name) == pages.map(\.name)
    if stale.isEmpty, isSamePages { return nil }
    // Page one, the proof and the run speak of the whole set.
    stale.formUnion(Self.builtIns)
    return try await render(
      stale, forced: force ? names : .named([]), wanted: wanted, state: state, pages: pages, fingerprints: fingerprints)
  }

  // MARK: Rendering

  private func render(
    _ stale: Set<String>, forced: ReportSelection, wanted: [String: String], state: LedgerState,
    pages: [PageContext.Page], fingerprints: PageFingerprints
  ) async throws -> SetPlan {
    var queries = ReportQueries(project: project, asOf: run.asOf, connection: connection)
    let time = try await queries.begin(at: moment)
    if let cache {
      queries.cache = try await .begin(cache, project: project, state: state, position: position, on: connection)
      queries.cache?.forced = forced
    }
    let figures = try await figures(stale, queries: queries)
    let old = figures.values.flatMap { $0.values.compactMap(\.stale) }.sorted { $0.section < $1.section }
    let reach = try await queries.reach(of: project.feeds, state: state)
    let viewTotals = try await ReconciliationPage(queries: queries).viewTotals()
    var context = PageContext(
      project: project.name, asOf: run.asOf, timeZone: project.calendar.timeZone, runID: run.runID.description,
      job: run.job, generatedAt: time.utc, generatedLocal: time.local, feeds: reach, pages: pages,
      draftReasons: state.draftReasons(project) + [ReconciliationPage.draftReason(viewTotals)].compactMap(\.self),
      rejectedRows: state.rejectedRows)
    context.hasStaleFigures = !old.isEmpty
    context.draftReasons += old.map(\.sentence)

    var plan = SetPlan(rendered: stale, stale: old)
    var entries: [String: SetManifest.Report] = [:]
    var fragments: [String: [UInt8]] = [:]
    var headlines: [ContentBlock] = []
    var summary: [String] = []
    func add(_ content: ReportContent, feeds: [PageContext.FeedReach]) {
      var page = context
      page.feeds = feeds
      var files: [(path: String, bytes: [UInt8])] = [
        ("\(content.name).html", PageLayout(context: page).page(content)),
        ("data/\(content.name).json", Array((content.json.text(openLevels: 4) + "\n").utf8)),
      ]
      files += content.datasets.map { ($0.csvPath, $0.csv) }
      plan.files += files.map { ($0.path, .bytes($0.bytes)) }
      fragments[content.name] = files[1].bytes
      entries[content.name] = SetManifest.Report(
        // A page that says STALE is made again whatever else has changed.
        name: content.name, fingerprint: old.isEmpty ? wanted[content.name] ?? "" : "",
        runID: run.runID.description, files: files.map(\.path))
    }

    for report in project.reports {
      let rendering = SectionRendering(report: report)
      let isStale = stale.contains(report.name)
      var content = ReportContent(
        name: report.name, title: report.title, description: report.description, blocks: [])
      var headline: ContentBlock?
      for (index, section) in report.sections.enumerated() {
        let isHeadline = section.kind == .kpi && headline == nil
        guard let own = figures[report.name]?[index] else { continue }
        let block = try rendering.block(section, index: index, dataset: own.dataset)
        if let stale = own.stale {
          content.blocks.append(ContentBlock(title: "", body: .words([stale.sentence], isNote: true)))
        }
        content.blocks.append(block)
        if isHeadline { headline = block }
      }
      if var headline {
        headline.title = headline.title.isEmpty ? report.title : "\(report.title): \(headline.title)"
        headlines.append(headline)
        summary += ReportContent(name: "", title: "", description: "", blocks: [headline]).summaryLines
      }
      let inputs = Set(fingerprints.inputs(of: report))
      if isStale {
        add(content, feeds: reach.filter { inputs.contains($0.feed) })
      } else if let kept = previous?.report(named: report.name) {
        plan.files += kept.files.map { ($0, .kept) }
        entries[report.name] = kept
        fragments[report.name] = folder.read("data/\(report.name).json", of: run.asOf) ?? []
      }
    }
    add(try await IndexPage(queries: queries).content(headlines: headlines), feeds: reach)
    add(try await ReconciliationPage(queries: queries).content(views: viewTotals), feeds: reach)
    add(try await RunPage(queries: queries, run: run).content(), feeds: reach)

    let order = pages.map(\.name)
    plan.files = unique(plan.files)
    plan.files.append(("report.json", .bytes(reportJSON(context, order.compactMap { fragments[$0] }))))
    let text = SummaryText(
      context: context, headlines: summary, indexPath: "\(folder.directory(for: run.asOf))/index.html")
    plan.files.append((SummaryText.fileName, .bytes(text.bytes)))
    let manifest = SetManifest(
      project: project.name, asOf: run.asOf.description, state: context.stateWord, runID: run.runID.description,
      generatedAt: moment.description, reports: order.compactMap { entries[$0] }, files: manifestFiles(plan.files))
    plan.files.append((SetManifest.fileName, .bytes(manifest.json)))
    return plan
  }

  /// The figures of every section that a page to be rendered shows, by report and place.
  private func figures(_ stale: Set<String>, queries: ReportQueries) async throws -> [String: [Int: SectionFigures]] {
    let csvPaths = csvPaths()
    var figures: [String: [Int: SectionFigures]] = [:]
    for report in project.reports {
      // Page one shows the first tiles of every report, rendered or not.
      let headline = report.sections.firstIndex { $0.kind == .kpi }
      for (index, section) in report.sections.enumerated() where stale.contains(report.name) || index == headline {
        figures[report.name, default: [:]][index] = try await queries.figures(
          section, of: report, csvPath: csvPaths[report.name]?[index] ?? "")
      }
    }
    return figures
  }

  /// Page one shows the datasets of other pages; each file is written once.
  private func unique(_ files: [(path: String, content: OutputFolder.Content)])
    -> [(path: String, content: OutputFolder.Content)]
  {
    var seen: Set<String> = []
    // A page's own file comes before page one's copy of it; both hold the same rows of the same snapshot.
    return files.filter { seen.insert($0.path).inserted }
  }

  private func manifestFiles(_ files: [(path: String, content: OutputFolder.Content)]) -> [SetManifest.File] {
    files.compactMap { path, content -> SetManifest.File? in
      switch content {
      case .bytes(let bytes): .init(path: path, bytes: bytes.count, sha256: ContentHash.sha256(bytes))
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

  // MARK: Names of data files

  /// `data/<csv>.csv` where the section names it, else `data/<report>_<section>.csv`; a name that is taken already,
  /// by another section or by a built-in page, gets the report's name and the section's place.
  private func csvPaths() -> [String: [String]] {
    var taken = Self.reserved
    var paths: [String: [String]] = [:]
    for report in project.reports {
      paths[report.name] = report.sections.enumerated().map { index, section in
        let slug = Self.slug(section.title, else: String(index + 1))
        var name = section.csv ?? "\(report.name)_\(slug)"
        if !taken.insert(name).inserted { name = "\(report.name)_\(slug)_\(index + 1)" }
        return "data/\(name).csv"
      }
    }
    return paths
  }

  private static let reserved: Set<String> = [
    "files", "control_sums", "reject_causes", "rejects", "duplicates", "view_totals", "stages", "runs", "feeds",
  ]

  /// Lower-case letters and digits with `_` between words.
  static func slug(_ title: String, else fallback: String) -> String {
    var result = ""
    for byte in title.lowercased().utf8 {
      switch byte {
      case 0x30...0x39, 0x61...0x7A: result.unicodeScalars.append(Unicode.Scalar(byte))
      default: if !result.isEmpty, !result.hasSuffix("_") { result += "_" }
      }
    }
    while result.hasSuffix("_") { result.removeLast() }
    return result.isEmpty ? fallback : String(result.prefix(60))
  }
}
