// What a page below definitions/ gives up where it would be larger than people can open on a phone: the ends of its
// longest texts, then of its longest lists of columns.
// Invariant: what is given up is said in its place, with the file that has it. A page stays larger only when its texts are
// so many that their headings alone are.

internal import Markup

extension DefinitionPages {
  static let tooLarge = "the page would be larger than 2 MB"

  /// A page with as much of its texts as it has room for.
  ///
  /// - Parameters:
  ///   - texts: all that are on it.
  ///   - columns: of its longest list of columns.
  ///   - build: makes it, with the limits of these pages.
  func fitted(_ texts: [String], columns: Int = 0, _ build: (DefinitionPages) -> [UInt8]) -> [UInt8] {
    var (page, pages) = (build(self), self)
    if page.count <= PageLayout.mostBytes { return page }
    let sizes = texts.map(Self.size)
    pages.mostColumns = columns
    // The beginnings of texts tell more than many columns do.
    for least in [2_000, 0] {
      // More than once only where the words that say so take more than was reckoned.
      while page.count > PageLayout.mostBytes, pages.longestText > least {
        let excess = page.count - PageLayout.mostBytes
        pages.longestText = Self.length(of: sizes, saving: excess, below: pages.longestText, least: least)
        page = build(pages)
      }
      while page.count > PageLayout.mostBytes, pages.mostColumns > 1 {
        pages.mostColumns /= 2
        page = build(pages)
      }
    }
    return page
  }

  /// To how many bytes texts that are cut to `limit` have to be cut to save as many as `bytes` more.
  private static func length(of sizes: [Int], saving bytes: Int, below limit: Int, least: Int) -> Int {
    func saved(_ length: Int) -> Int {
      // A text that is cut says so in a line.
      sizes.reduce(0) { $0 + ($1 > length ? $1 - length - 200 : 0) }
    }
    let wanted = saved(limit) + bytes
    var length = min(limit, sizes.max() ?? 0)
    repeat { length = max(least, length * 9 / 10) } while length > least && saved(length) < wanted
    return length
  }

  /// The beginning of a text that takes at most `limit` bytes of a page: whole lines, unless the first is longer.
  static func beginning(of text: String, bytes limit: Int) -> String {
    if limit == .max { return text }
    var (kept, bytes) = (text[...], size(text))
    if bytes <= limit { return text }
    while bytes > limit, !kept.isEmpty {
      let scalars = kept.unicodeScalars
      kept = kept[..<scalars.index(scalars.startIndex, offsetBy: min(scalars.count - 1, scalars.count * limit / bytes))]
      bytes = size(String(kept))
    }
    return kept.lastIndex(of: "\n").map { String(kept[...$0]) } ?? String(kept)
  }

  /// How many bytes a text takes of a page.
  private static func size(_ text: String) -> Int { MarkupRenderer().render(.text(text)).utf8.count }
}
