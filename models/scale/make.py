"""Makes the scale models and the figures about them, from nothing, with one command.

    python models/scale/make.py --work DIR [--with controls few-shot grid] [--to FOLDER]

Trains one base and, for each seed, a clinical and an instruct model; writes the trio of the first
seed and its card to FOLDER; scores linear merges of Q8_0 files, and with `grid` all methods and
types. Every step is skipped when its result is in DIR, and a training run continues from its last
checkpoint, so the command can be stopped and run again; a changed runs.py needs another DIR.
`--part 0.004 --count 4` tries the whole chain.
"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

import torch
from runs import CONTROLS, FEW_SHOT, PARENTS, RUNS, SEEDS, TRIO, length_of, of_seed, shortened
from vocabulary import learn

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "edgemed_models" / "scale"
EXTRAS = ("controls", "few-shot", "grid")
SWEEP = ("--methods", "linear", "--types", "Q8_0")
TUNED = tuple(of_seed(name, seed) for seed in SEEDS for name in PARENTS[:2])


def script(name: str, *arguments: str) -> None:
    """Run a script of this folder; if it fails, everything ends."""
    subprocess.run([sys.executable, str(HERE / name), *arguments], check=True, env=quiet_threads())


def quiet_threads() -> dict[str, str]:
    """Threads that sleep while they wait: on a busy machine spinning ones cost far more."""
    return {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", **os.environ}


def is_done(work: Path, name: str, part: float) -> bool:
    """Whether the checkpoint of a run is its last."""
    path = work / f"{name}.pt"
    steps = length_of(shortened(RUNS[name], part))
    return path.exists() and torch.load(path, map_location="cpu")["step"] >= steps


def trained(work: Path, names: tuple[str, ...], part: float) -> None:
    """Train every run of `names` to its end and export it at F16."""
    for name in names:
        if not is_done(work, name, part):
            script("train.py", name, "--work", str(work), "--part", str(part))
            for old in work.glob(f"{name}-*.gguf"):
                if old.stem.rsplit("-", 1)[0] == name:
                    old.unlink()
        if not (work / f"{name}-F16.gguf").exists():
            exported(work, name, "F16", work / f"{name}-F16.gguf")


def exported(work: Path, name: str, kind: str, out: Path) -> None:
    """Write a checkpoint as GGUF."""
    script("export.py", "--work", str(work), "--name", name, "--type", kind, "-o", str(out))


def average(work: Path) -> None:
    """merged.pt: the mean of the two fine-tunes, in float, as a parent for few-shot tuning."""
    a, b = (torch.load(work / f"{n}.pt", map_location="cpu")["model"] for n in PARENTS[:2])
    torch.save({"model": {key: (a[key] + b[key]) / 2 for key in a}, "step": 0}, work / "merged.pt")


def configured() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--work", type=Path, required=True)
    add("--to", type=Path, default=PACKAGE, help="where the trio goes (default: the package)")
    add("--with", dest="extras", nargs="*", choices=EXTRAS, default=())
    add("--part", type=float, default=1.0, help="part of every run's steps")
    add("--count", type=int, default=200, help="test items per axis")
    return parser.parse_args()


def main() -> None:
    args = configured()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and with it the script at work
    for folder in (args.work, args.to):
        folder.mkdir(parents=True, exist_ok=True)
    if not (args.work / "vocabulary.model").exists():
        learn(args.work / "vocabulary", SEEDS[0])
    trained(args.work, ("base", *TUNED), args.part)
    for name in TRIO:
        exported(args.work, name, "Q8_0", args.to / f"{name}.gguf")
    if "controls" in args.extras:
        trained(args.work, CONTROLS, args.part)
    if "few-shot" in args.extras:
        average(args.work)
        trained(args.work, FEW_SHOT, args.part)
    # Which t to go with is chosen on the dev split; the test is opened after the last weight.
    script("experiment.py", "--work", str(args.work), "--count", str(args.count // 2), *SWEEP)
    scored = ("--work", str(args.work), "--split", "test", "--count", str(args.count))
    script("experiment.py", *scored, *SWEEP)
    if "grid" in args.extras:
        script("experiment.py", *scored)
    plotted = ("--plot", str(args.work / "sweep.svg"), "--sweep", str(args.to / "sweep.jsonl"))
    script("report.py", "--work", str(args.work), *plotted)
    script("card.py", "--work", str(args.work), "--to", str(args.to), "--part", str(args.part))


if __name__ == "__main__":
    main()
