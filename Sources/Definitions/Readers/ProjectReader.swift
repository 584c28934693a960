// `Jobs/daybook.yaml` → the project's own settings.
// Invariant: the database's address, which may carry a password, is in no message. Feeds, views, reports and jobs
// are read by their own readers.

internal import Finding
internal import Glibc
internal import Money

/// What `Jobs/daybook.yaml` says.
struct ProjectSettings {
  var name = "project"
  var database = DatabaseSettings(schema: "public")
  var inbox = ""
  var output = ""
  var calendar = CalendarSettings()
  var retention = RetentionSettings()
  var close = CloseSettings()
  var locale = LocaleSettings()
}

/// Reads the project's own file.
struct ProjectReader {
  let root: String
  let findings: Findings

  static let file = "Jobs/daybook.yaml"

  func read(_ node: DefinitionNode) -> ProjectSettings {
    var settings = ProjectSettings()
    settings.inbox = "\(root)/.daybook/inbox"
    settings.output = "\(root)/Output"
    guard
      let reader = MappingReader(
        node, subject: "the project",
        keys: ["project", "database", "inbox", "output", "calendar", "retention", "close", "locale"],
        required: ["project"], findings: findings)
    else { return settings }
    if let name = reader.identifier("project", .label) { settings.name = name }
    settings.database = database(reader, project: settings.name)
    if let path = path(reader, "inbox", isAbsoluteAllowed: true) { settings.inbox = path }
    if let path = path(reader, "output", isAbsoluteAllowed: false) {
      if path == root
        || ["Jobs", "Sources", "Tests", "cron", ".daybook", ".git"].contains(where: {
          path == "\(root)/\($0)" || path.hasPrefix("\(root)/\($0)/")
        })
      {
        findings.error(
          "bad_path", at: reader.position(of: "output"), "\"output\" must be a folder of its own",
          fix: "output: Output")
      }
      settings.output = path
    }
    if settings.inbox == settings.output {
      findings.error("bad_path", at: reader.position(of: "inbox"), "\"inbox\" and \"output\" are the same folder")
    }
    settings.calendar = calendar(reader)
    settings.retention = retention(reader)
    if let node = reader.node("locale") {
      settings.locale = LocaleReader(findings: findings).read(node, at: reader.keyPosition(of: "locale"))
    }
    if let node = reader.node("close"),
      let close = MappingReader(
        node, subject: "\"close\"", keys: ["late"], at: reader.keyPosition(of: "close"), findings: findings),
      let late: LateChangeRule = close.word("late")
    {
      settings.close = CloseSettings(late: late)
    }
    return settings
  }

  // MARK: Database

  private func database(_ project: MappingReader, project name: String) -> DatabaseSettings {
    // A name with a hyphen is no SQL name; the schema follows it as far as it can.
    let schema = String(name.map { $0 == "-" ? "_" : $0 })
    var settings = DatabaseSettings(schema: NameKind.schema.problem(with: schema) == nil ? schema : "public")
    guard let node = project.node("database"),
      let reader = MappingReader(
        node, subject: "\"database\"", keys: ["url", "schema", "pool"],
        at: project.keyPosition(of: "database"), findings: findings)
    else { return settings }
    if let scalar = reader.scalar("url") {
      if scalar.text == "embedded" {
        settings.url = .embedded
      } else if scalar.text.hasPrefix("postgresql://") || scalar.text.hasPrefix("postgres://")
        || scalar.text.contains("=")
      {
        settings.url = .url(scalar.text)
      } else {
        findings.error(
          "bad_url", at: reader.position(of: "url"), "\"url\" is neither embedded nor the address of a PostgreSQL",
          fix: "write embedded, or postgresql://user@host:5432/database")
      }
    }
    if let schema = reader.identifier("schema", .schema) { settings.schema = schema }
    if let node = reader.node("pool") {
      settings.pool = pool(node, at: reader.keyPosition(of: "pool"))
    }
    return settings
  }

  private func pool(_ node: DefinitionNode, at place: SourcePosition) -> PoolDefinition {
    var pool = PoolDefinition()
    guard
      let reader = MappingReader(
        node, subject: "\"pool\"", keys: ["min", "max", "acquire_timeout", "max_age", "idle_timeout"], at: place,
        findings: findings)
    else { return pool }
    if let max = reader.integer("max", in: 1...500) { pool.max = max }
    if let min = reader.integer("min", in: 0...500) { pool.min = min }
    if pool.min > pool.max {
      if reader.has("min") {
        findings.error(
          "out_of_range", at: reader.position(of: "min"), "\"min\" (\(pool.min)) is above \"max\" (\(pool.max))")
      }
      pool.min = pool.max
    }
    if let duration = reader.duration("acquire_timeout") { pool.acquireTimeout = duration }
    if let duration = reader.duration("max_age") { pool.maxAge = duration }
    if let duration = reader.duration("idle_timeout") { pool.idleTimeout = duration }
    return pool
  }

