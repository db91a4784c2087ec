"""Reports results.jsonl: Markdown tables, a plot (SVG), and the sweep as data for the package.

python models/scale/report.py --work DIR --split test --plot docs/pictures/scale-models.svg
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from edgemed_models.scale.examination import AXES
from experiment import METHODS
from json_lines import known

COLORS = {"clinical": "#0b6e99", "instruction": "#c05a00", "composite": "#5b8c2a"}
LEFT, TOP, WIDTH, HEIGHT = 50, 20, 480, 260
Line = dict[str, Any]
Key = tuple[str, str, float]  # type, method, t


def files(lines: list[Line]) -> dict[Key, list[Line]]:
    """The lines of the grid by type, method and t: one line for each seed."""
    found: dict[Key, list[Line]] = defaultdict(list)
    for line in lines:
        if "model" not in line:
            found[line["type"], line["method"], line["t"]].append(line)
    return dict(sorted(found.items()))


def table(lines: list[Line]) -> str:
    """Every file of the grid on a row."""
    rows = [
        "| type | method | t | seeds | " + " | ".join(AXES) + " |",
        "|---|---|---|---|" + "---|" * len(AXES),
    ]
    for (kind, method, t), seeds in files(lines).items():
        name = method or ("instruct alone" if t else "clinical alone")
        rows.append(
            f"| {kind} | {name} | {t} | {len(seeds)} | "
            + " | ".join(cell(seeds, axis) for axis in AXES)
            + " |"
        )
    return "\n".join(rows)


def cell(seeds: list[Line], axis: str) -> str:
    """One seed: mean (95 % interval over items). More: mean (lowest to highest mean of a seed)."""
    scores = [line["axes"][axis] for line in seeds]
    mean, low, high = (x + 1e-9 for x in band(scores))  # halves go up: 57 of 200 is 0.29
    return f"{mean:.2f} ({low:.2f} to {high:.2f})"


def band(scores: list[dict[str, float]]) -> tuple[float, float, float]:
    """Mean over seeds with the range of the seeds; for one seed its interval over items."""
    if len(scores) == 1:
        return scores[0]["mean"], scores[0]["low"], scores[0]["high"]
    means = [score["mean"] for score in scores]
    return sum(means) / len(means), min(means), max(means)


def singles(lines: list[Line]) -> str:
    """The base, the controls and the few-shot models, each with its axes."""
    rows = ["| model | axis | score |", "|---|---|---|"]
    for line in lines:
        for axis in line["axes"] if "model" in line else ():
            rows.append(f"| {line['model']} | {axis} | {cell([line], axis)} |")
    return "\n".join(rows)


def data(lines: list[Line]) -> str:
    """The grid as lines of JSON, the shipped files' curve first, and it is shown first.

    The parents appear once for each method that was measured.
    """
    rows = []
    for (kind, method, t), seeds in files(lines).items():
        named = [m for m in METHODS if any(k[:2] == (kind, m) for k in files(lines))]
        for name in [method] if method else named:
            for line in seeds:
                label = {"method": name, "type": kind, "t": t, "seed": line["seed"]}
                rows.append(label | {"axes": line["axes"]})
    rows.sort(key=lambda row: (row["type"] != "Q8_0", row["method"], row["type"], row["seed"]))
    return "".join(json.dumps(row) + "\n" for row in rows)


def plot(lines: list[Line], kind: str, method: str) -> str:
    """The three axes over t as SVG; the band is the one of `band`."""
    chosen = {
        t: seeds for (k, m, t), seeds in files(lines).items() if k == kind and m in (method, "")
    }
    parts = [frame(f"{method}, {kind}: from clinical (t = 0) to instruct (t = 1)")]
    for n, axis in enumerate(AXES):
        points = [(t, *band([x["axes"][axis] for x in chosen[t]])) for t in sorted(chosen)]
        color = COLORS[axis]
        upper = [at(t, high) for t, _, _, high in points]
        lower = [at(t, low) for t, _, low, _ in reversed(points)]
        middle = " ".join(at(t, mean) for t, mean, _, _ in points)
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
    add = parser.add_argument
    add("--work", type=Path, required=True)
    add("--split", choices=("dev", "test"), default="test")
    add("--type", default="Q8_0")
    add("--method", default="linear")
    add("--plot", type=Path)
    add("--sweep", type=Path, help="where the grid goes as data")
    args = parser.parse_args()
    lines = [x for x in known(args.work / "results.jsonl") if x["split"] == args.split]
    print(table(lines), "", singles(lines), sep="\n")
    if args.plot:
        args.plot.write_text(plot(lines, args.type, args.method), encoding="utf-8")
    if args.sweep:
        args.sweep.write_text(data(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
