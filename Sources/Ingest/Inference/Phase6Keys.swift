// Phase 6: which column identifies a row?
// A candidate is unique and never missing in the sample, and of a type that identifies. Names ending in id go first,
// then the first column, then names ending in a number's word; any other unique column is only mentioned.

internal import Definitions

/// What identifies a row.
struct KeyGuess: Sendable {
  var column: String?
  var evidence: String
  /// Other keys, each with what speaks for it.
  var alternatives: [(key: String, reason: String)] = []
}

enum KeysPhase {
  private static let pairColumns = 8

  /// Chooses a key.
  ///
  /// - Parameter repeated: columns that are known to repeat beyond the sample.
  static func guess(_ table: SampledTable, _ columns: [ColumnGuess], repeated: Set<String>) -> KeyGuess {
    guard table.records > 0 else {
      return KeyGuess(column: nil, evidence: "no record seen; name what identifies a row, else every row is appended")
    }
    let unique = columns.indices.filter { index in
      let column = columns[index]
      return column.present == table.records && column.distinct == table.records && !column.isOptional
        && canIdentify(column.type) && !repeated.contains(column.name)
    }
    let ranked = unique.sorted { (rank($0, columns), $0) < (rank($1, columns), $1) }
    if let best = ranked.first, rank(best, columns) < 4 {
      return KeyGuess(
        column: columns[best].name,
        evidence: "unique and never empty in \(counted(table.records, "record"))" + note(best, columns),
        alternatives: ranked.dropFirst().prefix(3).map { (columns[$0].name, "unique as well") })
    }
    let repeats = repeated.sorted().first.map { "; \($0) comes twice further in" } ?? ""
    return KeyGuess(
      column: nil,
      evidence: "no column identifies a row in \(counted(table.records, "record"))\(repeats): rows are appended",
      alternatives: nearly(table, columns) + ranked.prefix(2).map { (columns[$0].name, "unique in the sample") }
        + (ranked.isEmpty ? pairs(table, columns) : []).map { ($0, "unique in the sample") })
  }

  /// Columns named as identifiers that repeat now and then, as corrections do.
  private static func nearly(_ table: SampledTable, _ columns: [ColumnGuess]) -> [(key: String, reason: String)] {
    columns.indices.filter { index in
      let column = columns[index]
      return !column.isOptional && canIdentify(column.type) && rank(index, columns) <= 1
        && column.distinct < table.records
        && column.distinct * 20 >= table.records * 19
    }.prefix(2).map { index in
      let repeats = table.records - columns[index].distinct
      return (columns[index].name, "\(counted(repeats)) of \(counted(table.records)) records repeat one; the last wins")
    }
  }

  private static func note(_ index: Int, _ columns: [ColumnGuess]) -> String {
    switch rank(index, columns) {
    case 0, 1: ", and named as an identifier"
    case 2: ", and the first column"
    default: ""
    }
  }

  private static func rank(_ index: Int, _ columns: [ColumnGuess]) -> Int {
    let name = columns[index].name
    if name == "id" || name.hasSuffix("_id") || name == "uuid" || name.hasSuffix("_uuid") { return index == 0 ? 0 : 1 }
    if index == 0 { return 2 }
    let words = ["_no", "_nr", "_number", "_num", "_key", "_code", "_ref", "sku"]
    return words.contains { name.hasSuffix($0) } ? 3 : 4
  }

  private static func canIdentify(_ type: ColumnType) -> Bool {
    switch type {
    case .text, .integer, .bigint, .uuid: true
    default: false
    }
  }

  /// Pairs of columns that identify a row together, such as an order and its line.
  private static func pairs(_ table: SampledTable, _ columns: [ColumnGuess]) -> [String] {
    let likely = columns.indices.filter {
      !columns[$0].isOptional && (canIdentify(columns[$0].type) || columns[$0].type == .date)
        && columns[$0].distinct > 1
    }.sorted { (rank($0, columns), $0) < (rank($1, columns), $1) }.prefix(pairColumns)
    var found: [String] = []
    for (place, first) in likely.enumerated() {
      for second in likely.dropFirst(place + 1) where found.count < 2 {
        guard columns[first].distinct * columns[second].distinct >= table.records else { continue }
        var seen: Set<Int64> = []
        let isUnique = zip(table.columns[first].rows, table.columns[second].rows).allSatisfy {
          seen.insert(Int64($0) << 32 | Int64($1)).inserted
        }
        if isUnique { found.append("\(columns[first].name), \(columns[second].name)") }
      }
    }
    return found
  }
}
