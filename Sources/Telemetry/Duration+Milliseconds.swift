// Durations in the unit in which the ledger, messages and JSON give them.

extension Duration {
  /// Whole milliseconds; what is left over is dropped.
  public var milliseconds: Int {
    Int(components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000)
  }
}
