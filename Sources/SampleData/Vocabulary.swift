// The words the shop is made of. Names carry what breaks careless loaders: commas, quotes, accents, apostrophes.
// Invariant: lists are only ever appended to with a new golden hash in the tests; their order is part of the output.

/// A currency of the shop.
enum Currency: UInt8, Sendable, CaseIterable {
  case usd, eur, gbp

  var code: StaticString {
    switch self {
    case .usd: "USD"
    case .eur: "EUR"
    case .gbp: "GBP"
    }
  }

  /// Worth in thousandths of a dollar.
  var rate: Int {
    switch self {
    case .usd: 1_000
    case .eur: 1_080
    case .gbp: 1_270
    }
  }
}

/// A country of the shop's customers.
struct Country: Sendable {
  enum Clock: Sendable { case newYork, london, centralEurope }

  let code: StaticString
  let currency: Currency
  let clock: Clock

  /// As often as they are listed.
  static let all: [Country] = [
    Country(code: "US", currency: .usd, clock: .newYork), Country(code: "US", currency: .usd, clock: .newYork),
    Country(code: "US", currency: .usd, clock: .newYork), Country(code: "US", currency: .usd, clock: .newYork),
    Country(code: "US", currency: .usd, clock: .newYork), Country(code: "US", currency: .usd, clock: .newYork),
    Country(code: "GB", currency: .gbp, clock: .london), Country(code: "GB", currency: .gbp, clock: .london),
    Country(code: "GB", currency: .gbp, clock: .london), Country(code: "DE", currency: .eur, clock: .centralEurope),
    Country(code: "DE", currency: .eur, clock: .centralEurope),
    Country(code: "FR", currency: .eur, clock: .centralEurope),
    Country(code: "ES", currency: .eur, clock: .centralEurope),
    Country(code: "IT", currency: .eur, clock: .centralEurope),
    Country(code: "NL", currency: .eur, clock: .centralEurope), Country(code: "IE", currency: .eur, clock: .london),
  ]
}

/// A name as written, and as it stands in an address.
struct PersonName: Sendable {
  let written: StaticString
  let address: StaticString

  init(_ written: StaticString, _ address: StaticString) {
    self.written = written
    self.address = address
  }
}

/// Words for names of people, companies and products.
enum Vocabulary {
  static let firstNames: [PersonName] = [
    PersonName("Anna", "anna"), PersonName("James", "james"), PersonName("José", "jose"),
    PersonName("Zoë", "zoe"), PersonName("Mary", "mary"), PersonName("Søren", "soren"),
    PersonName("François", "francois"), PersonName("Linda", "linda"), PersonName("Robert", "robert"),
    PersonName("Chloé", "chloe"), PersonName("Jürgen", "juergen"), PersonName("Emily", "emily"),
    PersonName("Łukasz", "lukasz"), PersonName("Sarah", "sarah"), PersonName("D'Arcy", "darcy"),
    PersonName("Michael", "michael"), PersonName("Ana María", "ana.maria"), PersonName("Thomas", "thomas"),
    PersonName("Siobhán", "siobhan"), PersonName("David", "david"), PersonName("Grace", "grace"),
    PersonName("Björn", "bjoern"), PersonName("Olivia", "olivia"), PersonName("Jean-Luc", "jean-luc"),
  ]

  static let lastNames: [PersonName] = [
    PersonName("Smith", "smith"), PersonName("O'Brien", "obrien"), PersonName("Müller", "mueller"),
    PersonName("García", "garcia"), PersonName("Johnson", "johnson"), PersonName("D'Angelo", "dangelo"),
    PersonName("Núñez", "nunez"), PersonName("Williams", "williams"), PersonName("van den Berg", "vandenberg"),
    PersonName("Brown", "brown"), PersonName("Lefèvre", "lefevre"), PersonName("Weiß", "weiss"),
    PersonName("Jones", "jones"), PersonName("O’Neill", "oneill"), PersonName("Rossi", "rossi"),
    PersonName("Miller", "miller"), PersonName("Šimůnek", "simunek"), PersonName("Taylor", "taylor"),
    PersonName("Dubois", "dubois"), PersonName("King, Jr.", "king"), PersonName("Schäfer", "schaefer"),
    PersonName("Moreau", "moreau"), PersonName("Clark", "clark"), PersonName("Ångström", "angstrom"),
  ]

  static let companySuffixes: [StaticString] = [
    " & Sons", ", Inc.", " GmbH", " Ltd", ", LLC", " S.à r.l.", " & Co. KG", " \"Wholesale\" Traders", " B.V.",
    ", Daughters & Partners", " S.p.A.", " Trading",
  ]

  static let emailDomains: [StaticString] = ["@example.com", "@example.org", "@example.net", "@mail.example"]

  static let categories: [StaticString] = [
    "home", "kitchen", "garden", "toys", "stationery", "lighting", "textiles", "gifts", "bath & body", "outdoor",
  ]

  static let skuPrefixes: [StaticString] = ["HOM", "KIT", "GAR", "TOY", "STA", "LIG", "TEX", "GIF", "BAT", "OUT"]

  /// What goes before any product's name.
  static let styles: [StaticString] = [
    "Classic", "Handmade", "Nordic", "Vintage", "Rustic", "Striped", "Heritage", "Everyday", "Crème", "Painted",
    "Recycled", "Children's",
  ]

  /// What each category sells, in the order of `categories`.
  static let things: [[StaticString]] = [
    ["Picture Frame", "Wall Clock", "Doorstop", "Coat Hook", "Storage Basket", "Vase"],
    ["Mug", "Teapot", "Café Set", "Cake Stand", "Trivet", "Egg Cup"],
    ["Planter", "Watering Can", "Bird Feeder", "Hand Trowel", "Herb Markers", "Wind Chime"],
    ["Jigsaw", "Building Blocks", "Spinning Top", "Puppet", "Card Game", "Kite"],
    ["Notebook", "Pencil Case", "Wall Calendar", "Letter Set", "Desk Tidy", "Sketchbook"],
    ["Lantern", "Table Lamp", "Fairy Lights", "Tealight Holder", "Night Light", "Lampshade"],
    ["Cushion", "Tea Towel", "Throw", "Table Runner", "Napkins", "Apron"],
    ["Gift Box", "Garland", "Party Bunting", "Keepsake Tin", "Ribbon Reel", "Photo Album"],
    ["Soap Dish", "Hand Cream", "Bath Salts", "Flannel", "Scented Candle", "Toothbrush Mug"],
    ["Picnic Basket", "Camping Mug", "Folding Stool", "Flask", "Sun Hat", "Tote Bag"],
  ]

  /// What follows a product's name; most often nothing.
  static let variants: [StaticString] = [
    "", "", "", "", ", Blue", ", Set of 2", " 7\"", " (large)", " \"Vintage\"", " No. 5", ", Red, Small", " – Ivory",
  ]
}
