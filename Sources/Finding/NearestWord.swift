// "Did you mean": the valid word nearest to what was typed.
// Source: F. J. Damerau, "A technique for computer detection and correction of spelling errors",
// Communications of the ACM 7(3), 1964; the restricted distance (optimal string alignment).

/// The candidate nearest to `word`, or nil when none is near enough to be meant.
///
/// Near enough is a distance of at most a third of the longer word, and at least one; not every letter may differ.
/// - Complexity: O(candidates × length²).
public func nearestWord(to word: String, in candidates: some Sequence<String>) -> String? {
  let typed = Array(word.lowercased())
  var best: (word: String, distance: Int)?
  for candidate in candidates {
    let target = Array(candidate.lowercased())
    let distance = alignmentDistance(typed, target)
    let bound = max(1, max(typed.count, target.count) / 3)
    if distance <= bound, distance < max(typed.count, target.count, 1), distance < (best?.distance ?? .max) {
      best = (candidate, distance)
    }
  }
  return best?.word
}

/// Edits (insert, delete, replace, swap neighbours) that turn `a` into `b`.
func alignmentDistance(_ a: [Character], _ b: [Character]) -> Int {
  if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
  var beforeLast: [Int] = []
  var last = Array(0...b.count)
  for i in 1...a.count {
    var row = [i]
    row.reserveCapacity(b.count + 1)
    for j in 1...b.count {
      let substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
      var cost = min(last[j] + 1, row[j - 1] + 1, substitution)
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
        cost = min(cost, beforeLast[j - 2] + 1)
      }
      row.append(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.count]
}
