// `database:` of the project: where the tables live and how connections to it are shared.
// Invariant: a database URL, which may carry a password, appears in no description and no reflection of these
// values. Connecting, and parsing the URL in earnest, belongs to the room Postgres.

/// Which PostgreSQL holds the data.
public enum DatabaseLocation: Sendable, Hashable {
  /// A private server that Daybook starts and stops.
  case embedded
  /// A server somebody else runs: a `postgresql://` URL or libpq's `key=value` form.
  case url(String)
}

extension DatabaseLocation: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// `embedded` or `url`, never the address.
  public var description: String {
    switch self {
    case .embedded: "embedded"
    case .url: "url"
    }
  }
  /// The same as the description.
  public var debugDescription: String { description }
  /// A mirror without children, so that a dump shows no address.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// `database:` of the project.
public struct DatabaseSettings: Sendable, Hashable {
  /// Which PostgreSQL.
  public var url: DatabaseLocation
  /// The schema of base tables and views.
  public var schema: String
  /// How connections are shared.
  public var pool: PoolDefinition

  /// Creates settings.
  public init(url: DatabaseLocation = .embedded, schema: String, pool: PoolDefinition = PoolDefinition()) {
    self.url = url
    self.schema = schema
    self.pool = pool
  }
}

/// `database.pool:` of the project.
public struct PoolDefinition: Sendable, Hashable {
  /// Connections kept open even when idle.
  public var min: Int
  /// The most connections open at once; at least 1.
  public var max: Int
  /// How long a caller waits for a connection.
  public var acquireTimeout: Duration
  /// The age at which a connection is replaced.
  public var maxAge: Duration
  /// How long a connection beyond `min` may be idle.
  public var idleTimeout: Duration

  /// Creates settings with Daybook's defaults.
  public init(
    min: Int = 1, max: Int = 4, acquireTimeout: Duration = .seconds(10), maxAge: Duration = .seconds(30 * 60),
    idleTimeout: Duration = .seconds(5 * 60)
  ) {
    self.min = min
    self.max = max
    self.acquireTimeout = acquireTimeout
    self.maxAge = maxAge
    self.idleTimeout = idleTimeout
  }
}
