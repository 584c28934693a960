// What `doctor` looks at: everything around a project that a night needs and a definition cannot promise.
// Each look is one finding; none changes anything but a file in Output that is made and removed again.

public import Definitions
internal import Finding
internal import Glibc
public import Ledger
internal import Postgres

/// What was looked at, and what to do about it.
public struct Examination: Sendable, Hashable {
  /// One look.
  public struct Finding: Sendable, Hashable {
    /// How it is.
    public enum Status: String, Sendable, Hashable {
      case ok, warning, failed
    }

    /// What was looked at.
    public var name: String
    /// How it is.
    public var status: Status
    /// What was seen.
    public var message: String
    /// What to do.
    public var fix: String?
    /// What a failure of this exits with.
    var exitCode: ExitStatus = .stageFailed
  }

  /// The looks, in order.
  public var findings: [Finding] = []

  /// The code of the first failure.
  public var exitCode: ExitStatus { findings.first { $0.status == .failed }?.exitCode ?? .ok }

  /// Looks at everything.
  public static func run(_ project: Project, now: @Sendable () -> Moment) async -> Examination {
    var result = Examination()
    result.findings.append(
      Finding(
        name: "definitions", status: .ok,
        message: "\(project.feeds.count) feeds, \(project.views.count) views, \(project.reports.count) reports"))
    result.findings.append(folder("inbox", project.inbox, access: R_OK | X_OK, isNeeded: false))
    result.findings.append(output(project.output))
    result.findings.append(disk("disk for Output", project.output))
    if project.database.url == .embedded {
      result.findings.append(disk("disk for the database", Session.stateDirectory(project)))
    }
    result.findings.append(clock(project, now()))
    do {
      let start = now()
      let found = try await Session.withDatabase(of: project) { configuration in
        let connection = try await PostgresConnection.connect(configuration)
        let found = await server(project, configuration, connection, since: start, now: now)
        await connection.close()
        return found
      }
      result.findings += found
    } catch {
      let failure = StageFailure(error)
      result.findings.append(
        Finding(
          name: "server", status: .failed, message: failure.message,
          fix: failure.diagnostics.first?.fix ?? "see that the server runs, and that DATABASE_URL is right",
          exitCode: .databaseUnreachable))
    }
    return result
  }

  private static func folder(_ name: String, _ path: String, access mode: Int32, isNeeded: Bool) -> Finding {
    if access(path, mode) == 0 { return Finding(name: name, status: .ok, message: path) }
    let reason = String(cString: strerror(errno))
    return Finding(
      name: name, status: isNeeded || errno != ENOENT ? .failed : .warning, message: "\(path): \(reason)",
      fix: "mkdir -p \(path)")
  }

  /// Output can be written when a file can be made in it, or in the folder that it would be made in.
  private static func output(_ path: String) -> Finding {
    let existing = nearestFolder(path)
    var template = Array("\(existing)/.daybook-doctor-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      return Finding(
        name: "Output", status: .failed, message: "\(existing): \(String(cString: strerror(errno)))",
        fix: "make it writable for this user", exitCode: .cannotWriteOutput)
    }
    close(descriptor)
    unlink(template)
    return Finding(name: "Output", status: .ok, message: "\(path) can be written")
  }

  private static func disk(_ name: String, _ path: String) -> Finding {
    var status = statvfs()
    let existing = nearestFolder(path)
    guard statvfs(existing, &status) == 0 else {
      return Finding(name: name, status: .warning, message: "\(existing): \(String(cString: strerror(errno)))")
    }
    let free = Int(status.f_bavail) * Int(status.f_frsize)
    let megabytes = free / 1_048_576
    let level: Finding.Status = megabytes < 100 ? .failed : megabytes < 1024 ? .warning : .ok
    return Finding(
      name: name, status: level, message: "\(megabytes) MB free at \(existing)",
      fix: level == .ok ? nil : "make room: a night needs about three times the size of its files",
      exitCode: .cannotWriteOutput)
  }

  private static func clock(_ project: Project, _ now: Moment) -> Finding {
    guard let today = now.day(in: project.calendar.timeZone) else {
      return Finding(
        name: "time zone", status: .failed, message: "this machine does not know \(project.calendar.timeZone)",
        fix: "apt install tzdata", exitCode: .badDefinition)
    }
    return Finding(name: "time zone", status: .ok, message: "\(project.calendar.timeZone), where today is \(today)")
  }

  private static func server(
    _ project: Project, _ configuration: PostgresConfiguration, _ connection: PostgresConnection, since start: Moment,
    now: @Sendable () -> Moment
  ) async -> [Finding] {
    var findings: [Finding] = []
    let waited = now().milliseconds(since: start)
    let version = connection.serverVersion
    findings.append(
      Finding(
        name: "server", status: version >= 150_000 ? .ok : .failed,
        message: "PostgreSQL \(version / 10_000).\(version % 10_000) at \(configuration.redactedURL), "
          + "reached in \(shortText(milliseconds: waited))",
        fix: version >= 150_000 ? nil : "Daybook needs PostgreSQL 15 or newer", exitCode: .databaseUnreachable))
    do {
      let before = now()
      let rows = try await connection.query(
        """
        SELECT has_database_privilege(current_database(), 'CREATE'),
          coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $1), true),
          coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = 'daybook'), true),
          clock_timestamp(), EXISTS (SELECT FROM pg_timezone_names WHERE name = $2), current_user,
          EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)
            AND EXISTS (SELECT FROM pg_namespace WHERE nspname = 'daybook')
        """, [.text(project.database.schema), .text(project.calendar.timeZone)])
      guard let row = rows.first else { return findings }
      let canCreate: Bool = try row.decode(0)
      let isMade: Bool = try row.decode(6)
      let inSchemas = try row.decode(1, as: Bool.self) && row.decode(2, as: Bool.self)
      let user: String = try row.decode(5)
      let isAllowed = (canCreate || isMade) && inSchemas
      findings.append(
        Finding(
          name: "permissions", status: isAllowed ? .ok : .failed,
          message: isAllowed
            ? "\(user) may create what is needed" : "\(user) may not create schemas and tables in this database",
          fix: isAllowed ? nil : "GRANT CREATE ON DATABASE … TO \(quoteIdentifier(user))"))
      if case .timestamptz(let microseconds) = try row.value(at: 3) {
        let apart = abs(Moment(microsecondsSince1970: microseconds).milliseconds(since: before)) / 1000
        findings.append(
          Finding(
            name: "clock", status: apart > 60 ? .warning : .ok, message: "the server's clock is \(apart) s apart",
            fix: apart > 60 ? "set both clocks by NTP" : nil))
      }
      if try !row.decode(4, as: Bool.self) {
        findings.append(
          Finding(
            name: "server's time zones", status: .failed, message: "it does not know \(project.calendar.timeZone)",
            fix: "use a zone of pg_timezone_names", exitCode: .badDefinition))
      }
    } catch {
      findings.append(Finding(name: "permissions", status: .failed, message: StageFailure(error).message))
    }
    return findings
  }

  /// The folder itself, or the nearest one above it that exists.
  private static func nearestFolder(_ path: String) -> String {
    var path = path
    while access(path, F_OK) != 0, path.count > 1, let slash = path.lastIndex(of: "/") {
      path = slash == path.startIndex ? "/" : String(path[..<slash])
    }
    return path
  }
}
