"""A sweep on tasks as one HTML file: plots as SVG, tables, and the commands that repeat it.

No script, no font and no picture from elsewhere; every text in it is escaped. It holds figures, and
no word of a prompt or an answer unless it is given examples to show.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from edgemed.evals.measures import UNITS
from edgemed.evals.sweeping.task_sweep import AnsweredItem

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 260, 44, 30, 12
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: .2em .7em; text-align: right; }
th { border-bottom: 2px solid; } td:first-child, th:first-child { text-align: left; }
tr:nth-child(even) { background: #8881; } pre { background: #8882; padding: .7em; overflow: auto; }
svg { max-width: 100%; } svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
.alarm { font-weight: bold; }
pre.text { white-space: pre-wrap; }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(data: Mapping[str, Any], command: str, examples: Sequence[AnsweredItem] = ()) -> str:
    """The page of the data from `report.as_data`, the command that made them, and examples."""
    title = f"Sweep: {' and '.join(data['models'])}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        *verdict(data),
        "<h2>Test</h2>",
        retention(data["retention"]),
        *(measures(task, rows) for task, rows in data["test"].items()),
        *beside(data["beside"]),
        "<h2>Choice</h2>",
        f"<p>The rule: {escape(data['rule'])}. On development splits; bars are 95 % intervals.</p>",
        *plots(data["development"], data["chosen"]),
        *without_t(data["development"], data["chosen"]),
        *told(examples),
        "<h2>To repeat it</h2>",
        f"<pre>{escape(command)}</pre>",
        *([f"<p>The merge alone:</p><pre>{escape(data['make'])}</pre>"] if data["make"] else []),
        f"<p>Method {escape(data['method'])}, seed {data['seed']}, {data['seconds']:.0f} s.</p>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def verdict(data: Mapping[str, Any]) -> Iterator[str]:
    """The choice in a sentence or two."""
    chosen = data["chosen"]
    if chosen is None:
        yield "<p>No point was chosen.</p>"
        return
    which = headed(chosen)
    yield f"<p>Chosen: {escape(which)}; {escape(chosen['axis'])} keeps least there.</p>"
    if chosen["undecided_with"]:
        others = "; ".join(escape(str(point)) for point in chosen["undecided_with"])
        yield f"<p>Undecided: these items cannot tell it apart from {others}.</p>"


def headed(row: Mapping[str, Any]) -> str:
    """A point over a column."""
    return str(row["point"]) if row["t"] is None else f"t = {row['t']:g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells are escaped here."""
    first = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    return f"<table><tr>{first}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def retention(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the merge keeps."""
    if not rows:
        return "<p>No merge was tested beside its parents.</p>"
    head = ("task", "measure", "items", "floor", "better parent", "merge", "kept", "verdict")
    lines = []
    for row in rows:
        kept = row["kept"]
        share = "-" if kept is None else spread(kept)
        scores = (hundred(row[name]) for name in ("floor", "better_parent", "merge"))
        task = f"{row['task']}, {row['split']}"
        lines.append((task, row["measure"], str(row["items"]), *scores, share, row["verdict"]))
    return table(head, lines)


