// The control file beside a feed's file: `rows,1003747` and `amount,USD,123.45`, one figure a line.
// Invariant: it is found, opened and bounded as feed files are, so that a link or a pipe under its name leads nowhere,
// and every line of it is a figure, a comment, or a problem with its place.

internal import Definitions
internal import Finding
internal import Glibc
internal import Ledger
internal import Money

/// Finds and reads control files.
struct ControlFile {
  /// Behind the name of the file that it speaks of; no feed's file is ever named so.
  static let suffix = ".ctl"
  /// The most bytes a control file may have.
  static let maximumBytes = 1 << 20
  /// The most problems that are told of one control file.
  static let maximumProblems = 5

  let feed: FeedDefinition

  /// The names under which the control file of `name` may stand, the nearer first: `x.csv.gz.ctl`, then `x.csv.ctl`.
  static func names(for name: String) -> [String] {
    var names = [name + suffix]
    for compression in [".gz", ".zst"] where name.hasSuffix(compression) {
      names.append(name.dropLast(compression.count) + suffix)
    }
    return names
  }

  /// Reads an open control file; whatever is wrong with it is in the statement.
  func read(_ file: OpenFile, path: String) -> SenderStatement {
    var statement = SenderStatement(source: .controlFile, path: path)
    guard file.identity.bytes <= Self.maximumBytes else {
      statement.problems = [problem(path, nil, "the control file has more than \(Self.maximumBytes) bytes")]
      return statement
    }
    var bytes = [UInt8](repeating: 0, count: Self.maximumBytes + 1)
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes {
        pread(file.descriptor, $0.baseAddress.map { $0 + count }, $0.count - count, off_t(count))
      }
      if got < 0, errno == EINTR { continue }
      if got < 0 {
        statement.problems = [problem(path, nil, "cannot read it: \(SystemError(number: errno))")]
        return statement
      }
      if got == 0 { break }
      count += got
    }
    parse(Array(bytes[..<count]), into: &statement)
    return statement
  }

  /// Reads the lines of a control file.
  func parse(_ bytes: [UInt8], into statement: inout SenderStatement) {
    let path = statement.path
    let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
    guard let text = String(validating: content, as: UTF8.self) else {
      statement.problems = [problem(path, nil, "the control file is not UTF-8")]
      return
    }
    var seen: [String: Int] = [:]
    // In Swift a CR LF is one character, which `isNewline` knows.
    for (index, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let line = index + 1
      let words = raw.split(separator: ",", omittingEmptySubsequences: false).map { trimmed($0) }
      if words.count == 1, words[0].isEmpty || words[0].hasPrefix("#") { continue }
      if words[0].hasPrefix("#") { continue }
      guard statement.problems.count < Self.maximumProblems else { return }
      let key = words.dropLast().joined(separator: ",")
      switch figure(words, line: line) {
      case .success(let figure):
        if let first = seen[key] {
          statement.problems.append(problem(path, line, "\"\(visible(key))\" is stated before, on line \(first)"))
        } else {
          statement.figures.append(figure)
        }
        seen[key] = line
      case .failure(let fault):
        statement.problems.append(problem(path, line, fault.message, fix: fault.fix))
      }
    }
    if statement.figures.isEmpty, statement.problems.isEmpty {
      statement.problems = [
        problem(
          path, nil, "the control file states nothing", fix: "write rows,NUMBER and column,group,SUM lines into it")
      ]
    }
  }

  private struct Fault: Error {
    var message: String
    var fix: String?
  }

  private func figure(_ words: [String], line: Int) -> Result<SenderStatement.Figure, Fault> {
    let form = "write rows,NUMBER or column,group,SUM"
    if words.count == 2, words[0] == "rows" {
      guard let rows = ExactDecimal(words[1]), rows.scale == 0, !rows.isNegative else {
        return .failure(Fault(message: "\"\(visible(words[1]))\" is not a number of rows", fix: form))
      }
      return .success(.init(column: "", group: "", value: rows, line: line))
    }
    guard words.count == 3 else {
      return .failure(
        Fault(message: "the line has \(words.count) field\(words.count == 1 ? "" : "s") and is no figure", fix: form))
    }
    let controls = feed.columns.filter { $0.control != nil }.map(\.name)
    guard controls.contains(words[0]) else {
      let near = nearestWord(to: words[0], in: controls)
      let known =
        controls.isEmpty ? "the feed declares no control: column" : "it may be \(controls.joined(separator: ", "))"
      return .failure(
        Fault(
          message: "\"\(visible(words[0]))\" is not a control column of feed \(feed.name)",
          fix: near.map { "did you mean \"\($0)\"?" } ?? known))
    }
    guard let sum = ExactDecimal(words[2]) else {
      return .failure(Fault(message: "\"\(visible(words[2]))\" is not an exact sum, such as -123.45", fix: form))
    }
    return .success(.init(column: words[0], group: words[1], value: sum, line: line))
  }

  private func problem(_ path: String, _ line: Int?, _ message: String, fix: String? = nil) -> Diagnostic {
    Diagnostic(.error, code: "control_file", at: SourcePosition(file: path, line: line), message, fix: fix)
  }
}

/// The text without blanks and tabs around it.
func trimmed(_ text: some StringProtocol) -> String {
  let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
  var rest = text.drop(while: isBlank)
  while let last = rest.last, isBlank(last) { rest.removeLast() }
  return String(rest)
}
