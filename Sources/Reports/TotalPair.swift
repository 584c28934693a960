// Two totals that ought to be equal, and the server's word on whether they are and by how much they differ.
// Invariant: no digit is lost before they are compared: what no exact decimal holds (more than 38 digits, NaN, Infinity)
// is compared as the server's numeric, and shown as its text. What cannot be compared has no difference, which
// `Comparison` counts as one.

internal import Money
internal import Postgres

/// Two totals of one name.
struct TotalPair: Sendable {
  /// What stands before them in the line.
  var labels: [Figure]
  /// The total that the other one is compared with, as the server writes it.
  var expected: String
  /// The total in question; nil where it is not known.
  var found: String?

  /// A total as the server writes it.
  static func text(_ value: PostgresValue) -> String {
    if case .numeric(let number) = value { number.description } else { Figure(value).plainText }
  }

  private static func figure(_ text: String?) -> Figure {
    guard let text else { return .missing }
    return PostgresNumeric(text).map { Figure(.numeric($0)) } ?? .numeral(text)
  }

  /// The lines: the labels, both totals, and the second less the first.
  static func lines(_ pairs: [TotalPair], on connection: PostgresConnection) async throws(PostgresError) -> [[Figure]] {
    let rows = try await connection.query(
      """
      SELECT found = expected, CASE WHEN found = expected AND found IN ('NaN', 'Infinity', '-Infinity') THEN 0
        ELSE found - expected END
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (x, y, place),
        LATERAL (SELECT x::numeric AS expected, y::numeric AS found) AS n ORDER BY place
      """, [.textArray(pairs.map(\.expected)), .textArray(pairs.map(\.found))])
    var lines: [[Figure]] = []
    for (pair, row) in zip(pairs, rows) {
      let value = try row.value(at: 1)
      var difference = Figure(value)
      // One beyond the last digit that a figure has is still one.
      if difference.number?.isZero == true, try row.decode(0, as: Bool?.self) != true {
        difference = .numeral(text(value))
      }
      lines.append(pair.labels + [figure(pair.expected), figure(pair.found), difference])
    }
    return lines
  }
}
