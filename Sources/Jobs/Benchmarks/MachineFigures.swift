// The machine and the server that figures were taken on, because a figure without them says little.

public import Definitions
internal import Glibc
public import Ledger
internal import Postgres

/// What figures depend on besides the program.
public struct MachineFigures: Sendable, Hashable {
  /// One of them.
  public struct Figure: Sendable, Hashable {
    /// What it is.
    public var name: String
    /// Its value, with its unit.
    public var value: String
  }

  /// The figures, in the order in which they are shown.
  public var figures: [Figure]

  /// Server settings that change how fast a load is.
  private static let settings = [
    "shared_buffers", "work_mem", "maintenance_work_mem", "wal_level", "max_wal_size", "checkpoint_timeout", "fsync",
    "synchronous_commit", "full_page_writes", "autovacuum", "jit",
  ]

  /// The figures of this machine and of a project's server.
  public static func read(for project: Project) async throws -> MachineFigures {
    try await Session.withDatabase(of: project) { configuration in
      let connection = try await PostgresConnection.connect(configuration)
      let result = await outcome { () async throws -> MachineFigures in try await read(on: connection) }
      await shielded { await connection.close() }
      return try result.get()
    }
  }

  /// Reads them; the machine is this one, which need not be the server's.
  static func read(on connection: PostgresConnection) async throws -> MachineFigures {
    var figures = [
      Figure(name: "cores", value: String(sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
      Figure(name: "cpu", value: line("/proc/cpuinfo", "model name") ?? "unknown"),
      Figure(
        name: "memory", value: "\(sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)) / 1_000_000) MB"),
      Figure(name: "load", value: ServerProcesses.read("/proc/loadavg").map(firstWord) ?? "unknown"),
      Figure(name: "file_system", value: fileSystem("/tmp")),
      Figure(name: "build", value: build),
    ]
    let place = try await connection.query("select coalesce(host(inet_server_addr()), 'this machine')")
    if let place = try place.first?.decode(0, as: String.self) { figures.append(Figure(name: "server", value: place)) }
    for row in try await connection.query(
      """
      select case name when 'server_version' then 'postgresql' else name end, current_setting(name)
      from unnest($1::text[]) with ordinality as asked(name, place) join pg_settings using (name) order by place
      """, [.textArray(["server_version"] + settings)])
    {
      figures.append(Figure(name: try row.decode(0), value: try row.decode(1)))
    }
    return MachineFigures(figures: figures)
  }

  /// For the object of `--json`.
  public var json: JSONValue {
    .object(figures.map { JSONValue.Member($0.name, .string($0.value)) })
  }

  private static var build: String {
    #if DEBUG
      "debug: its figures say nothing"
    #else
      "release"
    #endif
  }

  private static func firstWord(_ text: String) -> String { String(text.prefix { $0 != " " }) }

  /// What stands behind the first line of that name.
  private static func line(_ path: String, _ name: String) -> String? {
    let lines = ServerProcesses.read(path)?.split(separator: "\n") ?? []
    return lines.first { $0.hasPrefix(name) }?.split(separator: ":", maxSplits: 1).last
      .map { String($0.drop { $0 == " " }) }
  }

  /// The file system that a folder is on, as the kernel names it; that of the feed files.
  private static func fileSystem(_ folder: String) -> String {
    var best: (length: Int, type: String)?
    for line in (ServerProcesses.read("/proc/self/mounts") ?? "").split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 2 else { continue }
      let place = words[1]
      let isAbove = place == "/" || folder == place || folder.hasPrefix("\(place)/")
      if isAbove, place.utf8.count >= best?.length ?? 0 { best = (place.utf8.count, String(words[2])) }
    }
    return best?.type ?? "unknown"
  }
}
