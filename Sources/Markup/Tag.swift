// The elements Daybook writes. `script`, `iframe`, `object`, `foreignObject` and `use` are deliberately absent.
// They are constants, so an element that is not here cannot be written at all.
// Their attributes are in Attribute.swift.

/// The HTML elements.
public enum HTML {
  /// The element `html`.
  public static let html = ElementKind("html", startsLine: true)
  /// The element `head`.
  public static let head = ElementKind("head", startsLine: true)
  /// The element `body`.
  public static let body = ElementKind("body", startsLine: true)
  /// The element `title`.
  public static let title = ElementKind("title", startsLine: true)
  /// The element `meta`.
  public static let meta = ElementKind("meta", isVoid: true, startsLine: true)
  /// The element `header`.
  public static let header = ElementKind("header", startsLine: true)
  /// The element `nav`.
  public static let nav = ElementKind("nav", startsLine: true)
  /// The element `main`.
  public static let main = ElementKind("main", startsLine: true)
  /// The element `footer`.
  public static let footer = ElementKind("footer", startsLine: true)
  /// The element `section`.
  public static let section = ElementKind("section", startsLine: true)
  /// The element `article`.
  public static let article = ElementKind("article", startsLine: true)
  /// The element `div`.
  public static let div = ElementKind("div", startsLine: true)
  /// The element `figure`.
  public static let figure = ElementKind("figure", startsLine: true)
  /// The element `figcaption`.
  public static let figcaption = ElementKind("figcaption", startsLine: true)
  /// The element `h1`.
  public static let h1 = ElementKind("h1", startsLine: true)
  /// The element `h2`.
  public static let h2 = ElementKind("h2", startsLine: true)
  /// The element `h3`.
  public static let h3 = ElementKind("h3", startsLine: true)
  /// The element `p`.
  public static let p = ElementKind("p", startsLine: true)
  /// The element `ul`.
  public static let ul = ElementKind("ul", startsLine: true)
  /// The element `ol`.
  public static let ol = ElementKind("ol", startsLine: true)
  /// The element `li`.
  public static let li = ElementKind("li", startsLine: true)
  /// The element `dl`.
  public static let dl = ElementKind("dl", startsLine: true)
  /// The element `dt`.
  public static let dt = ElementKind("dt", startsLine: true)
  /// The element `dd`.
  public static let dd = ElementKind("dd", startsLine: true)
  /// The element `details`.
  public static let details = ElementKind("details", startsLine: true)
  /// The element `summary`.
  public static let summary = ElementKind("summary", startsLine: true)
  /// The element `pre`.
  public static let pre = ElementKind("pre", startsLine: true)
  /// The element `table`.
  public static let table = ElementKind("table", startsLine: true)
  /// The element `caption`.
  public static let caption = ElementKind("caption", startsLine: true)
  /// The element `thead`.
  public static let thead = ElementKind("thead", startsLine: true)
  /// The element `tbody`.
  public static let tbody = ElementKind("tbody", startsLine: true)
  /// The element `tfoot`.
  public static let tfoot = ElementKind("tfoot", startsLine: true)
  /// The element `tr`.
  public static let tr = ElementKind("tr", startsLine: true)
  /// The element `th`.
  public static let th = ElementKind("th")
  /// The element `td`.
  public static let td = ElementKind("td")
  /// The element `a`.
  public static let a = ElementKind("a")
  /// The element `span`.
  public static let span = ElementKind("span")
  /// The element `strong`.
  public static let strong = ElementKind("strong")
  /// The element `em`.
  public static let em = ElementKind("em")
  /// The element `code`.
  public static let code = ElementKind("code")
  /// The element `small`.
  public static let small = ElementKind("small")
  /// The element `bdi`.
  public static let bdi = ElementKind("bdi")
  /// The element `time`.
  public static let time = ElementKind("time")
  /// The element `br`.
  public static let br = ElementKind("br", isVoid: true)
}

/// The SVG elements.
public enum SVG {
  /// The element `svg`.
  public static let svg = ElementKind("svg", startsLine: true)
  /// The element `title`.
  public static let title = ElementKind("title")
  /// The element `desc`.
  public static let desc = ElementKind("desc")
  /// The element `g`.
  public static let g = ElementKind("g", startsLine: true)
  /// The element `path`.
  public static let path = ElementKind("path", isVoid: true, startsLine: true)
  /// The element `line`.
  public static let line = ElementKind("line", isVoid: true, startsLine: true)
  /// The element `circle`.
  public static let circle = ElementKind("circle", isVoid: true, startsLine: true)
  /// A rectangle, which may carry a `title`.
  public static let rect = ElementKind("rect", startsLine: true)
  /// The element `text`.
  public static let text = ElementKind("text", startsLine: true)
}
