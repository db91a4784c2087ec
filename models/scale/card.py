"""Writes the card of the scale models, what they are, learned and can do, from the files of a run.

    python models/scale/card.py --work DIR --to FOLDER

The prose, and what was tried before, is in card.txt; every number of this run comes from runs.py,
from its files, its log and its results, and the machine is the one that writes the card.
"""

import argparse
import hashlib
import platform
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from string import Template
from typing import Any

import torch
from edgemed_models.scale import DEMO_T
from gguf import GGUFReader
from json_lines import Label, known
from model import Shape
from report import singles, table
from retention import comparison
from runs import RUNS, TRIO, Run, shortened

ABOUT = {
    "base": "both kinds of task",
    "clinical": "clinical tasks only",
    "instruct": "instructions only",
}
LAST = 5  # lines of the log that the last loss is the mean of


def by_length(run: Run) -> dict[int, int]:
    """Tokens read in all steps, by the length of their rows."""
    parts: dict[int, int] = defaultdict(int)
    for phase in run.phases:
        parts[phase.length] += phase.steps * phase.rows * phase.length
    return parts


def tokens(run: Run) -> int:
    """Tokens read in all steps."""
    return sum(by_length(run).values())


def lengths(run: Run) -> str:
    """How many of the tokens were in rows of each length."""
    parts = by_length(run)
    return ", ".join(f"{n / 1e6:.2f} M in rows of {length:,}" for length, n in parts.items())


def millions(run: Run) -> str:
    """What a model has read; a fine-tune's beside its base's."""
    own = f"{tokens(run) / 1e6:.2f} M"
    return f"{run.parent} + {own}" if run.parent else own


def weights_in(path: Path) -> float:
    """Weights of a file in millions."""
    return sum(int(tensor.n_elements) for tensor in GGUFReader(path).tensors) / 1e6


def logged(work: Path) -> dict[str, list[Label]]:
    """Lines of the log by run."""
    found = defaultdict(list)
    for line in known(work / "log.jsonl"):
        found[line["run"]].append(line)
    return found


def file_row(path: Path, run: Run, log: list[Label]) -> str:
    """What a file learned and how large it is."""
    loss = fmean(line["loss"] for line in log[-LAST:])
    size = path.stat().st_size
    return f"| {path.name} | {ABOUT[run.name]} | {millions(run)} | {loss:.2f} | {size:,} |"


def hash_row(path: Path) -> str:
    return f"    {hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}"


def run_row(run: Run, log: list[Label]) -> str:
    """Steps, tokens and time; a run that was stopped logs its seconds from each start."""
    seconds = [line["seconds"] for line in log]
    ends = [a for a, b in zip(seconds, [*seconds[1:], 0], strict=True) if b < a or b == 0]
    return f"| {run.name} | {log[-1]['step']} | {tokens(run) / 1e6:.2f} M | {sum(ends) / 60:.1f} |"


def machine() -> str:
    """The device that trained."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"{torch.get_num_threads()} threads of a {platform.machine()} CPU"


def facts(work: Path, folder: Path, part: float) -> dict[str, Any]:
    """Every value that card.txt asks for."""
    paths, log = {name: folder / f"{name}.gguf" for name in TRIO}, logged(work)
    runs = {name: shortened(run, part) for name, run in RUNS.items()}
    test, dev = (
        [line for line in known(work / "results.jsonl") if line["split"] == split]
        for split in ("test", "dev")
    )
    return {
        **{name: f"{value:,.0f}" for name, value in asdict(Shape()).items()},
        "weights": f"{weights_in(paths['base']):.1f}",
        "files": "\n".join(file_row(paths[n], runs[n], log[n]) for n in TRIO),
        "hashes": "\n".join(map(hash_row, paths.values())),
        "runs": "\n".join(run_row(run, log[name]) for name, run in runs.items() if log[name]),
        "lengths": lengths(runs["base"]),
        "demo_t": DEMO_T,
        "torch": torch.__version__.split("+")[0],
        "machine": machine(),
        "count": test[0]["count"],
        "dev_count": dev[0]["count"],
        "test": table(test),
        "singles": singles(test),
        "retention": comparison(work, "Q8_0", "linear"),
        "dev": table(dev),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True, help="holds the trio; gets CARD.md")
    parser.add_argument("--part", type=float, default=1.0, help="as given to make.py")
    args = parser.parse_args()
    prose = Template(Path(__file__).with_name("card.txt").read_text(encoding="utf-8"))
    text = prose.substitute(facts(args.work, args.to, args.part))
    (args.to / "CARD.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
