// Customers and their feed.
// A customer's name and country follow from the number alone, so that an order can name a customer's currency
// without any table in memory.

/// One customer as extracted.
struct CustomerRow: SampleRow {
  static let feed: StaticString = "customers"
  static let columns: [StaticString] = ["customer_id", "name", "email", "country", "segment", "signed_up_on"]

  let key: Int
  var segment: Segment
  /// Counts changes of the address.
  var address: UInt8
  /// Days since 1970-01-01.
  var signedUp: Int

  var money: BookedAmount? { nil }

  func write(to buffer: inout RowBuffer, shop: Shop) {
    let traits = splitMix(shop.customerSalt ^ UInt64(key))
    let first = Vocabulary.firstNames[Int(traits >> 8 & 0xFFFF) % Vocabulary.firstNames.count]
    let last = Vocabulary.lastNames[Int(traits >> 24 & 0xFFFF) % Vocabulary.lastNames.count]
    buffer.beginRow()
    buffer.put(key)
    buffer.comma()
    if shop.segment(ofCustomer: key) == .consumer {
      buffer.put(first.written)
      buffer.put(byte: 0x20)
      buffer.put(last.written)
    } else {
      let suffix = Int(traits >> 40 & 0xFFFF) % Vocabulary.companySuffixes.count
      buffer.put(last.written)
      buffer.put(Vocabulary.companySuffixes[suffix])
    }
    buffer.quoteIfNeeded()
    buffer.comma()
    if traits >> 56 >= 30 || address > 0 {
      buffer.put(first.address)
      buffer.put(byte: 0x2E)
      buffer.put(last.address)
      buffer.put(key)
      let domain = (Int(traits >> 52 & 0xF) + Int(address)) % Vocabulary.emailDomains.count
      if address > 3 { buffer.put(byte: 0x2D) }
      if address > 3 { buffer.put(Int(address)) }
      buffer.put(Vocabulary.emailDomains[domain])
    }
    buffer.comma()
    buffer.put(shop.country(ofCustomer: key).code)
    buffer.comma()
    buffer.put(segment.word)
    buffer.comma()
    buffer.put(day: signedUp)
    buffer.newline()
  }

  func corrected(by dice: inout Dice, shop: Shop) -> CustomerRow {
    var row = self
    if dice.perMille(700), address < 255 {
      row.address += 1
    } else {
      row.segment = segment == .consumer ? .business : segment == .business ? .wholesale : .business
    }
    return row
  }

  func rewritten(by dice: inout Dice, shop: Shop) -> CustomerRow { self }

  func holdsSameValues(as other: CustomerRow) -> Bool {
    segment == other.segment && address == other.address && signedUp == other.signedUp
  }
}

/// Whom the shop sells to.
enum Segment: UInt8, Sendable {
  case consumer, business, wholesale

  var word: StaticString {
    switch self {
    case .consumer: "consumer"
    case .business: "business"
    case .wholesale: "wholesale"
    }
  }
}
