// What an experiment found: named samples, what each is compared with, and the exact statistics of both.
// Invariant: sides that were timed in the same rounds are compared round by round, and the ratio is the middle of
// the rounds' ratios; only what was not measured in pairs is compared by its middles. How samples are taken is in
// `Rounds.swift`, how they are shown in `ExperimentText.swift`.

/// The middle, the least and the most of some samples.
public struct Spread: Sendable, Hashable {
  /// The middle one, or halfway between the two in the middle.
  public var median: Double
  /// The least.
  public var minimum: Double
  /// The most.
  public var maximum: Double

  /// The spread of `samples`; nil when there are none.
  public init?(_ samples: [Double]) {
    let sorted = samples.sorted()
    guard let first = sorted.first, let last = sorted.last else { return nil }
    median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    minimum = first
    maximum = last
  }
}

/// What a measurement should come to.
public enum MeasurementTarget: Sendable, Hashable {
  /// The ratio to what it is compared with, at most.
  case ratio(Double)
  /// The value itself, at most.
  case value(Double)

  /// The number that must not be exceeded.
  public var limit: Double {
    switch self {
    case .ratio(let limit), .value(let limit): limit
    }
  }
}

/// One side of an experiment.
public struct Measurement: Sendable, Hashable {
  /// What was measured, in one word.
  public var name: String
  /// The unit of the samples.
  public var unit: String
  /// One for each round, in the order of the rounds.
  public var samples: [Double]
  /// The measurement of the same experiment that this one is compared with.
  public var against: String?
  /// What it should come to.
  public var target: MeasurementTarget?

  /// Creates a measurement.
  public init(
    _ name: String, unit: String, samples: [Double], against: String? = nil, target: MeasurementTarget? = nil
  ) {
    self.name = name
    self.unit = unit
    self.samples = samples
    self.against = against
    self.target = target
  }
}

/// What one experiment found.
public struct ExperimentResult: Sendable, Hashable {
  /// Which one.
  public var experiment: String
  /// What was compared, in a sentence.
  public var title: String
  /// Rows of the file.
  public var rows: Int
  /// Bytes of the file.
  public var bytes: Int
  /// The sides, baselines first.
  public var measurements: [Measurement]
  /// What a reader must know to read the figures rightly.
  public var notes: [String]
  /// The middles once more, where they are read together; the first row names the columns.
  public var table: [[String]] = []

  /// Creates a result.
  public init(
    _ experiment: IngestExperiment, title: String, rows: Int, bytes: Int, measurements: [Measurement],
    notes: [String] = []
  ) {
    self.init(
      named: experiment.rawValue, title: title, rows: rows, bytes: bytes, measurements: measurements, notes: notes)
  }

  /// Creates a result of an experiment by its name.
  public init(
    named experiment: String, title: String, rows: Int, bytes: Int, measurements: [Measurement], notes: [String] = []
  ) {
    self.experiment = experiment
    self.title = title
    self.rows = rows
    self.bytes = bytes
    self.measurements = measurements
    self.notes = notes
  }

  /// How `measurement` compares with what it is compared with: samples of the same round in pairs where both have
  /// as many, the middles otherwise. Nil when it is compared with nothing, or with zero.
  public func ratio(of measurement: Measurement) -> Spread? {
    guard let name = measurement.against, let base = measurements.first(where: { $0.name == name }) else { return nil }
    return ratios(measurement.samples, base.samples)
  }

  /// Whether the target was met; nil without one, or without what it is about.
  public func isMet(_ measurement: Measurement) -> Bool? {
    switch measurement.target {
    case nil: nil
    case .ratio(let limit): ratio(of: measurement).map { $0.median <= limit }
    case .value(let limit): Spread(measurement.samples).map { $0.median <= limit }
    }
  }
}

/// The spread of the ratios of `samples` to `base`.
func ratios(_ samples: [Double], _ base: [Double]) -> Spread? {
  if samples.count == base.count {
    guard base.allSatisfy({ $0 > 0 }) else { return nil }
    return Spread(zip(samples, base).map { $0 / $1 })
  }
  guard let middle = Spread(samples)?.median, let other = Spread(base)?.median, other > 0 else { return nil }
  return Spread([middle / other])
}

/// A measured number with three digits behind the point.
public func fixed(_ value: Double) -> String {
  guard value.isFinite, abs(value) < 1e15 else { return "0.000" }
  let thousandths = Int((value * 1000).rounded())
  let fraction = String(thousandths.magnitude % 1000)
  let sign = thousandths < 0 ? "-" : ""
  return "\(sign)\(thousandths.magnitude / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
}
