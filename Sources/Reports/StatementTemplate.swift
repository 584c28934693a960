// A report's SQL with its two parameters, `:as_of` and `:time_zone`, made into typed PostgreSQL parameters.
// Values never become part of the text. Where a text names a parameter is elsewhere: NamedParameters.

internal import Definitions
internal import Money
internal import Postgres

/// A statement with numbered parameters.
struct StatementTemplate: Sendable, Hashable {
  /// What a definition may speak of.
  enum Parameter: String, Sendable, Hashable, CaseIterable {
    case asOf = "as_of"
    case timeZone = "time_zone"

    var sqlType: String { self == .asOf ? "date" : "text" }
  }

  /// The text with `$1::date` in place of `:as_of`, without a final semicolon.
  let sql: String
  /// The parameters in the order of their numbers.
  let parameters: [Parameter]
  /// Names after a colon that are no parameter, in order; a definition with one is wrong.
  let unknownParameters: [String]

  /// Reads a statement.
  init(_ source: String) {
    let found = NamedParameters(in: source)
    let bytes = Array(source.utf8)
    var output: [UInt8] = []
    var parameters: [Parameter] = []
    var unknown: [String] = []
    var place = 0
    for mention in found.mentions {
      guard let parameter = Parameter(rawValue: mention.name) else {
        unknown.append(mention.name)
        continue
      }
      if !parameters.contains(parameter) { parameters.append(parameter) }
      let number = (parameters.firstIndex(of: parameter) ?? 0) + 1
      output += bytes[place..<mention.bytes.lowerBound]
      output += Array("$\(number)::\(parameter.sqlType)".utf8)
      place = mention.bytes.upperBound
    }
    // A final semicolon would end the statement inside the text that is put around it.
    output += bytes[place..<found.statementBytes]
    sql = String(decoding: output, as: UTF8.self)
    self.parameters = parameters
    unknownParameters = unknown
  }

  /// The values in the order of their numbers.
  func values(asOf: CivilDate, timeZone: String) -> [PostgresValue] {
    parameters.map { parameter in
      switch parameter {
      case .asOf: .date(daysSince1970: Int32(clamping: asOf.daysSince1970))
      case .timeZone: .text(timeZone)
      }
    }
  }
}
