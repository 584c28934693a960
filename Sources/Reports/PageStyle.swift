// The look of the pages: one sheet for screen, phone, dark and paper. System fonts only, since nothing is loaded.
// Contrast of text is at least 4.5:1 in both schemes; colour never carries meaning alone.
// Charts bring their own sheet, which reads the colours defined here.

internal import Markup

enum PageStyle {
  static let sheet = base + ChartStyle.sheet + narrow

  private static let base = StyleSheet(
    """
    :root {
      color-scheme: light dark;
      --page: #f4f5f7; --card: #ffffff; --ink: #1b2026; --muted: #58616b; --line: #dfe3e8; --hover: rgba(0, 60, 120, .07);
      --link: #00568c; --good: #0b6b46; --good-back: #e5f4ec; --warn: #7a4d00; --warn-back: #fdf1d8; --bad: #a3231b;
    }
    @media screen and (prefers-color-scheme: dark) {
      :root {
        --page: #0e1116; --card: #171b21; --ink: #e6e9ed; --muted: #a0a9b4; --line: #2b323b;
        --hover: rgba(160, 200, 255, .10); --link: #7cc0f4; --good: #63d3a3; --good-back: #10281f; --warn: #f0bf62;
        --warn-back: #2c220d; --bad: #ff9d94;
      }
    }
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; }
    body { margin: 0 auto; padding: 0 1.25rem 3rem; max-width: 76rem; background: var(--page); color: var(--ink);
      font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
      overflow-wrap: anywhere; }
    .skip { position: absolute; left: -100rem; padding: .5rem .9rem; background: var(--card); color: var(--link); z-index: 1; }
    .skip:focus { left: .5rem; top: .5rem; }
    .unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    a { color: var(--link); text-underline-offset: .15em; }
    a:focus-visible, .scroll:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
    h1 { margin: 0; font-size: 2rem; line-height: 1.2; letter-spacing: -.015em; overflow-wrap: anywhere; }
    h2 { margin: 0 0 .75rem; font-size: 1.2rem; line-height: 1.3; overflow-wrap: anywhere; }
    h3 { margin: 1.25rem 0 .5rem; font-size: .95rem; color: var(--muted); overflow-wrap: anywhere; }
    header.page { padding: 1.75rem 0 0; }
    .project { margin: 0 0 .2rem; color: var(--muted); font-weight: 600; font-size: .9rem; overflow-wrap: anywhere; }
    .change { display: block; white-space: nowrap; color: var(--muted); }
    .lead { margin: .35rem 0 .9rem; color: var(--muted); max-width: 46rem; }
    .facts { display: flex; flex-wrap: wrap; gap: .6rem 2.25rem; margin: 1rem 0 0; padding: 0; list-style: none; }
    .facts li { min-width: 0; font-size: .92rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
    .facts .term, .facts small { display: block; color: var(--muted); font-size: .78rem; }
    nav { display: flex; flex-wrap: wrap; gap: .15rem 1.4rem; margin: 1.25rem 0 0; border-bottom: 1px solid var(--line); }
    nav a { padding: .45rem 0; margin-bottom: -1px; color: var(--muted); text-decoration: none;
      border-bottom: 2px solid transparent; }
    nav a:hover { color: var(--ink); }
    nav a[aria-current] { color: var(--ink); font-weight: 600; border-color: var(--link); }
    .banner { margin: 1.25rem 0; padding: .75rem 1rem; border-radius: .5rem; border-left: 4px solid; }
    .banner p { margin: 0; } .banner strong { margin-right: .7rem; letter-spacing: .04em; }
    .banner ul { margin: .35rem 0 .35rem 1.1rem; padding: 0; }
    .banner.good { background: var(--good-back); border-color: var(--good); }
    .banner.good strong { color: var(--good); }
    .banner.draft { background: var(--warn-back); border-color: var(--warn); }
    .banner.draft strong { color: var(--warn); }
    .reach { margin-top: .3rem; font-size: .85rem; color: var(--muted); }
    .nowrap { white-space: nowrap; }
    main section { margin: 1.25rem 0; padding: 1.25rem 1.4rem; background: var(--card); border: 1px solid var(--line);
      border-radius: .6rem; min-width: 0; }
    main section.words, main section.note { background: none; border: 0; padding: 0 .2rem; max-width: 46rem; }
    main section.note { border-left: 3px solid var(--line); padding-left: 1rem; color: var(--muted); }
    section.words p, section.note p { margin: .4rem 0; }
    section.verdict { padding: .9rem 1.4rem; }
    section.verdict p { display: flex; gap: .8rem; margin: 0; font-weight: 600; }
    .sign { display: inline-grid; place-items: center; flex: none; width: 1.5rem; height: 1.5rem; border-radius: 50%;
      color: var(--card); font-size: .85rem; }
    .verdict.good .sign { background: var(--good); } .verdict.bad .sign { background: var(--bad); }
    .verdict.bad { border-color: var(--bad); }
    .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .75rem; margin: 0;
      padding: 0; list-style: none; }
    .tiles li { display: flex; flex-direction: column; padding: .8rem 1rem .9rem; border: 1px solid var(--line);
      border-radius: .5rem; min-width: 0; }
    .tiles .label { color: var(--muted); font-size: .85rem; }
    .tiles .value { font-size: 1.4rem; font-weight: 650; line-height: 1.35; letter-spacing: -.01em;
      font-variant-numeric: tabular-nums; overflow-wrap: anywhere; margin-bottom: .15rem; }
    .tiles .value small { white-space: nowrap; font-size: .8rem; font-weight: 500; color: var(--muted); letter-spacing: 0; }
    .comparison { font-size: .82rem; color: var(--muted); font-variant-numeric: tabular-nums; line-height: 1.45; }
    .comparison strong { color: var(--ink); font-weight: 600; } .arrow { font-size: .8em; }
    .group:first-of-type h3 { margin-top: 0; }
    .sources { display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin: -.45rem 0 .8rem; padding: 0; list-style: none;
      font-size: .82rem; }
    .sources a { color: var(--muted); } .sources a:hover { color: var(--link); }
    section.verdict .sources { margin: .3rem 0 0 2.2rem; }
    .panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1.5rem 2.5rem; }
    .panels.wide { grid-template-columns: minmax(0, 1fr); } .panels figure { min-width: 0; } .panels h3 { margin-top: 0; }
    figure { margin: 0; } figcaption { margin-top: .6rem; color: var(--muted); font-size: .88rem; max-width: 60rem;
      overflow-wrap: anywhere; }
    .scroll { position: relative; overflow-x: auto; margin: 0 -.4rem; }
    table { overflow-wrap: break-word; border-collapse: collapse; min-width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
    th, td { padding: .38rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
    th { color: var(--muted); font-weight: 600; font-size: .82rem; vertical-align: bottom; white-space: nowrap; }
    thead th { border-bottom-color: var(--muted); }
    tbody th { color: inherit; font-weight: inherit; font-size: inherit; vertical-align: top; white-space: normal; }
    tbody tr:hover { background: var(--hover); } tbody tr:last-child > * { border-bottom: 0; }
    .n { text-align: right; white-space: nowrap; } td.n { padding-right: .8rem; } td.neg { padding-right: .45rem; }
    th.n { padding-right: .8rem; }
    tbody .t { white-space: nowrap; } tbody .wrap, tbody .long { white-space: normal; overflow-wrap: anywhere; }
    tbody .wrap { min-width: 11rem; } tbody .long { min-width: 16rem; max-width: 30rem; }
    tbody small { color: var(--muted); }
    .more { margin: .7rem 0 0; color: var(--muted); font-size: .88rem; }
    .empty { margin: 0; color: var(--muted); }
    details { margin-top: .8rem; } summary { cursor: pointer; color: var(--link); font-size: .9rem; }
    details[open] summary { margin-bottom: .5rem; }
    .links { margin: 0; padding: 0; list-style: none; } .links li { padding: .3rem 0; }
    .links a { font-weight: 600; margin-right: .5rem; } .links span { color: var(--muted); }
    code { font-size: .92em; overflow-wrap: anywhere; }
    footer { margin-top: 2rem; color: var(--muted); font-size: .84rem; } footer p { margin: .3rem 0; overflow-wrap: anywhere; }
    """)

