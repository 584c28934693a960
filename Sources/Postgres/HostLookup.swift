// Names to addresses, on a thread: libpq would look names up inside PQconnectStart and block its caller.
// A socket path, an abstract socket and a host given with its address need no lookup.

internal import Glibc

/// The numeric addresses of a host, in the resolver's order.
///
/// - Throws: `unreachable` when there is none, `timeout` when the resolver does not answer in time.
func lookUpAddresses(
  of host: String, until deadline: ContinuousClock.Instant, isolation: isolated (any Actor)? = #isolation
) async throws(PostgresError) -> [String] {
  let answer = await onBlockingThread(until: deadline) { resolveBlocking(host) }
  guard let answer else { throw PostgresError(.timeout, "\(host): the name was not resolved in time") }
  guard !answer.addresses.isEmpty else {
    throw PostgresError(.unreachable, "\(host): the name cannot be resolved: \(answer.reason)")
  }
  return answer.addresses
}

private struct LookupAnswer: Sendable {
  var addresses: [String] = []
  var reason = "no address"
}

private func resolveBlocking(_ host: String) -> LookupAnswer {
  var hints = addrinfo()
  hints.ai_family = AF_UNSPEC
  hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
  var list: UnsafeMutablePointer<addrinfo>?
  let code = getaddrinfo(host, nil, &hints, &list)
  var answer = LookupAnswer()
  guard code == 0 else {
    answer.reason = string(gai_strerror(code)) ?? "error \(code)"
    return answer
  }
  defer { freeaddrinfo(list) }
  var entry = list
  while let current = entry {
    var text = [CChar](repeating: 0, count: 1_025)
    let isNamed = getnameinfo(
      current.pointee.ai_addr, current.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
    if isNamed == 0 {
      let address = text.withUnsafeBufferPointer { string($0.baseAddress) } ?? ""
      if !answer.addresses.contains(address) { answer.addresses.append(address) }
    }
    entry = current.pointee.ai_next
  }
  return answer
}
