// Statements that the server keeps: parsed once for a session, apart by the types of their parameters, gone with a reset.

import Postgres
import TestSupport
import Testing

@Suite struct PreparedTests {
  private static let kept = """
    select count(*), coalesce(sum(generic_plans + custom_plans), 0)::bigint from pg_prepared_statements
    """

  private func kept(_ connection: PostgresConnection) async throws -> [Int] {
    let row = try await connection.query(Self.kept)[0]
    return [try row.decode(0), try row.decode(1)]
  }

  @Test func aStatementIsParsedOnceForEachSessionAndSetOfTypes() async throws {
    try await TestDatabase.withDatabase { database in
      let connection = try await PostgresConnection.connect(database.configuration)
      for number in 1...7 {
        let rows = try await connection.queryPrepared("select $1::bigint + 1", [.int8(Int64(number))])
        #expect(try rows[0].decode(0, as: Int.self) == number + 1)
      }
      #expect(try await kept(connection) == [1, 7])
      _ = try await connection.queryPrepared("select $1::bigint + 1", [.null])
      #expect(try await kept(connection) == [2, 8])
      let error = await #expect(throws: PostgresError.self) { try await connection.queryPrepared("select nothing") }
      #expect(error?.sqlState == "42703")
      #expect(try await kept(connection) == [2, 8])
      await connection.close()
    }
  }

  @Test func whatASessionLostIsPreparedAnew() async throws {
    try await TestDatabase.withDatabase { database in
      try await database.withPool(max: 1) { pool in
        for _ in 1...2 {
          try await pool.withConnection { connection in
            let rows = try await connection.queryPrepared("select 1::bigint")
            #expect(try rows[0].decode(0, as: Int.self) == 1)
            // Such a session is reset before it is lent again.
            try await connection.execute("set work_mem = '5MB'")
          }
        }
        try await pool.withConnection { connection in
          _ = try await connection.queryPrepared("select 1::bigint")
          try await connection.execute("deallocate all")
          let error = await #expect(throws: PostgresError.self) {
            try await connection.queryPrepared("select 1::bigint")
          }
          #expect(error?.sqlState == "26000")
          let rows = try await connection.queryPrepared("select 1::bigint")
          #expect(try rows[0].decode(0, as: Int.self) == 1)
        }
      }
    }
  }
}
