// What a page gives up where it would be larger than people can open on a phone: pictures and words first, where they
// alone leave tables no room, then rows of the longest tables.
// Invariant: what is given up is said in its place, with the file that has it. A page stays larger only when its sections
// are so many that their headings alone are.

internal import Markup

extension PageLayout {
  /// No section makes a page larger than this.
  static let mostBytes = 2_000_000
  /// What pictures and words may take of it, so that tables have room.
  private static let mostWithoutRows = 1_500_000

  /// The bytes of the page.
  func page(_ content: ReportContent) -> [UInt8] {
    let whole = bytes(content)
    if whole.count <= Self.mostBytes { return whole }
    let rows = rowSizes(content).reduce(0) { $0 + $1.reduce(0, +) }
    let thinner = thinned(content, by: whole.count - rows - Self.mostWithoutRows)
    let page = bytes(thinner)
    return page.count <= Self.mostBytes ? page : bytes(cut(thinner, by: page.count - Self.mostBytes))
  }

  /// The content with the largest of its pictures not drawn, and its longest words and rows of tiles cut, until that
  /// saves `bytes`.
  private func thinned(_ content: ReportContent, by bytes: Int) -> ReportContent {
    var (content, excess) = (content, bytes)
    var sizes = content.blocks.map(sizeWithoutRows)
    while excess > 0 {
      // Of equal ones the last goes first.
      let order = content.blocks.indices.reversed().sorted { sizes[$0] > sizes[$1] }
      guard let index = order.first(where: { thinner(content.blocks[$0]) != nil }),
        let block = thinner(content.blocks[index])
      else { break }
      let size = sizeWithoutRows(block)
      excess -= sizes[index] - size
      (content.blocks[index], sizes[index]) = (block, size)
    }
    return content
  }

  private func sizeWithoutRows(_ block: ContentBlock) -> Int {
    var block = block
    if block.showsRows { block.dataset?.rows = [] }
    return MarkupRenderer().render(section(block, number: 1)).utf8.count
  }

  /// The block with less in it; nil when it can give up nothing.
  private func thinner(_ block: ContentBlock) -> ContentBlock? {
    var block = block
    switch block.body {
    case .chart, .panels:
      let words = "Not drawn: the page would be larger than 2 MB."
      block.body = .table
      block.lead = block.lead.isEmpty ? words : "\(block.lead) \(words)"
    case .tiles(let groups) where groups.count > 1:
      block.body = .tiles(Array(groups.prefix(groups.count / 2)))
      // The line below says how many of all there are.
      if let rows = block.dataset?.rows { block.dataset?.rows = Array(rows.prefix(groups.count / 2)) }
    case .words(let paragraphs, let isNote):
      let characters = paragraphs.reduce(0) { $0 + $1.count }
      guard characters > 2_000 else { return nil }
      var (room, kept) = (characters / 2, [String]())
      for paragraph in paragraphs where room > 0 {
        kept.append(shortened(paragraph, to: room))
        room -= paragraph.count
      }
      let words = "Cut: the page would be larger than 2 MB; the definition has it whole."
      block.body = .words(kept.filter { $0 != words } + [words], isNote: isNote)
    case .tiles, .table, .verdict, .links: return nil
    }
    return block
  }

  /// How many bytes the rows of each table take.
  private func rowSizes(_ content: ReportContent) -> [[Int]] {
    let renderer = MarkupRenderer()
    return content.blocks.map { block in
      guard let dataset = block.dataset, block.showsRows else { return [] }
      let naming = naming(dataset)
      return dataset.rows.map { row in
        renderer.render(self.row(dataset, row, naming: naming, wrapped: block.wrapped)).utf8.count + 1
      }
    }
  }

  /// The content with the longest of its tables cut to one length, the greatest that saves `bytes`; no table is cut to
  /// nothing.
  private func cut(_ content: ReportContent, by bytes: Int) -> ReportContent {
    // What each table would save by each length.
    let sizes = rowSizes(content)
    // A table that is cut says so in a line, and links to its files.
    let line = 600
    var length = sizes.map(\.count).max() ?? 0
    var saved = 0
    while length > 1, saved < bytes {
      length -= 1
      for rows in sizes where rows.count > length {
        saved += rows[length]
        if rows.count == length + 1 { saved -= line }
      }
    }
    var content = content
    for index in content.blocks.indices where sizes[index].count > length {
      content.blocks[index].dataset?.rows.removeLast(sizes[index].count - length)
    }
    return content
  }
}