def measures(task: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Every measure of a task by point."""
    whole = [row for row in rows if not row["group"]]
    heads = list(dict.fromkeys(map(headed, whole)))
    names = dict.fromkeys(row["measure"] for row in whole)
    cells = {(headed(row), row["measure"]): spread(row) for row in whole}
    lines = [(name, *(cells.get((head, name), "-") for head in heads)) for name in names]
    return f"<h3>{escape(task)}</h3>" + table(("measure", *heads), lines)


def beside(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The rows beside, on every measure."""
    if not rows:
        return
    yield "<h2>Beside the merge</h2><p>On the same items; p is corrected over all rows.</p>"
    lines = []
    for row in rows:
        by = 1 if row["measure"] in UNITS else 100
        values = (f"{by * row[name]:.1f}" for name in ("value", "merge"))
        p = f"{row['p_corrected']:.4f}"
        lines.append((row["row"], row["task"], row["measure"], str(row["items"]), *values, p))
    yield table(("row", "task", "measure", "items", "its value", "merge", "p, corrected"), lines)


def told(examples: Sequence[AnsweredItem]) -> Iterator[str]:
    """Questions and answers word for word, with their licences."""
    if examples:
        yield "<h2>Examples</h2><p>This page holds texts of the tasks. Their licences:</p>"
        terms = dict.fromkeys(f"{one.task.name}: {one.task.licence}" for one in examples)
        yield "<ul>" + "".join(f"<li>{escape(term)}</li>" for term in terms) + "</ul>"
    for one in examples:
        parts = {"question": one.question, "reference": one.reference, **one.answers}
        yield f"<h3>{escape(one.task.name)}</h3>" + "".join(
            f"<h4>{escape(name)}</h4><pre class='text'>{escape(text)}</pre>"
            for name, text in parts.items()
            if text or name != "reference"
        )


def hundred(value: float) -> str:
    """A share times 100."""
    return f"{100 * value:.1f}"


def spread(row: Mapping[str, Any]) -> str:
    """A figure with its interval: times 100, or unchanged."""
    plain = row.get("measure") in UNITS
    value, low, high = (
        f"{row[name]:.4g}" if plain else hundred(row[name]) for name in ("value", "low", "high")
    )
    return f"{value} ({low} to {high}) {UNITS[row['measure']] if plain else ''}".strip()


def plots(rows: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any] | None) -> Iterator[str]:
    """A plot for each deciding measure, of the points that have one t."""
    for name in rows[0]["axes"] if rows else ():
        points = [(row["t"], row["axes"][name]) for row in rows if row["t"] is not None]
        if not points:
            continue
        yield f"<h3>{escape(name)}</h3>" + plot(points, chosen["t"] if chosen else None)


def without_t(rows: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any] | None) -> Iterator[str]:
    """The other points in a table: recipes, and merges of a search."""
    others = [row for row in rows if row["t"] is None]
    if not others:
        return
    names = list(others[0]["axes"])
    lines = []
    for row in others:
        mark = " *" if chosen and chosen["point"] == row["point"] else ""
        figures = ({"value": axis["mean"]} | axis for axis in (row["axes"][n] for n in names))
        lines.append((row["point"] + mark, *map(spread, figures)))
    yield "<h3>Points without a single t</h3>" + table(("point", *names), lines)


def plot(points: Sequence[tuple[float, Mapping[str, float]]], chosen: float | None) -> str:
    """Means with their intervals against t, from 0 to the highest end of an interval."""
    top = max(max(score["high"] for _, score in points), 1e-9)

    def x(t: float) -> float:
        return round(LEFT + t * (WIDTH - LEFT - 16), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP), 1)

    parts = [
        f'<line x1="{LEFT}" y1="{y(v)}" x2="{WIDTH}" y2="{y(v)}" stroke="#8886"/>'
        f'<text x="{LEFT - 6}" y="{y(v) + 4}" text-anchor="end">{hundred(v)}</text>'
        for v in (0.0, top / 2, top)
    ]
    for t, score in points:
        colour = "#d55e00" if t == chosen else "#0072b2"
        parts.append(
            f'<line x1="{x(t)}" y1="{y(score["low"])}" x2="{x(t)}" y2="{y(score["high"])}" '
            f'stroke="{colour}"/><circle cx="{x(t)}" cy="{y(score["mean"])}" r="4" '
            f'fill="{colour}"/><text x="{x(t)}" y="{HEIGHT - 10}" text-anchor="middle">{t:g}</text>'
        )
    line = " ".join(f"{x(t)},{y(score['mean'])}" for t, score in points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#0072b2" stroke-opacity=".5"/>')
    body = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" width="{WIDTH}">{body}</svg>'