  private static let narrow = StyleSheet(
    """
    @media (max-width: 600px) {
      body { padding: 0 .8rem 2rem; font-size: 15px; } h1 { font-size: 1.55rem; }
      header.page { padding-top: 1.1rem; }
      .facts { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem 1rem; }
      main section { padding: 1rem .9rem; } .tiles { grid-template-columns: 1fr; gap: .5rem; }
      .tiles li { padding: .5rem .75rem; } .tiles .value { font-size: 1.15rem; margin: 0; }
      .scroll { margin: 0 -.9rem; padding: 0 .4rem; } tbody .long { min-width: 13rem; }
    }
    @media print {
      @page { size: landscape; margin: 12mm; }
      :root { color-scheme: light; --page: #fff; --card: #fff; --ink: #000; --muted: #444; --line: #bbb; --link: #000;
        --good: #0b6b46; --good-back: #fff; --warn: #7a4d00; --warn-back: #fff; --bad: #a3231b; --hover: transparent; }
      body { padding: 0; max-width: none; font-size: 10pt; }
      nav, .skip, .sources, footer p:has(a) { display: none; }
      main section { border: 0; padding: 0; margin: 6mm 0; } .banner { border: 1px solid; }
      .scroll { overflow: visible; margin: 0; } table { font-size: 7.5pt; min-width: 0; width: 100%; }
      th, td { padding: .2rem .35rem; } td.n, th.n { padding-right: .45rem; } td.neg { padding-right: .2rem; }
      tbody .t, thead .t, thead .n { white-space: normal; } thead th { font-size: 7.5pt; }
      thead .long { min-width: 20mm; overflow-wrap: anywhere; }
      tbody .nowrap { white-space: nowrap; } tbody .wrap { min-width: 22mm; } tbody .long { min-width: 28mm; max-width: none; }
      thead { display: table-header-group; } tr, .tiles li, figure, .verdict { break-inside: avoid; }
      h2, h3 { break-after: avoid; } .group { break-inside: avoid; }
      .tiles { grid-template-columns: repeat(auto-fit, minmax(46mm, 1fr)); gap: 2mm; }
      .tiles .value { font-size: 12pt; } details::details-content { display: block; content-visibility: visible; }
      summary { list-style: none; color: var(--muted); }
      svg.chart { max-height: 90mm; } pre, .change { white-space: pre-wrap; overflow-wrap: anywhere; }
    }
    """)
}
