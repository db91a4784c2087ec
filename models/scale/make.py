"""Make the scale models and the figures about them, from nothing, with one command.

    python models/scale/make.py --work DIR [--with controls few-shot]

Every step is skipped when its result stands in DIR, and a training run goes on from its last
checkpoint, so the command can be stopped and given again.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import torch
from runs import CONTROLS, FEW_SHOT, PARENTS, RUNS, TRIO
from vocabulary import learn

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "edgemed_models" / "scale"


def script(name: str, *arguments: str) -> None:
    """Run a script of this folder; its failure ends everything."""
    subprocess.run([sys.executable, str(HERE / name), *arguments], check=True, env=quiet_threads())


def quiet_threads() -> dict[str, str]:
    """Threads that sleep while they wait: on a busy machine spinning ones cost far more."""
    return {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", **os.environ}


def is_done(work: Path, name: str) -> bool:
    """Whether the checkpoint of a run is its last."""
    path = work / f"{name}.pt"
    steps = sum(phase.steps for phase in RUNS[name].phases)
    return path.exists() and torch.load(path, map_location="cpu")["step"] >= steps


def trained(work: Path, names: tuple[str, ...]) -> None:
    """Train every run of `names` to its end and export it at F16."""
    for name in names:
        if not is_done(work, name):
            script("train.py", name, "--work", str(work))
        exported(work, name, "F16", work / f"{name}-F16.gguf")


def exported(work: Path, name: str, kind: str, out: Path) -> None:
    """Write a checkpoint as GGUF."""
    script("export.py", "--work", str(work), "--name", name, "--type", kind, "-o", str(out))


def average(work: Path) -> None:
    """merged.pt: the mean of the two fine-tunes, in float, as a parent for few-shot tuning."""
    a, b = (torch.load(work / f"{n}.pt", map_location="cpu")["model"] for n in PARENTS[:2])
    torch.save({"model": {key: (a[key] + b[key]) / 2 for key in a}, "step": 0}, work / "merged.pt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--with", dest="extras", nargs="*", choices=("controls", "few-shot"))
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if not (args.work / "vocabulary.model").exists():
        learn(args.work / "vocabulary", args.seed)
    trained(args.work, TRIO)
    for name in TRIO:
        exported(args.work, name, "Q8_0", PACKAGE / f"{name}.gguf")
    if "controls" in (args.extras or ()):
        trained(args.work, CONTROLS)
    if "few-shot" in (args.extras or ()):
        average(args.work)
        trained(args.work, FEW_SHOT)
        files = [str(args.work / f"{name}-F16.gguf") for name in FEW_SHOT]
        script("evaluate.py", *files, "--axes", "unseen", "--split", "test")
    script("experiment.py", "--work", str(args.work), "--split", "test")


if __name__ == "__main__":
    main()
