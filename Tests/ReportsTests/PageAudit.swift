// What a browser can tell of a page that no parser can: whether text can be read on what is behind it, whether labels
// of a picture lie in their frame and apart from each other, whether the keyboard reaches what scrolls.
// The page itself forbids scripts; this one runs from outside, in the debugger.

enum PageAudit {
  /// An expression that gives a JSON text: `{ "width": 360, "defects": ["…"] }`.
  static let script = #"""
    (() => {
      const defects = [];
      const say = (what, element, more) => {
        const text = (element.textContent || '').trim().replace(/\s+/g, ' ').slice(0, 40).toWellFormed();
        const name = element.tagName.toLowerCase() + (element.getAttribute('class') ? '.' + element.getAttribute('class') : '');
        defects.push(`${what}: <${name}> "${text}"${more ? ' ' + more : ''}`);
      };
      const all = [...document.querySelectorAll('*')];
      const isShown = e => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== 'hidden';

      // Nothing that runs or loads.
      for (const e of document.querySelectorAll('script, iframe, object, embed, img, link, base, form, input, use, foreignObject, animate, set')) say('must not be there', e);
      for (const e of all) for (const a of e.attributes) if (/^on/i.test(a.name) || a.name === 'style' || /^\s*javascript:/i.test(a.value)) say('must not have ' + a.name, e);

      // Nothing but what scrolls by itself sticks out of the page.
      const width = document.documentElement.clientWidth;
      const scroller = e => { for (let p = e; p; p = p.parentElement) if (/auto|scroll|hidden|clip/.test(getComputedStyle(p).overflowX) && p !== document.body && p !== document.documentElement) return p; return null; };
      for (const e of document.querySelectorAll('body *')) {
        const box = e.getBoundingClientRect();
        if (isShown(e) && box.right > width + 1 && !scroller(e) && !e.closest('svg') && box.width > 0) say('sticks out of the page', e, `to ${Math.round(box.right)}`);
      }
      // The keyboard reaches what scrolls, and knows its name.
      for (const e of all) {
        if (/auto|scroll/.test(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1 && e !== document.documentElement && e !== document.body) {
          if (e.tabIndex < 0 || !e.getAttribute('aria-label') || e.getAttribute('role') !== 'region') say('scrolls without a name or a tab stop', e);
        }
      }

      // Outline.
      const headings = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')];
      let level = 0;
      for (const h of headings) { const own = +h.tagName[1]; if (own > level + 1) say('skips a level', h); level = own; }
      for (const name of ['h1', 'main', 'header', 'footer']) if (document.querySelectorAll(name).length !== 1) defects.push(`not one <${name}>`);
      for (const n of document.querySelectorAll('nav')) if (!n.getAttribute('aria-label')) say('has no name', n);
      for (const a of document.querySelectorAll('a')) if (!a.textContent.trim()) say('has no words', a);
      const skip = document.querySelector('a');
      if (!skip || skip.getAttribute('href') !== '#main' || !document.getElementById('main')) defects.push('no way past the head');
      else if (!matchMedia('print').matches) {
        skip.focus();
        const box = skip.getBoundingClientRect();
        if (box.left < 0 || box.top < 0 || box.width < 40) say('is not seen with the focus on it', skip);
        skip.blur();
      }
      for (const t of document.querySelectorAll('table')) {
        if (!t.caption || !t.caption.textContent.trim()) say('has no caption', t);
        for (const h of t.querySelectorAll('th')) if (!h.getAttribute('scope')) say('has no scope', h);
      }
      for (const e of document.querySelectorAll('[aria-labelledby]')) {
        for (const id of e.getAttribute('aria-labelledby').split(' ')) if (!(document.getElementById(id)?.textContent.trim())) say(`is named by ${id}, which says nothing`, e);
      }

      // Pictures.
      for (const s of document.querySelectorAll('svg')) {
        if (s.getAttribute('role') !== 'img' || !(s.getAttribute('aria-label') || s.getAttribute('aria-labelledby')) || !s.querySelector('title')) say('has no name', s);
        if (!isShown(s)) continue;
        const frame = s.viewBox.baseVal;
        const labels = [...s.querySelectorAll('text')].filter(t => getComputedStyle(t).display !== 'none').map(t => [t, t.getBBox()]);
        for (const [t, b] of labels) {
          if (b.x < -5 || b.y < -1.5 || b.x + b.width > frame.width + 1.5 || b.y + b.height > frame.height + 1.5) say('leaves its picture', t, `${Math.round(b.x)},${Math.round(b.y)} to ${Math.round(b.x + b.width)},${Math.round(b.y + b.height)} of ${frame.width},${frame.height}`);
        }
        for (let i = 0; i < labels.length; i++) for (let j = i + 1; j < labels.length; j++) {
          const [a, b] = [labels[i][1], labels[j][1]];
          const x = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
          const y = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
          if (x > 1.5 && y > 4) say('lies upon another label', labels[i][0], `"${labels[j][0].textContent.slice(0, 30).toWellFormed()}" by ${Math.round(x)}×${Math.round(y)}`);
        }
      }

      // Contrast of every text with what is behind it (WCAG 2.2, 1.4.3).
      const colour = text => { const m = (text || '').match(/[\d.]+/g); return m ? m.map(Number) : null; };
      const luminance = c => { const f = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(c[0]) + 0.7152 * f(c[1]) + 0.0722 * f(c[2]); };
      const behind = e => {
        for (let p = e; p; p = p.parentElement) {
          const c = colour(getComputedStyle(p).backgroundColor);
          if (c && (c.length < 4 || c[3] > 0.5)) return c;
        }
        return matchMedia('print').matches ? [255, 255, 255] : colour(getComputedStyle(document.documentElement).backgroundColor);
      };
      const seen = new Set();
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const e = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim() || seen.has(e)) continue;
        seen.add(e);
        if (!isShown(e) || /^(title|desc|style|script)$/i.test(e.tagName)) continue;
        const style = getComputedStyle(e);
        const svg = e.closest('svg');
        const front = colour(svg ? style.fill : style.color);
        const cell = svg && /^v\d/.test(e.getAttribute('class')) && e.previousElementSibling?.classList.contains('cell') ? e.previousElementSibling : null;
        const back = cell ? colour(getComputedStyle(cell).fill) : behind(svg ?? e);
        if (!front || !back) { say('has no colour', e); continue; }
        const [x, y] = [luminance(front), luminance(back)];
        const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
        if (ratio < 4.5) say('is hard to read', e, `${ratio.toFixed(2)}: ${front} on ${back}`);
        const size = parseFloat(style.fontSize) * (svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1);
        if (!matchMedia('print').matches && size < 9.5) say('is very small', e, `${size.toFixed(1)} px`);
      }
      return JSON.stringify({ width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight, defects: [...new Set(defects)] });
    })()
    """#
}
