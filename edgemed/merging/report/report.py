"""A survey's figures in words, as JSON, and as one HTML page with plots by block.

The page needs nothing from outside: plots are SVG, there is no script. Names from files are
escaped. Knows figures, no files and no tensors.
"""

import html
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from edgemed.merging.report.survey import TensorFigures
from edgemed.printable import printable
from edgemed.tick_labels import tick_labels

TOO_COARSE = 0.5
"""Below this cosine, less than half of the written change is the change that was asked for."""

SOFT = 0.9

EXACT = 1e-6
"""A rounding error below this is that of float32: the type rounds nothing away."""


class Column(NamedTuple):
    """A figure of a table and a plot."""

    title: str
    meaning: str
    value: Callable[[TensorFigures], float | None]


COLUMNS = (
    Column("cosine", "how similar the models are: their cosine, 1 where equal", lambda m: m.cosine),
    Column("delta", "how far apart the models are, as a share of their size", lambda m: m.delta),
    Column("rounding", "error of rounding to the result's types, relative", lambda m: m.rounding),
    Column(
        "held",
        "how much of the change asked for is in the result: their cosine, 1 where all is",
        lambda m: m.held,
    ),
    Column(
        "kept",
        "the same for the models before they were rounded: an estimate",
        lambda m: m.estimate.kept if m.estimate else None,
    ),
)


def mean(
    measures: Iterable[TensorFigures], value: Callable[[TensorFigures], float | None]
) -> float | None:
    """The mean over weights; None if no tensor has this figure."""
    pairs = [(v, m.weights) for m in measures if (v := value(m)) is not None]
    return sum(v * n for v, n in pairs) / sum(n for _, n in pairs) if pairs else None


def summary(measures: Sequence[TensorFigures]) -> list[str]:
    """The figures in words for the user, most important first."""
    matrices = [m for m in measures if m.action == "blend" and m.held is not None]
    if not matrices:
        return ["The result is a copy of its parents: nothing was mixed."]
    kept = mean(matrices, lambda m: m.estimate.kept if m.estimate else m.held) or 0.0
    own = mean(matrices, lambda m: m.estimate.difference if m.estimate else None)
    rounding = mean(matrices, lambda m: m.rounding) or 0.0
    delta, asked = mean(matrices, lambda m: m.delta), mean(matrices, lambda m: m.asked) or 0.0
    lines = []
    if delta is not None:
        before = "" if own is None else f" (the models before rounding by about {own:.1%})"
        lines.append(
            f"The files differ by {delta:.1%} of their size{before}; the merge asks for a change "
            f"of {asked:.1%}, and rounding to the output's types adds {rounding:.1%}."
        )
    lines.append(kept_words(kept, matrices))
    lines += method_words(matrices)
    return lines


def kept_words(kept: float, matrices: Sequence[TensorFigures]) -> str:
    """How much of the models' change the result holds, and what to do if that is little."""
    found_in = [m for m in matrices if m.estimate] or matrices
    types = list(dict.fromkeys(type for m in found_in for type in m.types))
    larger = "F16" if "Q8_0" in types else "Q6_K or Q8_0"
    found = f"the result's change has a cosine of about {kept:.2f} with the models' own"
    if kept < TOO_COARSE:
        return (
            f"The parents' types ({', '.join(types)}) are too coarse for their difference: "
            f"{found}, most of it is rounding. Merge the same parents in {larger}; a larger "
            "output type alone helps less."
        )
    if kept < SOFT:
        return (
            f"Part of the change is lost in rounding: {found}. Parents of a larger type, or a "
            "larger output type, keep more."
        )
    return f"The change is kept: {found}."


def method_words(matrices: Sequence[TensorFigures]) -> list[str]:
    """Whether SLERP and linear are the same file in practice."""
    arcs = [m for m in matrices if m.arc is not None and m.rounding > EXACT]
    if not arcs:
        return []
    arc, rounding = mean(arcs, lambda m: m.arc) or 0.0, mean(arcs, lambda m: m.rounding) or 0.0
    if all((m.arc or 0.0) < m.rounding for m in arcs):
        return [
            f"The choice between SLERP and linear cannot matter here: they differ by {arc:.1e}, "
            f"less than the rounding error of {rounding:.1e}, in every tensor."
        ]
    return [
        f"SLERP and linear differ by {arc:.1e} here, and rounding by {rounding:.1e}: "
        "the choice between them may matter."
    ]


