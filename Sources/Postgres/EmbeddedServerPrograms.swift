// The programs of an installed PostgreSQL.
// Invariant: only directories named by their version are searched, so a program's version is known without running it,
// and a cluster is only ever run by the version that made it. Nothing comes from PATH.

/// Where the server's programs lie.
struct EmbeddedServerPrograms: Sendable, Hashable {
  var directory: String

  var postgres: String { directory + "/postgres" }
  var initdb: String { directory + "/initdb" }

  static let installLine = "apt-get install postgresql-15 (as root)"

  /// Finds the programs of one version, or for a new cluster of the best version there is.
  static func find(
    version: Int? = nil,
    roots: [String] = ["/usr/lib/postgresql/", "/usr/pgsql-", "/usr/local/pgsql-", "/opt/postgresql/"]
  ) throws(EmbeddedServerError) -> EmbeddedServerPrograms {
    let versions = version.map { [$0] } ?? [15, 16, 17, 18]
    for candidate in versions {
      for root in roots where FileSystem.exists("\(root)\(candidate)/bin/postgres") {
        let programs = EmbeddedServerPrograms(directory: "\(root)\(candidate)/bin")
        if FileSystem.exists(programs.initdb) { return programs }
      }
    }
    let wanted = version ?? 15
    throw EmbeddedServerError(
      .notInstalled, "PostgreSQL \(wanted) is not installed: no server programs in \(roots[0])\(wanted)/bin",
      fix: wanted == 15 ? installLine : "apt-get install postgresql-\(wanted) (as root)")
  }
}

extension EmbeddedServer {
  /// The directory of PostgreSQL's programs, `psql` among them.
  package static func programsDirectory() throws(EmbeddedServerError) -> String {
    try EmbeddedServerPrograms.find().directory
  }
}
