// Connecting: hosts are tried in order, each address with its own deadline, because PQconnectPoll has none and
// stays for ever with a host that accepts and never answers. Names are looked up beforehand on a thread.
// As in libpq, a server that answers and refuses who we are ends the search; one that cannot serve does not.

internal import CLibPQ

extension PostgresConnection {
  /// Connects to the first host that serves.
  ///
  /// - Throws: `unreachable`, `authentication`, `timeout`, `server` (no such database) or `cancelled`. With several
  ///   hosts the message names the failure of each.
  public static func connect(
    _ configuration: PostgresConfiguration
  ) async throws(PostgresError) -> PostgresConnection {
    var failures: [PostgresError] = []
    for target in configuration.targets {
      do {
        return try await connect(configuration, target: target)
      } catch {
        failures.append(error)
        if [.authentication, .server, .cancelled].contains(error.kind) { break }
      }
    }
    guard var last = failures.last else { throw PostgresError(.misuse, "the database URL names no host") }
    if failures.count > 1 { last.message = failures.map(\.message).joined(separator: "; ") }
    throw last
  }

  private static func connect(
    _ configuration: PostgresConfiguration, target: PostgresConfiguration.Target
  ) async throws(PostgresError) -> PostgresConnection {
    guard let host = target.host, target.address == nil, !host.hasPrefix("/"), !host.hasPrefix("@") else {
      return try await attempt(configuration, target)
    }
    let addresses = try await lookUpAddresses(of: host, until: .now + configuration.connectTimeout)
    var last: PostgresError?
    for address in addresses {
      var resolved = target
      resolved.address = address
      do {
        return try await attempt(configuration, resolved)
      } catch {
        last = error
        if [.authentication, .server, .cancelled].contains(error.kind) { break }
      }
    }
    throw last ?? PostgresError(.unreachable, "\(target.place): no address")
  }

  private static func attempt(
    _ configuration: PostgresConfiguration, _ target: PostgresConfiguration.Target
  ) async throws(PostgresError) -> PostgresConnection {
    let deadline = ContinuousClock.now + configuration.connectTimeout
    let parameters = configuration.parameters(for: target)
    guard let raw = withCStrings(parameters, { PQconnectStartParams($0, $1, 0) }) else {
      throw PostgresError(.unreachable, "\(target.place): out of memory")
    }
    let handle = ConnectionHandle(adopting: raw)
    PQsetErrorVerbosity(raw, PQERRORS_VERBOSE)
    handle.silenceNotices()
    var step = handle.isBroken ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING
    while step != PGRES_POLLING_OK {
      guard step == PGRES_POLLING_READING || step == PGRES_POLLING_WRITING else {
        throw PostgresError(connectMessage: handle.message, place: target.place)
      }
      let interest: SocketInterest = step == PGRES_POLLING_READING ? .read : .write
      switch await SocketWatcher.shared.wait(socket: handle.socket, for: interest, until: deadline) {
      case .ready: break
      case .timedOut:
        throw PostgresError(.timeout, "\(target.place): no answer within \(configuration.connectTimeout)")
      case .cancelled: throw PostgresError(.cancelled, "\(target.place): connecting was cancelled")
      case .failed: throw PostgresError(.unreachable, "\(target.place): the socket cannot be watched")
      }
      step = PQconnectPoll(raw)
    }
    PQsetErrorVerbosity(raw, PQERRORS_DEFAULT)
    guard PQsetnonblocking(raw, 1) == 0 else {
      throw PostgresError(.unreachable, "\(target.place): \(handle.message)")
    }
    return PostgresConnection(adopting: handle, cancelTimeout: configuration.cancelTimeout)
  }
}

/// Keywords and values as two null-terminated arrays of C strings.
private func withCStrings(
  _ pairs: [(String, String)],
  _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> OpaquePointer?
) -> OpaquePointer? {
  var bytes: [CChar] = []
  var offsets: [(Int, Int)] = []
  for (key, value) in pairs {
    let start = bytes.count
    bytes.append(contentsOf: key.utf8CString)
    offsets.append((start, bytes.count))
    bytes.append(contentsOf: value.utf8CString)
  }
  return bytes.withUnsafeBufferPointer { buffer in
    let keys: [UnsafePointer<CChar>?] = offsets.map { offset in buffer.baseAddress.map { $0 + offset.0 } } + [nil]
    let values: [UnsafePointer<CChar>?] = offsets.map { offset in buffer.baseAddress.map { $0 + offset.1 } } + [nil]
    return keys.withUnsafeBufferPointer { keys in
      values.withUnsafeBufferPointer { values in
        guard let keys = keys.baseAddress, let values = values.baseAddress else { return nil }
        return body(keys, values)
      }
    }
  }
}
