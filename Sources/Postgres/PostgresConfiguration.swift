// stub
public struct PostgresConfiguration: Sendable {
  public var connectTimeout: Duration = .seconds(5)
  public var redactedURL: String { "" }
  public var sessionSettings: [String: String] = [:]
  public init(url: String, applicationName: String = "daybook") throws(PostgresError) {}
}
