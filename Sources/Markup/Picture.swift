// The frame of every picture: its size, its role, its title and its description, and the sentence that says what was
// left out. What is drawn inside belongs to the plots.

/// What every picture says of itself.
struct PictureFrame: Sendable {
  let identifier: String
  let title: String
  let finding: String

  /// - Parameter note: what was left out, drawn at the lower right corner and part of the description.
  func svg(
    _ name: String = "chart", width: Double, height: Double, note: String?, isNaturalSize: Bool = false,
    @MarkupBuilder content: () -> [Node]
  ) -> Node {
    var attributes: [Attribute] = [
      .svgNamespace, .class(name), .viewBox(width, height), .role("img"),
      .ariaLabelledBy("\(identifier)-title \(identifier)-desc"),
    ]
    if isNaturalSize { attributes += [.width(width), .height(height)] }
    return SVG.svg(
      attributes: attributes,
      children: [
        SVG.title(.id("\(identifier)-title")) { title },
        SVG.desc(.id("\(identifier)-desc")) { [finding, note].compactMap { $0 }.joined(separator: " ") },
      ] + content()
        + (note.map { note in
          [SVG.text(.class("note"), .x(width - 12), .y(height - 4), .textAnchor("end")) { note }]
        } ?? []))
  }
}

/// A figure drawn to the left of `x` in at most `room`: squeezed, never cut, for a part of a figure is another figure.
func figureText(_ text: String, endingAt x: Double, y: Double, room: Double, size: Double) -> Node {
  var attributes: [Attribute] = [.class("figure"), .x(x), .y(y), .textAnchor("end")]
  if ems(text) * size > room { attributes += [.textLength(room), .squeezedGlyphs] }
  return SVG.text(attributes: attributes, children: [.text(text)])
}
