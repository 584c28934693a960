// The colours and strokes of the charts, as a style sheet that a page adds to its own.
// Series follow Okabe and Ito's palette (M. Okabe, K. Ito, "Color Universal Design", 2008), darkened on light paper
// and kept light on dark, so that each reaches 4.5:1 against the page; dash and marker tell them apart without it.

/// The look of the charts.
public enum ChartStyle {
  /// A colour for light and for dark pages.
  struct Ink: Sendable {
    let light: String
    let dark: String
  }

  /// The colours in the sheet, in the order of the series; a test holds both together and checks the contrast.
  static let inks = [
    Ink(light: "#0072b2", dark: "#56b4e9"), Ink(light: "#b34f00", dark: "#e69f00"),
    Ink(light: "#007a59", dark: "#2ec49a"), Ink(light: "#a04877", dark: "#dd9cbf"),
    Ink(light: "#7d6608", dark: "#f0e442"), Ink(light: "#3d3d3d", dark: "#d0d0d0"),
  ]
  /// The colours of bars on paper: neighbours of a stack differ in lightness, so that grey is enough.
  static let printed = ["#004a75", "#e69f00", "#007a59", "#e8c0d8", "#8f7a14", "#1a1a1a"]
  /// The shades of a heat map, lowest first, and the figures in them.
  static let shades: [(cell: Ink, figure: Ink)] = [
    (Ink(light: "#eef4fa", dark: "#1e2c3a"), Ink(light: "#1b2026", dark: "#e6e9ed")),
    (Ink(light: "#cfe2f2", dark: "#1f3f5a"), Ink(light: "#1b2026", dark: "#e6e9ed")),
    (Ink(light: "#a3cae6", dark: "#225880"), Ink(light: "#1b2026", dark: "#ffffff")),
    (Ink(light: "#6cadd9", dark: "#5199cb"), Ink(light: "#0b0f14", dark: "#0b0f14")),
    (Ink(light: "#1c6ca5", dark: "#8bc3e8"), Ink(light: "#ffffff", dark: "#0b0f14")),
    (Ink(light: "#0a4778", dark: "#c8e4f8"), Ink(light: "#ffffff", dark: "#0b0f14")),
  ]
  /// The page behind the charts.
  static let paper = Ink(light: "#ffffff", dark: "#171b21")

  /// The sheet. It defines `--s1` to `--s6` and reads `--ink`, `--muted`, `--line` and `--card` of the page.
  public static let sheet = StyleSheet(
    """
    :root { --s1: #0072b2; --s2: #b34f00; --s3: #007a59; --s4: #a04877; --s5: #7d6608; --s6: #3d3d3d;
      --h0: #eef4fa; --h1: #cfe2f2; --h2: #a3cae6; --h3: #6cadd9; --h4: #1c6ca5; --h5: #0a4778;
      --v0: #1b2026; --v1: #1b2026; --v2: #1b2026; --v3: #0b0f14; --v4: #ffffff; --v5: #ffffff; }
    @media screen and (prefers-color-scheme: dark) {
      :root { --s1: #56b4e9; --s2: #e69f00; --s3: #2ec49a; --s4: #dd9cbf; --s5: #f0e442; --s6: #d0d0d0;
        --h0: #1e2c3a; --h1: #1f3f5a; --h2: #225880; --h3: #5199cb; --h4: #8bc3e8; --h5: #c8e4f8;
        --v0: #e6e9ed; --v1: #e6e9ed; --v2: #ffffff; --v3: #0b0f14; --v4: #0b0f14; --v5: #0b0f14; }
    }
    svg.chart { display: block; width: 100%; max-width: 54rem; height: auto; font: 13px system-ui, sans-serif; overflow: hidden; }
    svg.bars { max-width: 38rem; }
    svg.heat { width: auto; max-width: none; }
    svg.sparkline { display: block; width: 120px; max-width: 100%; height: 28px; }
    svg text { fill: var(--ink); font-variant-numeric: tabular-nums; }
    svg .tick, svg .note { fill: var(--muted); font-size: 12px; }
    svg .alarm { fill: var(--bad); font-weight: 600; }
    svg .tie { stroke: var(--muted); stroke-width: 1; stroke-dasharray: 2 2; }
    svg.waterfall .label, svg.waterfall .figure { paint-order: stroke; stroke: var(--card); stroke-width: 4; }
    svg .cell { stroke: var(--card); stroke-width: 1; }
    svg .h0 { fill: var(--h0); } svg .h1 { fill: var(--h1); } svg .h2 { fill: var(--h2); }
    svg .h3 { fill: var(--h3); } svg .h4 { fill: var(--h4); } svg .h5 { fill: var(--h5); }
    svg .v0 { fill: var(--v0); } svg .v1 { fill: var(--v1); } svg .v2 { fill: var(--v2); }
    svg .v3 { fill: var(--v3); } svg .v4 { fill: var(--v4); } svg .v5 { fill: var(--v5); }
    svg .empty { fill: var(--muted); font-size: 16px; }
    svg .grid { stroke: var(--line); stroke-width: 1; }
    svg .axis { stroke: var(--muted); stroke-width: 1; }
    svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
    svg .mark { stroke-width: 1.5; }
    svg .band { fill: transparent; }
    svg .band:hover, svg .slot:hover .band { fill: var(--hover); }
    svg .s1 { stroke: var(--s1); } svg .s2 { stroke: var(--s2); } svg .s3 { stroke: var(--s3); }
    svg .s4 { stroke: var(--s4); } svg .s5 { stroke: var(--s5); } svg .s6 { stroke: var(--s6); }
    svg .mark.s1, svg .fill.s1 { fill: var(--s1); } svg .mark.s2, svg .fill.s2 { fill: var(--s2); }
    svg .mark.s3, svg .fill.s3 { fill: var(--s3); } svg .mark.s4, svg .fill.s4 { fill: var(--s4); }
    svg .mark.s5, svg .fill.s5 { fill: var(--s5); } svg .mark.s6, svg .fill.s6 { fill: var(--s6); }
    svg .fill { stroke: var(--card); stroke-width: 0.5; }
    svg .mark.hollow { fill: var(--card); }
    svg .line.s2 { stroke-dasharray: 7 4; } svg .line.s3 { stroke-dasharray: 2 4; }
    svg .line.s4 { stroke-dasharray: 9 3 2 3; } svg .line.s5 { stroke-dasharray: 4 2; }
    svg .line.s6 { stroke-dasharray: 12 4; }
    @media (max-width: 600px) {
      svg.chart text { font-size: 24px; } svg.chart .tick { font-size: 22px; }
      svg.bars text { font-size: 17px; } svg.bars .tick { font-size: 16px; }
      svg.heat text { font-size: 13px; } svg.heat .tick { font-size: 12px; } svg.chart .note { display: none; }
      svg .minor, svg .minor-wide { display: none; }
    }
    @media print {
      svg .band { display: none; } svg.heat { width: auto; max-width: 100%; }
      svg .fill { stroke: #333; }
      svg .fill.s1 { fill: #004a75; } svg .fill.s2 { fill: #e69f00; } svg .fill.s3 { fill: #007a59; }
      svg .fill.s4 { fill: #e8c0d8; } svg .fill.s5 { fill: #8f7a14; } svg .fill.s6 { fill: #1a1a1a; }
    }
    """)
}
