// A place in the middle of a load at which it stops until it is let go.
// Invariant: the middle is not guessed at. A trigger in the database waits for a lock that the test holds, at one row
// of a feed or at the commit, and the test strikes when the server itself lists the load as waiting there.

import Postgres
import TestSupport
import Testing

/// Where a load can be stopped.
enum FaultPlace: String, Sendable, CaseIterable {
  /// COPY is under way: into the empty table itself on the first night, into staging on the second.
  case copy
  /// The transaction that writes the table is in the middle of its rows. Second night only.
  case merge
  /// COMMIT has begun and has not taken effect. Second night only.
  case commit
  /// The feed's last file is about to be put on record, and the one before it is done with. First night only.
  case lastFile
}

/// One gate in one database.
struct FaultGate: Sendable {
  let url: String

  /// Puts a gate into a database.
  ///
  /// - Parameter column: a column that only this feed has.
  init(_ place: FaultPlace, of feed: String = "transactions", having column: String = "transaction_id", at url: String)
    async throws
  {
    try await self.init(at: url, statement: Self.statement(place, feed, column))
  }

  /// Puts a gate where `statement` makes a trigger that executes `gate.wait()`.
  init(at url: String, statement: String) async throws {
    self.url = url
    try await Psql.run([Self.function, statement], at: url)
  }

  /// Closes the gate, starts the load, and strikes when it has come there. The gate is opened afterwards, or by the
  /// strike itself.
  ///
  /// - Parameter strike: gets the process of the program, and that of the server's that waits.
  /// - Returns: how the load ended.
  func striking(
    _ load: @escaping @Sendable (@escaping @Sendable (Int32) -> Void) async throws -> ProgramOutcome,
    _ strike: @Sendable (_ program: Int32, _ backend: Int32, _ holder: GateHolder) async throws -> Void
  ) async throws -> ProgramOutcome {
    let holder = try await GateHolder(url)
    let (programs, found) = AsyncStream.makeStream(of: Int32.self)
    let outcome = Task { try await load { found.yield($0) } }
    do {
      let backend = try await waitUntilReached(outcome)
      var program: Int32?
      for await first in programs {
        program = first
        break
      }
      try await strike(try #require(program), backend, holder)
    } catch {
      await holder.open()
      _ = try? await outcome.value
      throw error
    }
    await holder.open()
    return try await outcome.value
  }

  /// Waits until a session stands at the gate.
  private func waitUntilReached(_ load: Task<ProgramOutcome, any Error>) async throws -> Int32 {
    let watcher = try await PostgresConnection.connect(PostgresConfiguration(url: url))
    let deadline = ContinuousClock.now + .seconds(300)
    var backend: Int?
    while backend == nil, ContinuousClock.now < deadline {
      let rows = try await watcher.query(
        """
        select pid from pg_locks where locktype = 'advisory' and not granted and objid = \(GateHolder.key)
          and database = (select oid from pg_database where datname = current_database())
        """)
      backend = try rows.first?.decode(0, as: Int.self)
      if backend == nil { try await Task.sleep(for: .milliseconds(10)) }
    }
    await watcher.close()
    guard let backend else {
      load.cancel()
      throw TestSupportError("no load came to the gate within five minutes")
    }
    return Int32(backend)
  }

  private static let function = """
    create schema gate;
    create function gate.wait() returns trigger language plpgsql as
      $$begin perform pg_advisory_xact_lock_shared(\(GateHolder.key)); return new; end$$;
    """

  private static func statement(_ place: FaultPlace, _ feed: String, _ column: String) -> String {
    switch place {
    case .copy:
      // Armed as the table is made: whichever of the two is copied into.
      """
      create function gate.arm() returns event_trigger language plpgsql as $$
      declare made record;
      begin
        for made in select c.objid, c.object_identity as name, c.schema_name from pg_event_trigger_ddl_commands() c
          join pg_attribute a on a.attrelid = c.objid and a.attname = '\(column)'
          where c.command_tag = 'CREATE TABLE'
        loop
          if made.name ~ '^daybook\\.staging_' and to_regclass('finance.\(feed)') is not null
            or made.schema_name = 'finance' then
            execute format('create trigger gate before insert on %s for each row when (new._daybook_line = %s)
              execute function gate.wait()', made.name, case when made.schema_name = 'finance' then 2500 else 20 end);
          end if;
        end loop;
      end$$;
      create event trigger gate on ddl_command_end execute function gate.arm()
      """
    case .merge:
      """
      create trigger gate before insert on finance.\(feed) for each row when (new._daybook_line > 20)
        execute function gate.wait()
      """
    case .commit:
      """
      create constraint trigger gate after insert or update on daybook.file deferrable initially deferred for each row
        when (new.feed = '\(feed)') execute function gate.wait()
      """
    case .lastFile:
      // Armed as the ledger is made.
      """
      create function gate.arm() returns event_trigger language plpgsql as $$
      declare made record;
      begin
        for made in select object_identity as name from pg_event_trigger_ddl_commands()
          where command_tag = 'CREATE TABLE' and object_identity = 'daybook.file'
        loop
          create trigger gate before insert on daybook.file for each row
            when (new.name = '\(feed)_\(FaultNight.first.asOf).csv') execute function gate.wait();
        end loop;
      end$$;
      create event trigger gate on ddl_command_end execute function gate.arm()
      """
    }
  }
}

/// The session that keeps a gate closed.
actor GateHolder {
  static let key = 7_701
  private var connection: PostgresConnection?

  init(_ url: String) async throws {
    let connection = try await PostgresConnection.connect(PostgresConfiguration(url: url))
    try await connection.execute("select pg_advisory_lock(\(Self.key))")
    self.connection = connection
  }

  /// Lets the load go on; harmless when the server is gone.
  func open() async {
    await connection?.close()
    connection = nil
  }
}
