// The verbs about results that are kept from one night to the next: cache stats, clear, warm.

internal import ArgumentParser
internal import Cache
internal import Definitions
internal import Finding
internal import Jobs
internal import Ledger
internal import Money
internal import Postgres
internal import Reports

struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Look at the results that reports keep, forget them, or make them ahead.",
    discussion: """
      The rows of a section are kept under everything that they depend on, the versions of its feeds and views included, \
      so that a change makes them another question; nothing has to be cleared by hand for reports to be right.
      """,
    subcommands: [CacheStatsCommand.self, CacheClearCommand.self, CacheWarmCommand.self])
}

struct CacheStatsCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "stats", abstract: "Tell what the cache holds, and what each tier was good for.",
    discussion: """
      A result that has to be made is looked for twice, before its lock is taken and behind it, so that it counts as two \
      questions without an answer. -v lists the largest results.
      """)

  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let console = invocation.console
    return try await Session.open(project) { session in
      let (uses, held) = try await session.pool.withConnection(label: "cache stats") { connection in
        (try await CacheUse.summary(on: connection), try await CacheContents.read(on: connection))
      }
      if uses.isEmpty { console.note("no report has asked the cache yet") }
      for use in uses {
        console.data("\(use.all.statistics.tier)  last: \(Self.words(use.last))")
        if use.all.programs > 1 { console.data("  last \(use.all.programs) uses: \(Self.words(use.all.statistics))") }
      }
      console.data(
        "held in postgresql: \(counted(held.entries, "result")), \(held.packedBytes) bytes packed of \(held.bytes)"
          + (held.oldest.map { ", the oldest of \($0)" } ?? ""))
      if console.isVerbose {
        for entry in held.largest { console.data("  \(entry.packedBytes) bytes  \(visible(entry.label))") }
      }
      console.json([
        "tiers": .array(
          uses.map { use in
            [
              "tier": .string(use.all.statistics.tier), "programs": .integer(use.all.programs),
              "used_at": .string(use.last.usedAt.description), "purpose": .string(use.last.purpose),
              "last": Self.json(use.last.statistics), "all": Self.json(use.all.statistics),
            ]
          }),
        "held": [
          "entries": .integer(held.entries), "bytes": .integer(held.bytes), "packed_bytes": .integer(held.packedBytes),
          "oldest": .optional(held.oldest?.description),
        ], "status": "success", "exit_code": 0,
      ])
      return .ok
    }
  }

  private static func words(_ use: CacheUse) -> String {
    "\(words(use.statistics)) (\(visible(use.purpose)), \(use.usedAt))"
  }

  private static func words(_ statistics: TierStatistics) -> String {
    var words =
      "\(counted(statistics.gets, "question")), \(statistics.hits) answered, \(statistics.misses) not; "
      + "\(statistics.puts) stored, \(statistics.refused) refused, \(statistics.evictions) evicted"
    if statistics.failures > 0 { words += ", \(statistics.failures) failed" }
    return words
  }

  private static func json(_ statistics: TierStatistics) -> JSONValue {
    [
      "gets": .integer(statistics.gets), "hits": .integer(statistics.hits), "misses": .integer(statistics.misses),
      "puts": .integer(statistics.puts), "refused": .integer(statistics.refused),
      "evictions": .integer(statistics.evictions), "failures": .integer(statistics.failures),
      "entries": .integer(statistics.entries), "bytes": .integer(statistics.bytes),
    ]
  }
}

struct CacheClearCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "clear", abstract: "Forget what is kept: all of it, or what was made from some feeds and views.")

  @Argument(help: "Only what was made from these feeds and views.") var relations: [String] = []
  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let known = project.feeds.map(\.name) + project.views.map(\.name)
    for relation in relations where !known.contains(relation) {
      throw StageFailure(
        .usage, "usage", "there is no feed and no view \"\(visible(relation))\"",
        fix: nearestWord(to: relation, in: known.sorted()).map { "did you mean \"\($0)\"?" }
          ?? "the feeds and views are \(known.sorted().joined(separator: ", "))")
    }
    let wanted = Set(relations)
    return try await Session.open(project) { session in
      let count = try await session.forgetResults(of: wanted)
      invocation.console.note("forgot \(counted(count, "result"))")
      invocation.console.json(["forgotten": .integer(count), "status": "success", "exit_code": 0])
      return .ok
    }
  }
}

struct CacheWarmCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "warm", abstract: "Ask for what reports will show and keep it, so that they need not ask.",
    discussion: "What depends on the business date is asked for that of the night to come; --as-of says another.")

  @Option(
    name: .customLong("as-of"),
    help: ArgumentHelp("The business date; today where the project is unless given.", valueName: "date"))
  var asOf: CivilDate?
  @Option(name: .long, help: ArgumentHelp("At most so many sections.", valueName: "count")) var limit = 1_000
  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("Begin no section after so long: 30s, 5m; a bare number is seconds.", valueName: "time"))
  var time = "60s"
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if !(1...100_000).contains(limit) { throw ValidationError("--limit \(limit) is not within 1 to 100000") }
    if duration == nil { throw ValidationError("--for \(time) is not a time up to 1d, such as 30s, 5m or 60") }
  }

  private var duration: Duration? {
    guard let duration = Duration(definition: Int(time) == nil ? time : "\(time)s"), duration <= .seconds(86_400) else {
      return nil
    }
    return duration
  }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let date = try invocation.asOf(asOf, project: project)
    let limits = WarmLimits(items: limit, duration: duration ?? .seconds(60))
    return try await Session.open(project) { session in
      let outcome = try await session.warmReports(asOf: date, within: limits)
      invocation.console.note(
        "\(counted(outcome.made, "result")) made and kept, \(outcome.kept) kept already"
          + (outcome.past > 0 ? ", \(outcome.past) never kept" : "")
          + (outcome.left > 0 ? "; \(outcome.left) not reached, --limit and --for allow more" : ""))
      invocation.console.json([
        "as_of": .string(date.description), "made": .integer(outcome.made), "kept": .integer(outcome.kept),
        "past": .integer(outcome.past), "left": .integer(outcome.left), "status": "success", "exit_code": 0,
      ])
      return .ok
    }
  }
}
