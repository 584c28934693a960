// The names of a set's data files.
// Invariant: no two sections share a path, and none has that of a built-in page's file.

internal import Definitions

extension SetRenderer {
  /// `data/<csv>.csv` where the section names it, else `data/<report>_<section>.csv`, with a number behind it where the
  /// name is taken already, by another section or by a built-in page. No two sections share a path, and a name that a
  /// section gives itself is not taken by one that gives itself none.
  static func csvPaths(of reports: [ReportDefinition]) -> [String: [String]] {
    let named = Set(reports.flatMap(\.sections).compactMap(\.csv))
    var taken = reserved
    var paths: [String: [String]] = [:]
    for report in reports {
      paths[report.name] = report.sections.enumerated().map { index, section in
        let base = "\(report.name)_\(slug(section.title, else: String(index + 1)))"
        if let csv = section.csv, taken.insert(csv).inserted { return "data/\(csv).csv" }
        var name = base
        var number = index + 1
        while named.contains(name) || !taken.insert(name).inserted {
          name = "\(base)_\(number)"
          number += 1
        }
        return "data/\(name).csv"
      }
    }
    return paths
  }

  private static let reserved: Set<String> = [
    "files", "control_sums", "reject_causes", "rejects", "duplicates", "view_totals", "stages", "stage_history", "runs",
    "feeds", "steps", "report_totals", "stated_rows", "stated_sums", "feed_quality", "freshness", "open_rejects",
    "refused_files", "check_outcomes", "check_examples",
  ]

  /// Lower-case letters and digits with `_` between words.
  static func slug(_ title: String, else fallback: String) -> String {
    var result = ""
    for byte in title.lowercased().utf8 {
      switch byte {
      case 0x30...0x39, 0x61...0x7A: result.unicodeScalars.append(Unicode.Scalar(byte))
      default: if !result.isEmpty, !result.hasSuffix("_") { result += "_" }
      }
    }
    while result.hasSuffix("_") { result.removeLast() }
    return result.isEmpty ? fallback : String(result.prefix(60))
  }
}
