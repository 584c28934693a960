// Where and as whom to connect, read from a libpq URL or keyword string. Read by libpq's own parser, so that every
// form psql takes is taken; its messages may quote pieces of the text, so they are never passed on.
// The password stays inside: no description, error or `redactedURL` shows it.

internal import CLibPQ

/// How to reach a server.
public struct PostgresConfiguration: Sendable, CustomStringConvertible {
  /// How long one host may take to answer; each host, and each address of a host, has its own deadline.
  public var connectTimeout: Duration = .seconds(10)
  /// Settings every session starts with, such as `TimeZone`; a reset of the session returns to them.
  public var sessionSettings: [String: String] = [:]
  /// How long the server may take to confirm a cancel before the connection is given up.
  public var cancelTimeout: Duration = .seconds(5)

  /// A host and port to try, in order.
  struct Target: Sendable, Hashable {
    var host: String?
    var address: String?
    var port: String?
    /// For messages.
    var place: String {
      guard let host = host ?? address else { return "the local socket" }
      return host.hasPrefix("/") ? host : "\(host):\(port ?? "5432")"
    }
  }

  /// Keyword and value, without host, address, port and timeout.
  var options: [String: String]
  var targets: [Target]

  /// Reads a `postgresql://` URL or a `key=value` string.
  ///
  /// - Throws: `misuse` when it cannot be read; the text itself is not repeated.
  public init(url: String, applicationName: String = "daybook") throws(PostgresError) {
    var given = try Self.parse(url)
    var defaults: [String: String] = [:]
    if let list = PQconndefaults() {
      defaults = Self.values(list)
      PQconninfoFree(list)
    }
    if given["service"] == nil {
      for key in ["host", "hostaddr", "port"] where given[key] == nil { given[key] = defaults[key] }
    }
    if let seconds = given["connect_timeout"].flatMap({ Int($0) }), seconds > 0 { connectTimeout = .seconds(seconds) }
    targets = try Self.targets(given)
    for key in ["host", "hostaddr", "port", "connect_timeout"] { given[key] = nil }
    if given["application_name"] == nil { given["application_name"] = applicationName }
    // Kerberos encryption would look for credentials, blocking, before every connect over TCP.
    if given["gssencmode"] == nil, defaults["gssencmode"] ?? "prefer" == "prefer" { given["gssencmode"] = "disable" }
    given["client_encoding"] = "UTF8"
    options = given
  }

  /// The same place as a URL, the password left out.
  public var redactedURL: String {
    let isSocket = targets.first?.host.map { $0.hasPrefix("/") || $0.hasPrefix("@") } ?? true
    var text = "postgresql://"
    if let user = options["user"] { text += user + (options["password"] == nil ? "@" : ":***@") }
    if !isSocket {
      text += targets.map { ($0.host ?? $0.address ?? "") + ($0.port.map { ":\($0)" } ?? "") }.joined(separator: ",")
    }
    text += "/" + (options["dbname"] ?? options["user"] ?? "")
    if isSocket, let host = targets.first?.host {
      text += "?host=\(host)" + (targets.first?.port.map { "&port=\($0)" } ?? "")
    }
    return text
  }

  /// For a program such as psql: all but the password as a keyword string, and the password in its environment,
  /// because the machine shows command lines to everybody.
  public func handedToProgram() -> (connection: String, environment: [String: String]) {
    var words = options
    let password = words.removeValue(forKey: "password")
    let places = [("host", targets.map(\.host)), ("hostaddr", targets.map(\.address)), ("port", targets.map(\.port))]
    for (key, parts) in places
    where parts.contains(where: { $0 != nil }) {
      words[key] = parts.map { $0 ?? "" }.joined(separator: ",")
    }
    let text = words.sorted { $0.key < $1.key }.map { "\($0.key)='\(Self.escapedValue($0.value))'" }
    return (text.joined(separator: " "), password.map { ["PGPASSWORD": $0] } ?? [:])
  }

  private static func escapedValue(_ value: String) -> String {
    value.reduce(into: "") { text, character in
      if character == "'" || character == "\\" { text.append("\\") }
      text.append(character)
    }
  }

  /// The same as `redactedURL`.
  public var description: String { redactedURL }

  /// Keywords and values for one attempt at `target`.
  func parameters(for target: Target) -> [(String, String)] {
    var all = options
    all["host"] = target.host
    all["hostaddr"] = target.address
    all["port"] = target.port
    var settings = ["standard_conforming_strings": "on", "DateStyle": "ISO"]
    settings.merge(sessionSettings) { $1 }
    // Start-up options are what RESET and DISCARD return to, which a SET after connecting is not.
    let flags = settings.sorted { $0.key < $1.key }.map { "-c \($0.key)=\(Self.escapedOption($0.value))" }
    all["options"] = ([all["options"]].compactMap { $0 } + flags).joined(separator: " ")
    return all.sorted { $0.key < $1.key }
  }

  private static func escapedOption(_ value: String) -> String {
    value.reduce(into: "") { text, character in
      if character == " " || character == "\\" { text.append("\\") }
      text.append(character)
    }
  }

  private static func parse(_ url: String) throws(PostgresError) -> [String: String] {
    var reason: UnsafeMutablePointer<CChar>?
    guard let list = PQconninfoParse(url, &reason) else {
      PQfreemem(reason)
      throw PostgresError(
        .misuse, "the database URL cannot be read; it looks like postgresql://user:password@host:5432/name")
    }
    defer { PQconninfoFree(list) }
    return values(list)
  }

  private static func values(_ list: UnsafeMutablePointer<PQconninfoOption>) -> [String: String] {
    var all: [String: String] = [:]
    var option = list
    while let keyword = option.pointee.keyword {
      if let value = string(option.pointee.val), !value.isEmpty { all[String(cString: keyword)] = value }
      option += 1
    }
    return all
  }

  private static func targets(_ given: [String: String]) throws(PostgresError) -> [Target] {
    func parts(_ key: String) -> [String?] {
      guard let text = given[key] else { return [] }
      return text.split(separator: ",", omittingEmptySubsequences: false).map { $0.isEmpty ? nil : String($0) }
    }
    let hosts = parts("host")
    let addresses = parts("hostaddr")
    let ports = parts("port")
    let count = max(hosts.count, addresses.count, 1)
    guard hosts.isEmpty || hosts.count == count, addresses.isEmpty || addresses.count == count else {
      throw PostgresError(.misuse, "the database URL names \(hosts.count) hosts but \(addresses.count) addresses")
    }
    guard ports.count <= 1 || ports.count == count else {
      throw PostgresError(.misuse, "the database URL names \(count) hosts but \(ports.count) ports")
    }
    return (0..<count).map { index in
      Target(
        host: hosts.isEmpty ? nil : hosts[index], address: addresses.isEmpty ? nil : addresses[index],
        port: ports.isEmpty ? nil : ports[ports.count == 1 ? 0 : index])
    }
  }
}
