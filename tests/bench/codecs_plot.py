"""One picture of all encoders: speed against error, ours beside libggml's, as SVG text.

Both axes are logarithmic. A line joins the two points of a type: it should go up and to the left.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

WIDTH, HEIGHT, MARGIN = 760, 480, 56
OURS, THEIRS = "#0b6e4f", "#8a8a8a"
LABEL, LINE = 58, 13  # room a label takes
SMALLEST = 1e-3  # relative error: exact types are not drawn


def drawing(rows: Sequence[Mapping[str, Any]]) -> str:
    """SVG of rows with type, ours and libggml (million weights a second), error, libggml_error."""
    shown = [row for row in rows if row["libggml_error"] > SMALLEST]
    if not shown:
        return frame([])
    errors = [row[key] for row in shown for key in ("error", "libggml_error")]
    speeds = [row[key] for row in shown for key in ("ours", "libggml")]
    across, up = scale(errors, MARGIN, WIDTH - 24), scale(speeds, HEIGHT - MARGIN, 24)
    parts = [tick_lines(errors, speeds, across, up)]
    points = {row["type"]: (at(row["error"], across), at(row["ours"], up)) for row in shown}
    for row in shown:
        x1, y1 = at(row["libggml_error"], across), at(row["libggml"], up)
        x2, y2 = points[row["type"]]
        parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{THEIRS}"/>'
            f'<circle cx="{x1:.1f}" cy="{y1:.1f}" r="3" fill="{THEIRS}"/>'
            f'<circle cx="{x2:.1f}" cy="{y2:.1f}" r="4" fill="{OURS}"/>'
        )
    return frame(parts + [label(name, points) for name in points])


def label(name: str, points: Mapping[str, tuple[float, float]]) -> str:
    """The name of a type: right of its point, or left of it where another point is in the way.

    Of two points above each other, the labels move apart.
    """
    x, y = points[name]
    near = [(ox - x, oy - y) for ox, oy in points.values() if abs(oy - y) < LINE]
    crowded = any(0.5 < dx < LABEL for dx, _ in near)
    away = sum((dy < 0) - (dy > 0) for dx, dy in near if abs(dx) <= 0.5)
    place, anchor = (x - 7, "end") if crowded else (x + 7, "start")
    return f'<text x="{place:.1f}" y="{y + 4 + 5 * away:.1f}" text-anchor="{anchor}">{name}</text>'


Scale = tuple[float, float]
"""(slope, offset) from the logarithm of a value to a coordinate."""


def scale(values: Iterable[float], start: float, end: float) -> Scale:
    """From a little below the least value at `start` to a little above the largest at `end`."""
    logs = [math.log10(value) for value in values]
    low, high = min(logs) - 0.08, max(logs) + 0.08
    slope = (end - start) / (high - low)
    return slope, start - slope * low


def at(value: float, scale: Scale) -> float:
    return scale[0] * math.log10(value) + scale[1]


def tick_lines(errors: Sequence[float], speeds: Sequence[float], across: Scale, up: Scale) -> str:
    """Light lines at round values, with their numbers."""
    bottom, out = HEIGHT - MARGIN, []
    for value in round_values(errors):
        x = at(value, across)
        out.append(f'<path d="M{x:.1f} 24V{bottom}" stroke="#ddd"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    for value in round_values(speeds):
        y = at(value, up)
        out.append(f'<path d="M{MARGIN} {y:.1f}H{WIDTH - 24}" stroke="#ddd"/>')
        out.append(f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.0f}</text>')
    return "".join(out)


def round_values(values: Sequence[float]) -> list[float]:
    """1, 2 and 5 times powers of ten between the least and the largest."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    ticks = [m * 10.0**e for e in range(low, high + 1) for m in (1, 2, 5)]
    return [tick for tick in ticks if min(values) <= tick <= max(values)]


def frame(parts: Sequence[str]) -> str:
    middle = HEIGHT // 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{"".join(parts)}'
        f'<text x="{WIDTH // 2}" y="{HEIGHT - 12}" text-anchor="middle">'
        "error relative to the weights (smaller is better)</text>"
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">'
        "million weights a second, one thread</text>"
        f'<circle cx="{MARGIN + 14}" cy="{HEIGHT - MARGIN - 36}" r="4" fill="{OURS}"/>'
        f'<text x="{MARGIN + 24}" y="{HEIGHT - MARGIN - 32}">edgemed</text>'
        f'<circle cx="{MARGIN + 14}" cy="{HEIGHT - MARGIN - 18}" r="3" fill="{THEIRS}"/>'
        f'<text x="{MARGIN + 24}" y="{HEIGHT - MARGIN - 14}">libggml</text></svg>\n'
    )
