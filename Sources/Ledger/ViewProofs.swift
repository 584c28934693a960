// How far the proof of each rollup has come: totals that were found equal in state and table, from where the journal
// carries on, and the slices of its groups that were recomputed.
// Invariant: a proof only says what was compared; whoever reads it asks whether the definition is still the same.

public import Postgres

/// What was last proven of a rollup.
public struct ViewProof: Sendable, Hashable {
  /// The hash of the definition that it is about.
  public var definitionHash: String
  /// The last batch in the totals; nil before totals were proven.
  public var batch: Int64?
  /// The totals of state and table as exact decimals; nil before totals were proven.
  public var totals: [String]?
  /// For each slice the view's data version at which it was last found equal to a recompute; 0 for never.
  public var sliceVersions: [Int64]

  /// Creates a proof.
  public init(definitionHash: String, batch: Int64? = nil, totals: [String]? = nil, sliceVersions: [Int64]) {
    self.definitionHash = definitionHash
    self.batch = batch
    self.totals = totals
    self.sliceVersions = sliceVersions
  }
}

/// What was last proven of each rollup.
public enum ViewProofs {
  /// What was last proven of a rollup.
  public static func current(of view: String, on connection: PostgresConnection) async throws(PostgresError)
    -> ViewProof?
  {
    let rows = try await connection.query(
      "SELECT definition_hash, batch, coalesce(totals, '{}'), totals IS NULL, slice_versions FROM daybook.view_proof WHERE view = $1",
      [.text(view)])
    guard let row = rows.first else { return nil }
    return ViewProof(
      definitionHash: try row.decode(0), batch: try row.decode(1),
      totals: try row.decode(3, as: Bool.self) ? nil : try row.decode(2), sliceVersions: try row.decode(4))
  }

  /// Records what was proven of a rollup.
  public static func record(_ proof: ViewProof, of view: String, on connection: PostgresConnection)
    async throws(PostgresError)
  {
    try await connection.execute(
      """
      INSERT INTO daybook.view_proof (view, definition_hash, batch, totals, slice_versions) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (view) DO UPDATE SET definition_hash = excluded.definition_hash, batch = excluded.batch,
        totals = excluded.totals, slice_versions = excluded.slice_versions, proven_at = clock_timestamp()
      """,
      [
        .text(view), .text(proof.definitionHash), .optional(int8: proof.batch),
        proof.totals.map { .textArray($0) } ?? .null, .int8Array(proof.sliceVersions),
      ])
  }
}
