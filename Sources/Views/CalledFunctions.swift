// Which functions stand behind SQL: those that it calls by name, and those behind an operator, an aggregate or a cast that
// somebody made. Of a view the server's own parse tells (pg_depend of its rule); of SQL of which there is no rule, such as
// groups, conditions and checks, its text tells which may be meant, and errs on the side of too many.
// Invariant: what a function calls in turn is known where the catalog has it, and cannot be seen where its body is a string.

internal import Definitions
internal import Postgres

/// Functions of the database that SQL may call.
struct CalledFunctions: Sendable {
  /// A function behind a name, a sign or a cast.
  struct Function: Sendable {
    /// A name in lower case, an operator's sign, or a cast as its definition writes it.
    let word: String
    /// Whether it is the server's.
    let isOwn: Bool
    /// Whether it came with an extension.
    let isOfExtension: Bool
    /// `pg_proc.provolatile`.
    let volatility: String
    /// Another one once it was replaced.
    let number: Int64

    /// Whether the word is an operator's sign.
    var isSign: Bool { word.allSatisfy(CalledFunctions.signs.contains) }

    private var isImplicitCast: Bool { word.hasPrefix("implicit cast (") }
    private var isCast: Bool { isImplicitCast || word.hasPrefix("cast (") }

    /// Whether it is a cast that some SQL, in lower case, may mean. An implicit one needs no word. The type may have other
    /// names where it is the server's own; that it occurs at all where it is not has been seen.
    func isCast(in sql: String) -> Bool {
      isImplicitCast || isCast && ["::", "cast", "("].contains { sql.contains($0) }
    }

    /// Whether somebody made it. What an extension made is what it declares it to be where no name says that it is meant:
    /// its sign is often the server's own, too (% of pg_trgm).
    var isMade: Bool { !isOwn && !(isOfExtension && (isSign || isCast)) }

    /// Whether it depends on more than its arguments and settings, which do not change: stable functions of the server's own
    /// depend on those alone.
    var isUnsteady: Bool { volatility == "v" || volatility == "s" && isMade }
  }

  /// Source: PostgreSQL 15 manual, CREATE OPERATOR.
  private static let signs = Set("+-*/<>=~!@#%^&|`?")

  /// In the order of their words.
  var functions: [Function] = []

  /// Reads what some texts may call.
  nonisolated(nonsending) static func read(
    of texts: [CallingText], on connection: PostgresConnection
  ) async throws -> CalledFunctions {
    let sql = texts.map(\.sql).joined(separator: "\n")
    if sql.isEmpty { return CalledFunctions() }
    // The server's own objects have numbers below 16384 (FirstNormalObjectId).
    let start = """
      select called.word collate "C", called.class::oid, called.object
      from (
        select p.proname::text, 'pg_proc'::regclass, p.oid from pg_proc p
        where p.oid < 16384 and p.proname = any($1::name[])
        union all
        select lower(p.proname), 'pg_proc'::regclass, p.oid from pg_proc p
        where p.oid >= 16384 and lower(p.proname) = any($1)
        union all
        select o.oprname::text, 'pg_operator'::regclass, o.oid
        from pg_operator o where o.oid >= 16384 and strpos($2, o.oprname::text) > 0
        union all
        select format('%scast (%s as %s)', case when c.castcontext = 'i' then 'implicit ' end, s.typname, t.typname),
          'pg_cast'::regclass, c.oid
        from pg_cast c join pg_type s on s.oid = c.castsource join pg_type t on t.oid = c.casttarget
        where c.oid >= 16384 and (c.castcontext = 'i' or c.casttarget < 16384 or strpos(lower($2), lower(t.typname)) > 0)
      ) as called (word, class, object)
      """
    let rows = try await connection.query(
      """
      with recursive \(behind(start))
      select distinct root, n.nspname in ('pg_catalog', 'information_schema'), \(isOfExtension),
        p.provolatile::text, \(number)
      from behind join pg_proc p on behind.class = 'pg_proc'::regclass and p.oid = behind.object
      join pg_namespace n on n.oid = p.pronamespace
      where n.nspname not in ('pg_catalog', 'information_schema') or p.provolatile = 'v'
      order by 1, 5
      """, [.textArray(Set(texts.flatMap(\.words)).sorted()), .text(sql)])
    return CalledFunctions(
      functions: try rows.map { row in
        Function(
          word: try row.decode(0), isOwn: try row.decode(1), isOfExtension: try row.decode(2),
          volatility: try row.decode(3), number: try row.decode(4))
      })
  }

  /// Those that a text may call.
  func called(by text: CallingText) -> [Function] {
    if text.sql.isEmpty { return [] }
    let sql = text.sql.lowercased()
    return functions.filter { function in
      text.words.contains(function.word) || function.isSign && sql.contains(function.word)
        || function.isCast(in: sql)
    }
  }

  // MARK: SQL

  /// A recursive common table `behind (root, class, object)`: what the query `start` gives, and the functions and operators
  /// that those objects stand on. An operator stands on its function, an aggregate on those that make it, a cast on its own,
  /// and a function on those that its body calls, where it is SQL and no string.
  ///
  /// What the server was made with has no dependencies, and need not be followed.
  /// Source: PostgreSQL 15 manual, pg_depend.
  static func behind(_ start: String) -> String {
    """
    behind (root, class, object) as (
      \(start)
      union
      select behind.root, d.refclassid, d.refobjid
      from behind join pg_depend d on d.classid = behind.class and d.objid = behind.object
      where d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass) and d.deptype = 'n'
    )
    """
  }

  /// Whether the function `p` came with an extension.
  static let isOfExtension = """
    exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')
    """

  /// A number that is another when the function `p` of the schema `n` is written otherwise.
  static let number = """
    hashtextextended(concat_ws(' ', n.nspname, p.proargtypes, p.prosrc, p.probin, p.prosqlbody, p.proargdefaults,
      p.proisstrict, p.proconfig, (select a::text from pg_aggregate a where a.aggfnoid = p.oid)), 0)
    """
}

/// SQL of which there is no rule, as far as its text tells what it calls.
struct CallingText: Sendable {
  /// What may be a function's name, in lower case.
  var words: Set<String>
  var sql: String
}

extension CheckTest {
  /// Its condition and its queries.
  var calling: CallingText {
    let queries: [String] =
      switch kind {
      case .equal(let left, let right): [left, right]
      case .noRow(let query): [query]
      default: []
      }
    return CallingText(
      words: Set(calls.map { $0.lowercased() }),
      sql: ((condition.map { [$0] } ?? []) + queries).joined(separator: "\n"))
  }
}
