// How far the proof of each rollup has come: totals that were found equal in state and table, from where the journal
// carries on, and the slices of its groups that were recomputed, in the order in which they were.
// Invariant: a proof only says what was compared; whoever reads it asks whether the definition is still the same.

public import Money
public import Postgres

/// One slice of a rollup's groups that was found equal to a recompute.
public struct SliceProof: Sendable, Hashable {
  /// Which one, from 0.
  public var number: Int
  /// The view's data version at which it was.
  public var version: Int64
  /// The business date of the night; nil where an older program did not say.
  public var night: CivilDate?

  /// Creates the proof of a slice.
  public init(number: Int, version: Int64, night: CivilDate?) {
    self.number = number
    self.version = version
    self.night = night
  }
}

/// What was last proven of a rollup.
public struct ViewProof: Sendable, Hashable {
  /// The hash of the definition that it is about.
  public var definitionHash: String
  /// The last batch in the totals; nil before totals were proven.
  public var batch: Int64?
  /// The totals of state and table as exact decimals; nil before totals were proven.
  public var totals: [String]?
  /// The last proof of each slice that has one, the oldest first.
  public internal(set) var slices: [SliceProof] = []

  /// Creates a proof of nothing yet.
  public init(definitionHash: String) { self.definitionHash = definitionHash }
}

/// What was last proven of each rollup.
public enum ViewProofs {
  /// What was last proven of a rollup.
  public static func current(of view: String, on connection: PostgresConnection) async throws(PostgresError)
    -> ViewProof?
  {
    let rows = try await connection.query(
      "SELECT definition_hash, batch, coalesce(totals, '{}'), totals IS NULL FROM daybook.view_proof WHERE view = $1",
      [.text(view)])
    guard let row = rows.first else { return nil }
    var proof = ViewProof(definitionHash: try row.decode(0))
    proof.batch = try row.decode(1)
    proof.totals = try row.decode(3, as: Bool.self) ? nil : try row.decode(2)
    let slices = try await connection.query(
      """
      SELECT slice, version, night FROM daybook.slice_proof WHERE view = $1 AND definition_hash = $2 ORDER BY proof_id
      """, [.text(view), .text(proof.definitionHash)])
    for row in slices {
      var slice = SliceProof(number: try row.decode(0), version: try row.decode(1), night: nil)
      if case .date(let days) = try row.value(at: 2) { slice.night = CivilDate(daysSince1970: Int(days)) }
      proof.slices.append(slice)
    }
    return proof
  }

  /// Records what was proven of a rollup.
  ///
  /// - Parameter slice: what was proven now; it becomes the newest of all.
  public static func record(
    _ proof: ViewProof, of view: String, slice: SliceProof? = nil, on connection: PostgresConnection
  ) async throws(PostgresError) {
    try await connection.execute(
      """
      INSERT INTO daybook.view_proof (view, definition_hash, batch, totals) VALUES ($1, $2, $3, $4)
      ON CONFLICT (view) DO UPDATE SET definition_hash = excluded.definition_hash, batch = excluded.batch,
        totals = excluded.totals, proven_at = clock_timestamp()
      """,
      [
        .text(view), .text(proof.definitionHash), .optional(int8: proof.batch),
        proof.totals.map { .textArray($0) } ?? .null,
      ])
    guard let slice else { return }
    try await connection.execute(
      """
      INSERT INTO daybook.slice_proof (view, slice, definition_hash, version, night) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (view, slice) DO UPDATE SET definition_hash = excluded.definition_hash, version = excluded.version,
        night = excluded.night, proof_id = DEFAULT
      """,
      [
        .text(view), .int8(Int64(slice.number)), .text(proof.definitionHash), .int8(slice.version),
        slice.night.map { .date(daysSince1970: Int32(clamping: $0.daysSince1970)) } ?? .null,
      ])
  }
}
