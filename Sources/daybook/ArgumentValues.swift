// Values of the rooms below as they are written on the command line.

public import ArgumentParser
public import Definitions
public import Money

/// `2026-11-20`.
extension CivilDate: ExpressibleByArgument {
  /// Reads what was typed; nil is a usage error.
  public init?(argument: String) { self.init(argument) }
}

/// `0.02`.
extension ExactDecimal: ExpressibleByArgument {
  /// Reads what was typed; nil is a usage error.
  public init?(argument: String) { self.init(argument) }
}

/// `ingest`, `refresh`, `check`, `report`.
extension StageDefinition.Kind: ExpressibleByArgument {}
