// A reader of markup as strict as XML's, small enough to need no library: tags nest, attributes are quoted and named
// once, `<` and `&` stand only where they mean something, identifiers are unique.
// The content of a style sheet is passed over.

/// What is wrong with a page; nil when nothing is.
func markupDefect(_ page: String) -> String? {
  var open: [Substring] = []
  var identifiers: Set<Substring> = []
  var rest = page[...]
  guard rest.hasPrefix("<!DOCTYPE html>\n") else { return "no doctype" }
  rest = rest.dropFirst("<!DOCTYPE html>".count)
  while let character = rest.first {
    guard character == "<" else {
      let text = rest.prefix { $0 != "<" }
      if open.last != "style", let defect = entityDefect(text) { return defect }
      if text.contains(">"), open.last != "style" { return "a stray > in \(text.prefix(40))" }
      rest = rest.dropFirst(text.count)
      continue
    }
    guard let end = rest.firstIndex(of: ">") else { return "an open tag at the end" }
    let tag = rest[rest.index(after: rest.startIndex)..<end]
    rest = rest[rest.index(after: end)...]
    if tag.hasPrefix("/") {
      guard open.popLast() == tag.dropFirst() else { return "</\(tag.dropFirst())> closes nothing" }
      continue
    }
    let isEmpty = tag.hasSuffix("/")
    var body = isEmpty ? tag.dropLast() : tag
    let name = body.prefix { $0.isLetter || $0.isNumber }
    body = body.dropFirst(name.count)
    var names: Set<Substring> = []
    while body.first == " " {
      body = body.dropFirst()
      let attribute = body.prefix { $0 != "=" && $0 != " " }
      guard body.dropFirst(attribute.count).hasPrefix("=\"") else { return "\(attribute) in <\(tag)> has no value" }
      body = body.dropFirst(attribute.count + 2)
      let value = body.prefix { $0 != "\"" }
      if value.contains("<") { return "< in \(attribute)" }
      if let defect = entityDefect(value) { return defect }
      if !names.insert(attribute).inserted { return "\(attribute) twice in <\(tag)>" }
      if attribute == "id", !identifiers.insert(value).inserted { return "identifier \(value) twice" }
      body = body.dropFirst(value.count + 1)
    }
    if !body.isEmpty { return "<\(tag)> is not a tag" }
    if !isEmpty { open.append(name) }
  }
  return open.isEmpty ? nil : "<\(open.joined(separator: ", "))> is never closed"
}

private func entityDefect(_ text: Substring) -> String? {
  for part in text.split(separator: "&", omittingEmptySubsequences: false).dropFirst()
  where !["amp;", "lt;", "gt;", "quot;", "#39;"].contains(where: part.hasPrefix) {
    return "a bare & before \(part.prefix(20))"
  }
  return nil
}
