// Why a view could not be brought up to date. Jobs adds the run and the command to type next.

public import Finding
public import Postgres

/// A refresh or check that stopped.
public enum ViewError: Error, Sendable, CustomStringConvertible {
  /// No such view is defined; `nearest` is the valid name most like it.
  case unknown(name: String, nearest: String?)
  /// The base table or view `input` that `view` reads does not exist yet.
  case missingInput(view: String, input: String, at: SourcePosition)
  /// The definition changed, and objects that Daybook does not own depend on the old relation.
  case foreignDependents(view: String, dependents: [String], at: SourcePosition)
  /// By the catalog, views read each other in a circle: `path` is `view` and what leads from it back to it.
  case circle(view: String, path: [String], at: SourcePosition)
  /// The server refused a statement of `view`.
  case server(view: String, at: SourcePosition, PostgresError)

  /// The view that could not be brought up to date; nil when the error is about no view in particular.
  public var view: String? {
    switch self {
    case .unknown: nil
    case .missingInput(let view, _, _), .foreignDependents(let view, _, _), .circle(let view, _, _),
      .server(let view, _, _):
      view
    }
  }

  /// The error as a diagnostic with the position of the definition.
  public var diagnostic: Diagnostic {
    switch self {
    case .unknown(let name, let nearest):
      return Diagnostic(
        .error, code: "unknown_view", "no view is named \"\(name)\"",
        fix: nearest.map { "did you mean \"\($0)\"?" } ?? "views are defined in Jobs/views")
    case .missingInput(let view, let input, let position):
      return Diagnostic(
        .error, code: "missing_input", at: position, "view \(view) reads \(input), which does not exist yet",
        notes: ["nothing of this view was changed"], fix: "daybook ingest \(input)")
    case .foreignDependents(let view, let dependents, let position):
      return Diagnostic(
        .error, code: "foreign_dependents", at: position,
        "\(view) has to be made anew, but \(dependents.joined(separator: ", ")) "
          + "\(dependents.count == 1 ? "depends" : "depend") on what is there",
        notes: ["Daybook drops only what it made; nothing was changed"],
        fix: "by hand: \(dependents.reversed().map { "drop \($0)" }.joined(separator: "; ")); then run again, and "
          + "create \(dependents.count == 1 ? "it" : "them") anew")
    case .circle(_, let path, let position):
      return Diagnostic(
        .error, code: "view_cycle", at: position,
        "the views read each other in a circle: \(path.joined(separator: " → "))",
        notes: ["as PostgreSQL has them, what was made by hand included; nothing of these views was changed"],
        fix: "make one of them read something else; no order of refreshing satisfies all of them")
    case .server(let view, let position, let error):
      // The server may say something in several lines, and a context has one for each level of it.
      func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }
      var notes = [error.sqlState.map { "SQLSTATE \($0)" }, error.detail, error.context].compactMap { $0 }.flatMap(
        lines)
      notes.append("nothing of this view was changed; readers see its last state, if it has one")
      return Diagnostic(
        .error, code: "view_failed", at: position, "view \(view): \(error.message)", notes: notes,
        fix: error.hint.map { lines($0).joined(separator: " ") }
          ?? "correct the definition, then: daybook refresh \(view)")
    }
  }

  public var description: String { DiagnosticRenderer(color: false).render(diagnostic) }
}
