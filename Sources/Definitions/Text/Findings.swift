// Everything found while one project is read, in the order it was found.
// Invariant: reading goes on after an error with the nearest harmless value, so that one look shows them all.
// Sorting and rendering are elsewhere.

internal import Finding

/// Collects diagnostics during one read; confined to the thread that reads.
final class Findings {
  private(set) var all: [Diagnostic] = []
  /// The names of files that could not be read at all; what mentions them is not wrong for that.
  private(set) var lostNames: Set<String> = []

  func lose(_ file: String) {
    lostNames.insert(String(file.split(separator: "/").last?.prefix { $0 != "." } ?? ""))
  }

  /// Values that came from the environment; none is ever shown.
  private(set) var redaction = Redaction()

  func hide(_ value: String, writtenAs reference: String) { redaction.hide(value, writtenAs: reference) }

  private func redacted(_ diagnostic: Diagnostic) -> Diagnostic {
    var diagnostic = diagnostic
    diagnostic.message = redaction.redacted(diagnostic.message)
    diagnostic.notes = diagnostic.notes.map { redaction.redacted($0) }
    diagnostic.fix = diagnostic.fix.map { redaction.redacted($0) }
    return diagnostic
  }

  var hasErrors: Bool { all.contains { $0.severity == .error } }

  func error(
    _ code: String, at position: SourcePosition?, _ message: String, notes: [String] = [], fix: String? = nil
  ) {
    all.append(Diagnostic(.error, code: code, at: position, message, notes: notes, fix: fix))
  }

  func warning(_ code: String, at position: SourcePosition?, _ message: String, fix: String? = nil) {
    all.append(Diagnostic(.warning, code: code, at: position, message, fix: fix))
  }

  /// All that was found, by file, line and column; `Jobs/daybook.yaml` first.
  var sorted: [Diagnostic] {
    func rank(_ diagnostic: Diagnostic) -> (Int, String, Int, Int) {
      let place = diagnostic.position
      let file = place?.file ?? ""
      return (file == "Jobs/daybook.yaml" ? 0 : 1, file, place?.line ?? 0, place?.column ?? 0)
    }
    return all.enumerated().sorted { a, b in
      let (x, y) = (rank(a.element), rank(b.element))
      return x == y ? a.offset < b.offset : x < y
    }.map { redacted($0.element) }
  }
}

/// "did you mean" for `word`, or the list of what is valid, or nil when that list is empty or long.
func suggestion(for word: String, among valid: some Collection<String>) -> String? {
  if let nearest = nearestWord(to: word, in: valid) { return "did you mean \"\(nearest)\"?" }
  guard !valid.isEmpty, valid.count <= 20 else { return nil }
  return "use one of: \(valid.joined(separator: ", "))"
}