def as_json(title: str, measures: Sequence[TensorFigures]) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "title": title,
        "summary": summary(measures),
        "means": {c.title: mean(measures, c.value) for c in COLUMNS},
        "tensors": [asdict(m) for m in measures],
    }


def cells(measure: TensorFigures) -> tuple[str, ...]:
    """One row of the table."""
    types = " + ".join(dict.fromkeys(measure.types))
    kind = types if types == measure.type else f"{types} -> {measure.type}"
    return (measure.name, measure.action, kind, *(figure(c.value(measure)) for c in COLUMNS))


def figure(value: float | None) -> str:
    """Four digits, or a dash."""
    return (
        "-" if value is None else f"{value:.4f}" if value >= 1e-3 or value == 0 else f"{value:.1e}"
    )


def shown(text: str) -> str:
    """Text from a file for the page: no markup, no characters that reverse the reading
    direction."""
    return html.escape(printable(text))


COLORS = {"attn": "#2563a8", "ffn": "#b4552d", "norm": "#5b8c3a", "": "#7a6f9b"}
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 860, 220, 64, 34, 12


def as_html(title: str, measures: Sequence[TensorFigures]) -> str:
    """The page, whole."""
    said = "".join(f"<p>{shown(line)}</p>" for line in summary(measures))
    plots = "".join(
        f"<h2>{html.escape(c.meaning.capitalize())}</h2>{plot(measures, c)}" for c in COLUMNS
    )
    head = "".join(f"<th>{t}</th>" for t in ("tensor", "how", "types", *(c.title for c in COLUMNS)))
    rows = "".join(
        "<tr>" + "".join(f"<td>{shown(cell)}</td>" for cell in cells(m)) + "</tr>" for m in measures
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{shown(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{shown(title)}</h1>{said}{legend()}{plots}"
        f"<h2>Every tensor</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        "</body></html>\n"
    )


STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2rem auto;padding:0 1rem;"
    "color:#1c1c1c;background:#fff}h1{font-size:1.4rem}h2{font-size:1.05rem;margin-top:2rem}"
    "table{border-collapse:collapse;font-size:13px}td,th{padding:2px 8px;text-align:right;"
    "border-bottom:1px solid #ddd}td:nth-child(-n+3),th:nth-child(-n+3){text-align:left}"
    "svg{width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:#444}"
)


def legend() -> str:
    """Which colour is which group."""
    words = {"attn": "attention", "ffn": "feed-forward", "norm": "norms", "": "others"}
    dots = "".join(
        f'<span style="color:{COLORS[g]}">&#9679;</span> {word} &nbsp; '
        for g, word in words.items()
    )
    return f"<p>{dots}(by block; tensors outside the blocks are in the table)</p>"


def plot(measures: Sequence[TensorFigures], column: Column) -> str:
    """One dot a tensor: its block across, its figure up."""
    dots = [
        (m.block, value, m)
        for m in measures
        if m.block is not None and (value := column.value(m)) is not None and math.isfinite(value)
    ]
    if not dots:
        return "<p>No tensor in a block has this figure.</p>"
    last = max(1, max(block for block, _, _ in dots))
    low, high = span([value for _, value, _ in dots])
    levels = (low, (low + high) / 2, high)

    def x(block: float) -> float:
        return LEFT + (WIDTH - LEFT - 12) * block / last

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    marks = "".join(
        f'<circle cx="{x(block):.1f}" cy="{y(value):.1f}" r="3" '
        f'fill="{COLORS.get(m.group, COLORS[""])}" fill-opacity="0.75">'
        f"<title>{shown(m.name)}: {figure(value)}</title></circle>"
        for block, value, m in dots
    )
    lines = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - 12}" y1="{y(v):.1f}" y2="{y(v):.1f}" stroke="#ddd"/>'
        f'<text x="{LEFT - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{label}</text>'
        for v, label in zip(levels, tick_labels(levels, 4), strict=True)
    )
    blocks = "".join(
        f'<text x="{x(b):.1f}" y="{HEIGHT - 14}" text-anchor="middle">{b}</text>'
        for b in range(0, last + 1, max(1, math.ceil((last + 1) / 16)))
    )
    name = html.escape(column.meaning)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name} by block">'
        f'{lines}{marks}{blocks}<text x="{WIDTH / 2}" y="{HEIGHT - 1}" text-anchor="middle">block'
        "</text></svg>"
    )


def span(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis that holds all values."""
    low, high = min(values), max(values)
    if high - low < 1e-12:
        return low - max(abs(low) * 0.1, 1e-6), high + max(abs(high) * 0.1, 1e-6)
    return low, high
