// The verbs about the project's database: db start, stop, url, psql.

internal import ArgumentParser
internal import Definitions
internal import Glibc
internal import Jobs
internal import Ledger
internal import Postgres

struct DatabaseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "db", abstract: "Start, stop or reach the project's database.",
    subcommands: [
      DatabaseStartCommand.self, DatabaseStopCommand.self, DatabaseURLCommand.self, DatabasePsqlCommand.self,
    ])
}

struct DatabaseStartCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Start the embedded server and keep it running.")

  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let url = try await embeddedServer(of: project).start()
    invocation.console.data(url)
    invocation.console.json(["status": "running", "exit_code": 0, "url": .string(url)])
    return .ok
  }
}

struct DatabaseStopCommand: Verb {
  static let configuration = CommandConfiguration(commandName: "stop", abstract: "Stop the embedded server.")

  @Flag(name: .long, help: "Also when another command uses it; that command fails.") var force = false
  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    // A server is to be stopped whatever is wrong with the definitions of feeds and views.
    guard let place = Project.place(root: invocation.options.project, environment: invocation.environment) else {
      _ = try invocation.loadProject()
      return .badDefinition
    }
    let wasRunning = try await embeddedServer(at: place.database, in: place.root).stop(force: force)
    invocation.console.note(wasRunning ? "stopped" : "it was not running")
    invocation.console.json(["status": "stopped", "exit_code": 0, "was_running": .bool(wasRunning)])
    return .ok
  }
}

struct DatabaseURLCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "url", abstract: "Print the address of the database, with its password if it has one.")

  @OptionGroup var global: GlobalOptions

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let url: String
    switch project.database.url {
    case .url(let address): url = address
    case .embedded:
      guard case .running(_, let address) = try embeddedServer(of: project).status() else {
        throw StageFailure(
          .databaseUnreachable, "stopped", "the embedded server is stopped",
          fix: "daybook db start\(global.commandSuffix)")
      }
      url = address
    }
    invocation.console.data(url)
    invocation.console.json(["status": "success", "exit_code": 0, "url": .string(url)])
    return .ok
  }
}

struct DatabasePsqlCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "psql", abstract: "Open psql on the project's database.",
    discussion: "What follows -- goes to psql: daybook db psql -- -c 'select 1'")

  static let leavesInterruptsToChild = true

  @Argument(parsing: .postTerminator, help: "Arguments of psql.") var arguments: [String] = []
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if global.json { throw ValidationError("psql writes to standard output itself; --json is not for it") }
  }

  func perform(_ invocation: Invocation) async throws -> ExitStatus {
    let project = try invocation.loadProject()
    let arguments = arguments
    let result: Int32
    switch project.database.url {
    case .url:
      guard let (connection, secret) = try Session.runningDatabase(of: project)?.handedToProgram() else { return .bug }
      result = await ChildProcess(
        ["psql", "-d", connection] + arguments, settings(project).merging(secret) { own, _ in own }
      ).run()
    case .embedded:
      // psql is a child and not this process, so that the server has a user while psql is open.
      let lease = try await embeddedServer(of: project).acquire()
      await Self.waitForRecovery(of: lease.url)
      result = await ChildProcess(["psql", "-d", lease.url] + arguments, settings(project)).run()
      await lease.release()
    }
    guard result != 127 else {
      throw StageFailure(.stageFailed, "psql", "psql could not be started", fix: "apt install postgresql-client")
    }
    return result == 0 ? .ok : .stageFailed
  }

  /// Waits while the server turns everybody away because it recovers from a process that it lost: it is not started
  /// anew then, and nobody but the next session notices. Whatever else is wrong psql says itself.
  private static func waitForRecovery(of url: String) async {
    let start = ContinuousClock.now
    while ContinuousClock.now - start < .seconds(60) {
      do {
        await (try PostgresConnection.connect(PostgresConfiguration(url: url))).close()
        return
      } catch {
        guard error.sqlState == "57P03", (try? await Task.sleep(for: .milliseconds(100))) != nil else { return }
      }
    }
  }

  /// psql finds the project's tables by their bare names, as the project's own SQL does.
  private func settings(_ project: Project) -> [String: String] {
    [
      "PGOPTIONS": "-c search_path=\(quoteIdentifier(project.database.schema)),public",
      "PGTZ": project.calendar.timeZone,
    ]
  }
}

/// The project's own server.
private func embeddedServer(of project: Project) throws(StageFailure) -> EmbeddedServer {
  try embeddedServer(at: project.database.url, in: project.root)
}

private func embeddedServer(at location: DatabaseLocation, in root: String) throws(StageFailure) -> EmbeddedServer {
  guard location == .embedded else {
    throw StageFailure(
      .usage, "usage", "the project's database is a server of its own; Daybook neither starts nor stops it",
      fix: "leave DATABASE_URL unset to use the embedded server")
  }
  return EmbeddedServer(stateDirectory: Session.stateDirectory(in: root))
}