  // MARK: Paths

  private func path(_ reader: MappingReader, _ key: String, isAbsoluteAllowed: Bool) -> String? {
    guard let text = reader.text(key) else { return nil }
    let shown = reader.scalar(key)?.shown ?? key
    let parts = text.split(separator: "/").filter { $0 != "." }
    if parts.contains("..") {
      findings.error(
        "bad_path", at: reader.position(of: key), "\"\(key)\" may not contain \"..\": \"\(shown)\"",
        fix: isAbsoluteAllowed
          ? "write a path inside the project, or an absolute one" : "write a path inside the project")
      return nil
    }
    if text.hasPrefix("/") {
      guard isAbsoluteAllowed else {
        findings.error(
          "bad_path", at: reader.position(of: key), "\"\(key)\" must be inside the project, not \"\(shown)\"",
          fix: "\(key): Output")
        return nil
      }
      return "/" + parts.joined(separator: "/")
    }
    if text.hasPrefix("~") {
      findings.error(
        "bad_path", at: reader.position(of: key), "\"~\" is not expanded in \"\(key)\"", fix: "write ${HOME}/…")
      return nil
    }
    return ([root[...]] + parts).joined(separator: "/")
  }

  // MARK: Retention

  private func retention(_ project: MappingReader) -> RetentionSettings {
    var retention = RetentionSettings()
    guard let node = project.node("retention"),
      let reader = MappingReader(
        node, subject: "\"retention\"", keys: ["journal"], at: project.keyPosition(of: "retention"), findings: findings)
    else { return retention }
    if let days = reader.days("journal") { retention.journalDays = days }
    return retention
  }

  // MARK: Calendar

  private enum Month: String, CaseIterable {
    case january, february, march, april, may, june, july, august, september, october, november, december
  }

  private func calendar(_ project: MappingReader) -> CalendarSettings {
    var calendar = CalendarSettings()
    guard let node = project.node("calendar"),
      let reader = MappingReader(
        node, subject: "\"calendar\"", keys: ["time_zone", "fiscal_year_starts", "week_starts"],
        at: project.keyPosition(of: "calendar"), findings: findings)
    else { return calendar }
    if let zone = reader.scalar("time_zone") {
      if let fix = TimeZoneNames.fixOfUnfit(zone.text) {
        findings.error(
          "unknown_time_zone", at: reader.position(of: "time_zone"),
          "\"\(zone.shown)\" is no time zone that is the same everywhere",
          fix: zone.usesEnvironment ? "write a name such as Europe/Paris or UTC" : fix)
      } else if TimeZoneRules(named: zone.text) != nil {
        calendar.timeZone = zone.text
      } else {
        let fix =
          !TimeZoneNames.hasDatabase
          ? "install the time zone database (Debian: apt-get install tzdata)"
          : zone.usesEnvironment
            ? nil : nearestWord(to: zone.text, in: TimeZoneNames.names()).map { "did you mean \"\($0)\"?" }
        findings.error(
          "unknown_time_zone", at: reader.position(of: "time_zone"),
          "this machine knows no time zone \"\(zone.shown)\"", fix: fix ?? "write a name such as Europe/Paris or UTC")
      }
    }
    if let month: Month = reader.word("fiscal_year_starts") {
      calendar.fiscalYearStartMonth = (Month.allCases.firstIndex(of: month) ?? 0) + 1
    }
    if let day: Weekday = reader.word("week_starts") { calendar.weekStart = day }
    return calendar
  }
}

/// The time zones that this machine has a database of, to suggest one of them.
enum TimeZoneNames {
  private static let folder = "/usr/share/zoneinfo"

  static var hasDatabase: Bool { access(folder, R_OK) == 0 }

  /// What to write where a name of the machine's database is no zone: `right/` counts leap seconds, which no server does,
  /// `posix/` is the database again, and three names mean what each machine takes them for. Nil for all others.
  static func fixOfUnfit(_ name: String) -> String? {
    for folder in ["right/", "posix/"] where name.hasPrefix(folder) { return "write \(name.dropFirst(folder.count))" }
    return ["Factory", "localtime", "posixrules"].contains(name) ? "write a name such as Europe/Paris or UTC" : nil
  }

  /// The names of `zone1970.tab`, for suggestions; empty when the machine has no such table.
  static func names() -> [String] {
    guard let stream = fopen("\(folder)/zone1970.tab", "re") else { return [] }
    defer { fclose(stream) }
    var names: [String] = ["UTC"]
    var line = [CChar](repeating: 0, count: 1024)
    while fgets(&line, Int32(line.count), stream) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      let fields = text.split(whereSeparator: \.isWhitespace)
      if !text.hasPrefix("#"), fields.count >= 3 { names.append(String(fields[2])) }
    }
    return names
  }
}
