// Whose turn it is among the 32 slices of a rollup's groups: that of the slice that was proven longest ago.
// Invariant: a slice that is compared becomes the newest, so that each one is compared again within 32 comparisons,
// whichever nights there are. Once all are proven at one version nothing is compared until that changes, and the same
// night once more says the same of the same slice.

internal import Ledger
internal import Money

/// The slice that a night compares.
struct SliceTurn: Hashable {
  /// Which one, from 0.
  let number: Int
  /// Whether it was found equal at this version, so that there is nothing to compare.
  let isKnown: Bool

  /// - Parameters:
  ///   - proven: the last proof of each slice that has one, the oldest first.
  ///   - version: the view's data version.
  ///   - night: the business date; from its place on those that were never proven come first.
  init(among proven: [SliceProof], at version: Int64, in night: CivilDate) {
    if let same = proven.last(where: { $0.night == night && $0.version == version }) {
      (number, isKnown) = (same.number, true)
      return
    }
    let count = RollupSlice.count
    let place = (night.daysSince1970 % count + count) % count
    let unproven = (place..<place + count).map { $0 % count }.first { number in !proven.contains { $0.number == number }
    }
    number = unproven ?? proven.first?.number ?? place
    isKnown = unproven == nil && proven.first?.version == version
  }
}
