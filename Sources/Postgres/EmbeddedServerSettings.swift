// The text of the cluster's postgresql.conf, pg_hba.conf and pg_ident.conf.
// Invariant: the text follows from its inputs alone, so the same machine always gets the same file; a person's own
// settings go through ALTER SYSTEM, which wins over this file. No network address is ever listened on.

internal import Glibc

/// Everything the cluster's settings follow from.
struct EmbeddedServerSettings: Sendable {
  var durability: EmbeddedServer.Durability
  var socketDirectory: String
  /// The memory the machine, or the container, has.
  var memoryBytes: Int
  /// Room for shared memory in /dev/shm; containers often have 64 MB.
  var sharedMemoryBytes: Int

  /// The settings for this machine.
  static func forThisMachine(
    durability: EmbeddedServer.Durability, socketDirectory: String
  ) -> EmbeddedServerSettings {
    var memory = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    if let text = FileSystem.read("/sys/fs/cgroup/memory.max", limit: 64),
      let limit = Int(text.prefix { $0.isNumber })
    {
      memory = min(memory, limit)
    }
    return EmbeddedServerSettings(
      durability: durability, socketDirectory: socketDirectory, memoryBytes: memory,
      sharedMemoryBytes: FileSystem.freeBytes(at: "/dev/shm") ?? 0)
  }

  /// The text of postgresql.conf.
  ///
  /// `wal_level = minimal` lets a load into a table made in the same transaction skip the log; nothing replicates
  /// from this cluster. `client_connection_check_interval` ends the statement of a client that was killed.
  /// `shared_buffers` is an eighth of memory: a night looks up places all over tables, and each page that is not there
  /// is a wait for the disk. More than 2 GB would cost every start, which touches 64 bytes for each page.
  var configuration: String {
    let megabytes = memoryBytes >> 20
    var lines = [
      "# Written by Daybook at each start. Put your own settings in with ALTER SYSTEM; they win over this file.",
      "listen_addresses = ''",
      "unix_socket_directories = \(Self.quote(Self.quoteListed(socketDirectory)))",
      "unix_socket_permissions = 0700",
      "cluster_name = 'daybook'",
      "max_connections = \(durability == .durable ? 60 : 120)",
      "",
      "shared_buffers = \(min(max(megabytes / 8, 32), durability == .durable ? 2_048 : 128))MB",
      "effective_cache_size = \(max(megabytes / 2, 64))MB",
      "work_mem = \(min(max(megabytes / 128, 4), 64))MB",
      "maintenance_work_mem = \(min(max(megabytes / 16, 32), 512))MB",
      "dynamic_shared_memory_type = \(sharedMemoryBytes >= 256 << 20 ? "posix" : "mmap")",
      "",
      "wal_level = minimal",
      "max_wal_senders = 0",
      "max_logical_replication_workers = 0",
      "max_wal_size = 4GB",
      "checkpoint_timeout = 15min",
    ]
    switch durability {
    case .durable: lines += ["fsync = on", "full_page_writes = on", "synchronous_commit = on"]
    case .throwaway: lines += ["fsync = off", "full_page_writes = off", "synchronous_commit = off", "autovacuum = off"]
    }
    lines += [
      "",
      "jit = off",
      "random_page_cost = 1.1",
      "client_connection_check_interval = 1s",
      "",
      "log_checkpoints = off",
      "log_line_prefix = '%m [%p] '",
      "log_timezone = 'UTC'",
      "timezone = 'UTC'",
      "datestyle = 'iso, ymd'",
      "lc_messages = 'C'",
      "lc_monetary = 'C.UTF-8'",
      "lc_numeric = 'C.UTF-8'",
      "lc_time = 'C.UTF-8'",
      "default_text_search_config = 'pg_catalog.english'",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  /// The text of pg_hba.conf: peers on the unix socket and nothing else; no replication.
  var access: String {
    let method = durability == .durable ? "peer map=daybook" : "trust"
    return "# Written by Daybook at each start.\nlocal all all \(method)\n"
  }

  /// The text of pg_ident.conf: the users of the operating system that are the role `daybook`.
  static func identities(owner: String) -> String {
    let users = owner == "root" ? ["root"] : ["root", owner]
    return "# Written by Daybook at each start.\n"
      + users.map { "daybook \"\($0)\" \(role)\n" }.joined()
  }

  /// The role, and the database it owns.
  static let role = "daybook"
  static let database = "daybook"

  /// A quoted value of postgresql.conf.
  static func quote(_ value: String) -> String {
    "'" + value.map { $0 == "'" ? "''" : $0 == "\\" ? "\\\\" : String($0) }.joined() + "'"
  }

  /// One entry of a list value; quoted, a comma or blank in the path does not end it.
  static func quoteListed(_ value: String) -> String {
    "\"" + value.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
  }

  /// The URL of the server behind a socket directory.
  ///
  /// The port is named so that a `PGPORT` in a caller's environment changes nothing.
  static func url(socketDirectory: String) -> String {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/".utf8)
    let digits = Array("0123456789ABCDEF")
    let host = socketDirectory.utf8.map { byte in
      plain.contains(byte)
        ? String(UnicodeScalar(byte)) : "%" + String(digits[Int(byte >> 4)]) + String(digits[Int(byte & 15)])
    }
    return "postgresql:///\(database)?host=\(host.joined())&port=\(port)&user=\(role)"
  }

  /// The number in the socket's name; every cluster has a socket directory of its own.
  static let port = 5432
}
