"""What results.jsonl says, as a Markdown table and as a plot (SVG), for README and card.

python models/scale/report.py --work DIR --split test --plot models/scale/sweep.svg
"""

import argparse
from pathlib import Path
from typing import Any

from edgemed_models.scale.examination import AXES
from experiment import known

COLORS = {"clinical": "#0b6e99", "instruction": "#c05a00", "composite": "#5b8c2a"}
LEFT, TOP, WIDTH, HEIGHT = 50, 20, 480, 260
Line = dict[str, Any]


def table(lines: list[Line]) -> str:
    """Every file on a row: mean and 95 % interval on each axis."""
    rows = [
        "| type | method | t | " + " | ".join(AXES) + " |",
        "|---|---|---|" + "---|" * len(AXES),
    ]
    for line in sorted(lines, key=order):
        name = line.get("control", line.get("method", "")) or parent_at(line["t"])
        t = line.get("t", "")
        rows.append(
            f"| {line['kind']} | {name} | {t} | " + " | ".join(map(cell(line), AXES)) + " |"
        )
    return "\n".join(rows)


def order(line: Line) -> tuple[str, str, float]:
    """Controls last; then type, method and t."""
    return ("control" in line and "~") or line["kind"], line.get("method", ""), line.get("t", 0.0)


def parent_at(t: float) -> str:
    """Whose weights stand at an end of the way."""
    return "instruct alone" if t else "clinical alone"


def cell(line: Line) -> Any:
    """How a score of `line` is written."""
    return lambda axis: "{:.2f} ({:.2f} to {:.2f})".format(*line[axis])


def curve(lines: list[Line], kind: str, method: str, axis: str) -> list[tuple[float, list[float]]]:
    """(t, [mean, low, high]) in order of t, the parents at the ends."""
    chosen = [x for x in lines if x["kind"] == kind and x.get("method") in (method, "")]
    return sorted((line["t"], line[axis]) for line in chosen)


def plot(lines: list[Line], kind: str, method: str) -> str:
    """The three axes over t as SVG, a band for the interval of each."""
    parts = [frame(f"{method}, {kind}: from clinical (t = 0) to instruct (t = 1)")]
    for n, axis in enumerate(AXES):
        points = curve(lines, kind, method, axis)
        color = COLORS[axis]
        upper = [at(t, high) for t, (_, _, high) in points]
        lower = [at(t, low) for t, (_, low, _) in reversed(points)]
        middle = " ".join(at(t, mean) for t, (mean, _, _) in points)
        parts.append(f'<polygon points="{" ".join(upper + lower)}" fill="{color}" opacity="0.2"/>')
        parts.append(f'<polyline points="{middle}" fill="none" stroke="{color}" stroke-width="2"/>')
        x = LEFT + 10 + 160 * n
        parts.append(f'<text x="{x}" y="{TOP + HEIGHT + 45}" fill="{color}">{axis}</text>')
    return "\n".join((*parts, "</svg>\n"))


def at(t: float, score: float) -> str:
    """A point of the plot."""
    return f"{LEFT + t * WIDTH:.1f},{TOP + (1 - score) * HEIGHT:.1f}"


def frame(title: str) -> str:
    """The empty plot: size, title, grid and numbers."""
    size = f'width="{LEFT + WIDTH + 20}" height="{TOP + HEIGHT + 60}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="14">{title}</text>',
    ]
    for n in range(6):
        y, x = TOP + HEIGHT * (1 - n / 5), LEFT + WIDTH * n / 5
        parts.append(f'<path d="M{LEFT} {y}H{LEFT + WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 28}" y="{y + 4}">{n / 5:.1f}</text>')
        parts.append(f'<text x="{x - 8}" y="{TOP + HEIGHT + 18}">{n / 5:.1f}</text>')
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--type", default="Q8_0")
    parser.add_argument("--method", default="linear")
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    lines = [x for x in known(args.work / "results.jsonl") if x["split"] == args.split]
    print(table(lines))
    if args.plot:
        args.plot.write_text(plot(lines, args.type, args.method), encoding="utf-8")


if __name__ == "__main__":
    main()
