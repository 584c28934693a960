// Why the ledger could not do its work. Rendering and exit codes are the business of others.

public import Postgres

/// Why the ledger could not do its work.
public enum LedgerError: Error, Sendable, CustomStringConvertible {
  /// The database said no, or did not answer.
  case database(PostgresError)
  /// The schema was made by a later version of the program.
  case newerSchema(found: Int, known: Int)
  /// A migration of this program is missing or numbered wrongly.
  case badMigrations(String)
  /// The ledger of this database describes another project's schema.
  case foreignOwner(project: String, schema: String, wanted: String)
  /// The ledger is not open.
  case notOpen

  public var description: String {
    switch self {
    case .database(let error): error.description
    case .newerSchema(let found, let known):
      "the schema daybook has version \(found); this program knows versions up to \(known): use a newer daybook"
    case .badMigrations(let why): "the migrations of this program are wrong: \(why)"
    case .foreignOwner(let project, let schema, let wanted):
      "this database's ledger describes project \(project), schema \(schema), not schema \(wanted):"
        + " set database.schema to \(schema) or use another database"
    case .notOpen: "the ledger is not open"
    }
  }
}
