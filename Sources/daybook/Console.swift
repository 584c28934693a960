// Where words go: data to standard output, everything else to standard error.
// Invariant: with --json nothing but the one object reaches standard output. A reader that went away is not an
// error: the rest is not written.

internal import Finding
internal import Glibc
internal import Ledger

struct Console: Sendable {
  let isJSON: Bool
  let isQuiet: Bool
  let isVerbose: Bool
  /// Whether standard error is a terminal, so that a progress bar makes sense.
  let isTerminal: Bool
  let hasColor: Bool

  init(_ options: GlobalOptions, environment: [String: String]) {
    isJSON = options.json
    isQuiet = options.quiet
    isVerbose = options.verbose
    isTerminal = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"
    hasColor = isTerminal && !options.noColor && (environment["NO_COLOR"] ?? "").isEmpty
  }

  /// A console for what must be said before the options are known.
  init(isJSON: Bool) {
    self.isJSON = isJSON
    isQuiet = false
    isVerbose = false
    isTerminal = false
    hasColor = false
  }

  var renderer: DiagnosticRenderer { DiagnosticRenderer(color: hasColor) }

  /// A line of data; with --json there are none but the object.
  func data(_ line: String) {
    if !isJSON { write(line + "\n", to: STDOUT_FILENO) }
  }

  /// The one object of --json.
  func json(_ value: JSONValue) {
    if isJSON { write(value.text + "\n", to: STDOUT_FILENO) }
  }

  /// Something worth knowing; not said with -q.
  func note(_ line: String) {
    if !isQuiet { write(line + "\n", to: STDERR_FILENO) }
  }

  /// Something that must be said.
  func problem(_ line: String) {
    write(line + "\n", to: STDERR_FILENO)
  }

  /// Errors always, warnings but with -q, notes only with -v: a note asks nobody to do anything.
  func show(_ diagnostics: [Diagnostic]) {
    let least: Severity = isVerbose ? .note : isQuiet ? .error : .warning
    var shown: [String: Int] = [:]
    for diagnostic in diagnostics where diagnostic.severity >= least {
      if diagnostic.severity < .error, !isVerbose {
        shown[diagnostic.code, default: 0] += 1
        if shown[diagnostic.code, default: 0] > Self.warningsOfOneKind { continue }
      }
      problem(renderer.render(diagnostic))
    }
    for (code, count) in shown.sorted(by: { $0.key < $1.key }) where count > Self.warningsOfOneKind {
      problem("  and \(count - Self.warningsOfOneKind) more warnings of the kind \(code); all of them: -v or --json")
    }
  }

  /// Of a thousand files all may say the same.
  private static let warningsOfOneKind = 10

  /// Writes all of `text`, or as much as somebody reads.
  func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var offset = 0
      while offset < bytes.count {
        let written = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
        if written < 0, errno == EINTR { continue }
        if written <= 0 { return }
        offset += written
      }
    }
  }
}
