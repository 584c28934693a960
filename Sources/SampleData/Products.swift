// Products and their feed.
// List price, currency and category of a product follow from its number alone; a night may change the price.

/// One product as extracted.
struct ProductRow: SampleRow {
  static let feed: StaticString = "products"
  static let columns: [StaticString] = [
    "product_id", "sku", "name", "category", "unit_price", "currency", "is_active",
  ]

  let key: Int
  var cents: Int
  var isActive: Bool

  var money: BookedAmount? { nil }

  func write(to buffer: inout RowBuffer, shop: Shop) {
    let traits = splitMix(shop.productSalt ^ UInt64(key))
    let category = Int(traits & 0xFFFF) % Vocabulary.categories.count
    buffer.beginRow()
    buffer.put(key)
    buffer.comma()
    buffer.put(Vocabulary.skuPrefixes[category])
    buffer.put(byte: 0x2D)
    buffer.put(key, digits: 6)
    buffer.comma()
    buffer.put(Vocabulary.styles[Int(traits >> 16 & 0xFFF) % Vocabulary.styles.count])
    buffer.put(byte: 0x20)
    let things = Vocabulary.things[category]
    buffer.put(things[Int(traits >> 28 & 0xFFF) % things.count])
    buffer.put(Vocabulary.variants[Int(traits >> 40 & 0xFFF) % Vocabulary.variants.count])
    // A line break inside a name, as one product in a hundred has it.
    if traits >> 52 % 100 == 0 { buffer.put("\nlimited edition") }
    buffer.quoteIfNeeded()
    buffer.comma()
    buffer.put(Vocabulary.categories[category])
    buffer.comma()
    buffer.put(cents: cents)
    buffer.comma()
    buffer.put(shop.currency(ofProduct: key).code)
    buffer.comma()
    buffer.put(isActive ? "true" : "false")
    buffer.newline()
  }

  func corrected(by dice: inout Dice, shop: Shop) -> ProductRow {
    var row = self
    if dice.perMille(850) {
      row.cents = max(1, cents * dice.within(80...125) / 100)
      if row.cents == cents { row.cents += 1 }
    } else {
      row.isActive.toggle()
    }
    return row
  }

  func rewritten(by dice: inout Dice, shop: Shop) -> ProductRow { self }

  func holdsSameValues(as other: ProductRow) -> Bool {
    cents == other.cents && isActive == other.isActive
  }
}
