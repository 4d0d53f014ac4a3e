"""The chart of docs/BENCHMARKS.md: three panels of bars, one bar a way, as SVG written by hand."""
import html

PANELS = (("requests-50", "rps", "requests a second, 50 visitors", "{:,.0f}"),
          ("requests-50", "cpu_us", "cpu µs a request, all its processes", "{:,.1f}"),
          ("down", "mbps", "100 MB down, MB/s", "{:,.0f}"))
WIDTH, LABELS, BAR, GAP, TOP = 860, 190, 18, 8, 34
NUMBERS = 70  # room for the figure behind a bar
OURS, THEIRS, INK, PALE = "#0b7a53", "#9aa5b1", "#1f2933", "#616e7c"


def bars(table, key):
    found = [(row.label, row.kind, row.median(key)) for row in table.rows]
    return [(label, kind, value) for label, kind, value in found if value]


def panel(out, y, title, rows, form):
    out.append(f'<text x="16" y="{y + 18}" class="title">{html.escape(title)}</text>')
    y += TOP
    most = max(value for _, _, value in rows)
    room = WIDTH - LABELS - NUMBERS - 32
    for label, kind, value in rows:
        colour = OURS if kind in ("mux", "classic") else THEIRS
        wide = max(1.0, value / most * room)
        out.append(f'<text x="{LABELS + 8}" y="{y + 13}" class="label">{html.escape(label)}</text>')
        out.append(f'<rect x="{LABELS + 16}" y="{y}" width="{wide:.1f}" height="{BAR}" rx="2" fill="{colour}"/>')
        out.append(f'<text x="{LABELS + 22 + wide:.1f}" y="{y + 13}" class="number">{form.format(value)}</text>')
        y += BAR + GAP
    return y + 14


def draw(tables, line):
    """The SVG, or None when this run has nothing for it."""
    out, y = [], 12
    for case, key, title, form in PANELS:
        rows = bars(tables[case], key) if case in tables else []
        if rows:
            y = panel(out, y, title, rows, form)
    if not out:
        return None
    out.append(f'<text x="16" y="{y + 6}" class="number">{html.escape(line)}</text>')
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 20}" width="{WIDTH}" height="{y + 20}" '
            'role="img" aria-label="Benchmarks of Tenfold and its peers">'
            "<style>text{font:12px system-ui,sans-serif}"
            f".title{{font-weight:600;font-size:14px;fill:{INK}}}.label{{text-anchor:end;fill:{INK}}}.number{{fill:{PALE}}}</style>"
            f'<rect width="{WIDTH}" height="{y + 20}" fill="#fff"/>')
    return "\n".join([head, *out, "</svg>", ""])
