"""Write the card of the scale models: what they are, learned and can do, from the files of a run.

    python models/scale/card.py --work DIR --to FOLDER

The prose is in card.txt; every number comes from the run's files, its log and its results.
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
from experiment import Label, known
from gguf import GGUFReader
from model import Shape
from report import singles, table
from retention import comparison
from runs import RUNS, TRIO, Run

ABOUT = {
    "base": "both kinds of task",
    "clinical": "clinical tasks only",
    "instruct": "instructions only",
}
LAST = 5  # lines of the log that the last loss is the mean of


def tokens(run: Run) -> int:
    """Tokens read in all steps."""
    return sum(phase.steps * phase.rows * phase.length for phase in run.phases)


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


def file_row(path: Path, log: list[Label]) -> str:
    name = path.stem
    loss = fmean(line["loss"] for line in log[-LAST:])
    size = path.stat().st_size
    return f"| {path.name} | {ABOUT[name]} | {millions(RUNS[name])} | {loss:.2f} | {size:,} |"


def hash_row(path: Path) -> str:
    return f"    {hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}"


def run_row(name: str, log: list[Label]) -> str:
    """Steps, tokens and time; a run that was stopped logs its seconds from each start anew."""
    seconds = [line["seconds"] for line in log]
    ends = [a for a, b in zip(seconds, [*seconds[1:], 0], strict=True) if b < a or b == 0]
    run = RUNS[name]
    return f"| {name} | {log[-1]['step']} | {tokens(run) / 1e6:.2f} M | {sum(ends) / 60:.1f} |"


def machine() -> str:
    """The device that trained."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"{torch.get_num_threads()} threads of a {platform.machine()} CPU"


def facts(work: Path, folder: Path) -> dict[str, Any]:
    """Every value that card.txt asks for."""
    paths, log = [folder / f"{name}.gguf" for name in TRIO], logged(work)
    test, dev = (
        [line for line in known(work / "results.jsonl") if line["split"] == split]
        for split in ("test", "dev")
    )
    return {
        **{name: f"{value:,.0f}" for name, value in asdict(Shape()).items()},
        "weights": f"{weights_in(paths[0]):.1f}",
        "files": "\n".join(file_row(path, log[path.stem]) for path in paths),
        "hashes": "\n".join(map(hash_row, paths)),
        "runs": "\n".join(run_row(name, log[name]) for name in RUNS if log[name]),
        "torch": torch.__version__.split("+")[0],
        "machine": machine(),
        "count": test[0]["axes"]["clinical"]["items"],
        "test": table(test),
        "singles": singles(test),
        "retention": comparison(work, "Q8_0", "linear"),
        "dev": table(dev),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True, help="holds the trio; gets CARD.md")
    args = parser.parse_args()
    prose = Template(Path(__file__).with_name("card.txt").read_text(encoding="utf-8"))
    text = prose.substitute(facts(args.work, args.to))
    (args.to / "CARD.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
