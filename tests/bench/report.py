"""A run's figures as people read them: tables on a terminal, the same as Markdown for docs/BENCHMARKS.md."""
import figures


def cell(row, key):
    """The median, and behind it the spread where there was more than one measurement."""
    column = figures.COLUMNS[key]
    median, spread = row.median(key), row.spread(key)
    if median is None:
        return "-"
    text = column.text(median)
    if len(row.values(key)) > 1 and spread[0] != spread[1]:
        text += f" ({column.text(spread[0])}–{column.text(spread[1])})"
    return text


def cells(table):
    """Heading and rows; columns without any value are left out."""
    keys = [key for key in table.columns if any(row.values(key) for row in table.rows)]
    lines = [["", *(figures.COLUMNS[key].heading for key in keys)]]
    for row in table.rows:
        if row.failed and not row.rounds:
            lines.append([row.label, f"failed: {row.failed}"] + [""] * (len(keys) - 1))
        else:
            lines.append([row.label, *(cell(row, key) for key in keys)])
    return lines


def as_text(table):
    lines = cells(table)
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(max(map(len, lines)))]
    out = [f"{table.name}: {table.title}"]
    for line in lines:
        first, *rest = line
        out.append(f"  {first:<{widths[0]}}" + "".join(f"  {text:>{width}}" for text, width in zip(rest, widths[1:])))
    return "\n".join(line.rstrip() for line in out)


def as_markdown(table):
    lines = cells(table)
    out = [f"### {table.title}", ""]
    if table.note:
        out += [table.note, ""]
    for i, line in enumerate(lines):
        line = line + [""] * (len(lines[0]) - len(line))
        out.append("| " + " | ".join(line) + " |")
        if i == 0:
            out.append("|---" + "|---:" * (len(line) - 1) + "|")
    return "\n".join(out)


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def targets_as_lines(tables):
    return [(t.what, t.wanted, number(m), "yes" if t.reached(m) else "NO") for t, m in figures.judged(tables)]


def targets_as_text(tables):
    lines = targets_as_lines(tables)
    if not lines:
        return ""
    wide = max(len(what) for what, *_ in lines)
    return "\n".join(["figures to reach:"] + [f"  {what:<{wide}}  {measured:>10}  {wanted:<18} {reached}"
                                             for what, wanted, measured, reached in lines])


def targets_as_markdown(tables):
    out = ["| | wanted | measured | reached |", "|---|---|---:|---|"]
    return "\n".join(out + [f"| {what} | {wanted} | {measured} | {reached} |" for what, wanted, measured, reached in targets_as_lines(tables)])


def publish(text, tables, about):
    """`text` (docs/BENCHMARKS.md) with what stands between its markers written anew."""
    parts = ["![Requests a second, cpu a request and a download, by way](bench.svg)", "", about["line"] + ".", "", "## Figures to reach", "", targets_as_markdown(tables), "", "## All figures", "",
             "Medians; in brackets the lowest and the highest of the rounds.", ""]
    for table in tables.values():
        parts += [as_markdown(table), ""]
    begin, end = "<!-- figures: begin -->", "<!-- figures: end -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return before + begin + "\n" + "\n".join(parts) + end + after
