// What checks found, as lines and as JSON. Values come from data: what a terminal would obey is made visible.

internal import Finding
internal import Ledger

enum CheckText {
  static func lines(_ failures: [CheckFailure]) -> [String] {
    failures.flatMap { failure in
      var head = "check     \(failure.name): \(failure.test)  \(failure.isError ? "error" : "warning")"
      if failure.isRepaired { head += ", repaired" }
      var lines = [head, "          \(visible(failure.message))"]
      if let state = failure.sqlState { lines.append("          SQLSTATE \(state)") }
      if let position = failure.position { lines.append("          defined at \(position)") }
      lines += failure.examples.map { "          \(visible($0.sentence))" }
      if let rows = failure.failingRows, rows > failure.examples.count, !failure.examples.isEmpty {
        lines.append("          and \(rows - failure.examples.count) more")
      }
      return lines
    }
  }

  static func json(_ failure: CheckFailure) -> JSONValue {
    [
      "name": .string(failure.name), "test": .string(failure.test),
      "severity": .string(failure.isError ? "error" : "warn"), "failing_rows": .optional(failure.failingRows),
      "message": .string(failure.message), "position": .optional(failure.position),
      "sqlstate": .optional(failure.sqlState), "repaired": .bool(failure.isRepaired),
      "examples": .array(
        failure.examples.map { example in
          .object(
            zip(example.columns, example.values).map { JSONValue.Member($0, $1.map { .string($0) } ?? .null) })
        }),
    ]
  }
}
