// An experiment's result for people, as an aligned table, and for programs, as the members of --json.

public import Ledger

/// Shows results.
public enum ExperimentText {
  private static let header = ["name", "median", "min", "max", "unit", "against", "ratio", "min..max", "target"]
  /// Columns of words stand left, columns of numbers right.
  private static let leftColumns: Set = [0, 4, 5, 7, 8]

  /// The lines of a result.
  public static func lines(_ result: ExperimentResult) -> [String] {
    var rows = [header]
    for measurement in result.measurements {
      let spread = Spread(measurement.samples)
      let ratio = result.ratio(of: measurement)
      rows.append([
        measurement.name, spread.map { fixed($0.median) } ?? "-", spread.map { fixed($0.minimum) } ?? "-",
        spread.map { fixed($0.maximum) } ?? "-", measurement.unit, measurement.against ?? "",
        ratio.map { fixed($0.median) } ?? "", ratio.map { "\(fixed($0.minimum))..\(fixed($0.maximum))" } ?? "",
        target(measurement, isMet: result.isMet(measurement)),
      ])
    }
    var about = "\(result.experiment): \(result.title)"
    if result.rows > 0 { about += " (file: \(result.rows) rows, \(result.bytes) bytes)" }
    return [about] + aligned(rows).map { "  \($0)" } + aligned(result.table, left: []).map { "  \($0)" }
      + result.notes.map { "  note: \($0)" }
  }

  /// The lines of the machine's figures, a few on each.
  public static func lines(_ machine: MachineFigures) -> [String] {
    let words = machine.figures.map { "\($0.name) \($0.value)" }
    return stride(from: 0, to: words.count, by: 6).map { start in
      (start == 0 ? "machine: " : "         ") + words[start..<min(start + 6, words.count)].joined(separator: ", ")
    }
  }

  private static func target(_ measurement: Measurement, isMet: Bool?) -> String {
    switch (measurement.target, isMet) {
    case (nil, _): ""
    case (.ratio(let limit)?, let met): "ratio <= \(fixed(limit))" + word(met)
    case (.value(let limit)?, let met): "<= \(fixed(limit)) \(measurement.unit)" + word(met)
    }
  }

  private static func word(_ isMet: Bool?) -> String { isMet.map { $0 ? ": met" : ": missed" } ?? "" }

  /// The rows with every column as wide as its widest field; nothing behind the last word.
  ///
  /// - Parameter left: the columns that stand left.
  static func aligned(_ rows: [[String]], left: Set<Int> = leftColumns) -> [String] {
    let widths = (0..<(rows.first?.count ?? 0)).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, field) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - field.count)
        line += (column == 0 ? "" : "  ") + (left.contains(column) ? field + space : space + field)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// `experiment` and `results`, with what else is known of them.
  ///
  /// - Parameter isOneOfMany: whether names carry the experiment's, because other experiments are beside it.
  public static func results(_ result: ExperimentResult, isOneOfMany: Bool = false) -> [JSONValue] {
    let prefix = isOneOfMany ? "\(result.experiment)." : ""
    return result.measurements.map { measurement in
      let spread = Spread(measurement.samples)
      let ratio = result.ratio(of: measurement)
      return [
        "name": .string(prefix + measurement.name), "value": number(spread?.median),
        "unit": .string(measurement.unit), "against": .optional(measurement.against.map { prefix + $0 }),
        "ratio": number(ratio?.median), "min": number(spread?.minimum), "max": number(spread?.maximum),
        "ratio_min": number(ratio?.minimum), "ratio_max": number(ratio?.maximum),
        "rounds": .integer(measurement.samples.count), "target": number(measurement.target?.limit),
        "target_met": result.isMet(measurement).map { .bool($0) } ?? .null,
      ]
    }
  }

  /// The object of `--json`.
  public static func json(_ results: [ExperimentResult], machine: MachineFigures) -> JSONValue {
    let isOne = results.count == 1
    return [
      "experiment": .string(results.map(\.experiment).joined(separator: ",")),
      "results": .array(results.flatMap { Self.results($0, isOneOfMany: !isOne) }),
      "files": .array(
        results.map {
          [
            "experiment": .string($0.experiment), "rows": .integer($0.rows), "bytes": .integer($0.bytes),
            "notes": .array($0.notes.map { .string($0) }),
          ]
        }), "machine": machine.json,
    ]
  }

  private static func number(_ value: Double?) -> JSONValue { value.map { .number(fixed($0)) } ?? .null }
}
