// The surroundings of a command: the server, the pool and the ledger of one project.
// Invariant: whatever happens inside, the pool, the ledger and the server are given back in this order, also when
// the task is cancelled, and a server that this process started is stopped when nobody else uses it.

public import Definitions
public import Ledger
public import Postgres

/// An open project.
public struct Session: Sendable {
  /// What was opened.
  public let project: Project
  /// Connections for the work.
  public let pool: PostgresPool
  /// The record of runs, on a connection of its own.
  public let ledger: LedgerStore
  /// Where the database is.
  public let configuration: PostgresConfiguration

  /// Lends an open project.
  ///
  /// - Throws: `StageFailure` when the database cannot be reached or is not this project's; what `body` throws.
  public static func open<R: Sendable>(
    _ project: Project, _ body: @Sendable (Session) async throws -> R
  ) async throws -> R {
    try await withDatabase(of: project) { configuration in
      let ledger = LedgerStore(configuration: configuration, mirrorDirectory: "\(stateDirectory(project))/runs")
      do {
        try await ledger.open()
        try await ledger.claim(project: project.name, schema: project.database.schema)
        let pool = try PostgresPool(configuration: configuration, settings: PoolSettings(project.database.pool))
        let result = await outcome {
          try await body(Session(project: project, pool: pool, ledger: ledger, configuration: configuration))
        }
        await shielded {
          await pool.shutdown(within: .seconds(5))
          await ledger.close()
        }
        return try result.get()
      } catch {
        await shielded { await ledger.close() }
        throw error
      }
    }
  }

  /// Lends the address of the project's database, with the embedded server running when it is the project's.
  public static func withDatabase<R: Sendable>(
    of project: Project, _ body: @Sendable (PostgresConfiguration) async throws -> R
  ) async throws -> R {
    try await withDatabaseURL(of: project) { url in
      try await body(try sessionConfiguration(url, project: project))
    }
  }

  /// Why no run can begin now: who holds the run lock.
  func lockHeld() async -> StageFailure {
    let holder = (try? await ledger.runs(limit: 5))?.first { $0.status == .running }
    let who = holder.map {
      "run \($0.record.runID), job \($0.record.job), process \($0.record.processID) on \($0.record.host), since "
        + $0.record.startedAt.description
    }
    return StageFailure(
      .locked, "locked", "another run holds the lock of this project's database",
      notes: ["it is \(who ?? "starting, or a session that holds the lock by hand")"],
      fix: "wait for it to end; nothing was changed")
  }

  /// The same as a URL, which may carry a password.
  public static func withDatabaseURL<R: Sendable>(
    of project: Project, _ body: @Sendable (String) async throws -> R
  ) async throws -> R {
    switch project.database.url {
    case .url(let url): return try await body(url)
    case .embedded:
      let lease = try await EmbeddedServer(stateDirectory: stateDirectory(project)).acquire()
      let result = await outcome { () async throws -> R in try await body(lease.url) }
      await shielded { await lease.release() }
      return try result.get()
    }
  }

  /// The address of a database that is running already; nil when it is the embedded server and that is stopped.
  public static func runningDatabase(of project: Project) throws(StageFailure) -> PostgresConfiguration? {
    switch project.database.url {
    case .url(let url): return try sessionConfiguration(url, project: project)
    case .embedded:
      guard case .running(_, let url) = EmbeddedServer(stateDirectory: stateDirectory(project)).status() else {
        return nil
      }
      return try sessionConfiguration(url, project: project)
    }
  }

  /// Where Daybook keeps what is not the person's: the embedded cluster, the mirror of runs.
  public static func stateDirectory(_ project: Project) -> String { stateDirectory(in: project.root) }

  /// The same of a project's folder, given by its full path.
  public static func stateDirectory(in root: String) -> String { "\(root)/.daybook" }

  /// Sessions speak the project's time zone, and find its tables by their bare names.
  ///
  /// - Throws: what is wrong with the address. It is a definition that the person can mend, and no bug.
  static func sessionConfiguration(_ url: String, project: Project) throws(StageFailure) -> PostgresConfiguration {
    var configuration: PostgresConfiguration
    do throws(PostgresError) {
      configuration = try PostgresConfiguration(url: url, applicationName: "daybook \(project.name)")
    } catch {
      throw StageFailure(
        .badDefinition, "database_url", error.message, fix: "correct DATABASE_URL, or database.url in Jobs/daybook.yaml"
      )
    }
    configuration.sessionSettings["TimeZone"] = project.calendar.timeZone
    configuration.sessionSettings["search_path"] = "\(quoteIdentifier(project.database.schema)),public"
    return configuration
  }
}

extension PoolSettings {
  init(_ definition: PoolDefinition) {
    self.init(
      min: definition.min, max: definition.max, acquireTimeout: definition.acquireTimeout, maxAge: definition.maxAge,
      idleTimeout: definition.idleTimeout)
  }
}

/// Runs `body` to its end even when the caller is cancelled.
func shielded(_ body: @escaping @Sendable () async -> Void) async {
  await Task { await body() }.value
}

/// What `body` returns or throws.
func outcome<R: Sendable>(of body: () async throws -> R) async -> Result<R, any Error> {
  do { return .success(try await body()) } catch { return .failure(error) }
}
