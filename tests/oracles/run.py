"""Every oracle that needs torch, one after the other, with its figures.

    pip install -e '.[oracles]'
    python -m tests.oracles.run --converter LLAMA_CPP/convert_hf_to_gguf.py [--only lora train]

Exit code 1 if a figure is worse than it may be.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgemed.adapters.naming import Use
from edgemed.gguf import open_model
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.folding import folding
from edgemed.merging.run.run import run_plan
from tests.edgemed.converted import values

Oracle = Callable[[Path, Path], bool]
"""(llama.cpp's converter, an empty folder) -> whether all is as it should be."""


def lora(converter: Path, folder: Path) -> bool:
    """PEFT's folds in float64 beside edgemed's of the same adapters."""
    from tests.oracles.lora import KINDS, write

    worst = 0.0
    for name, kind in KINDS.items():
        write(folder, name, kind)
        plan = plan_merge(
            folding(folder / name / "base.gguf", [Use(folder / name)]), folder / f"{name}.gguf", 1
        )
        run_plan(plan, load_check=False)
        model, wanted = open_model(plan.out), np.load(folder / name / "merged.npz")
        for tensor in wanted.files:
            found = np.frombuffer(values(model, tensor), "<f4").reshape(wanted[tensor].shape)
            worst = max(worst, float(np.abs(found - wanted[tensor]).max() / wanted[tensor].std()))
    print(f"lora: {len(KINDS)} kinds of adapter, largest difference {worst:.1e} deviations")
    return worst <= 1e-6


def train(converter: Path, folder: Path) -> bool:
    """Gradients of PEFT beside those that the tests hold edgemed's against."""
    from tests.oracles.train import FIXTURE, WAYS, measured, tiny

    kept = np.load(FIXTURE)
    each = [measured(kind, way) for way in WAYS for kind in tiny.KINDS]
    pairs = [(kept[name], values) for found in each for name, values in found.items()]
    worst = max(float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30)) for a, b in pairs)
    print(f"train: {len(pairs)} losses and gradients, largest relative difference {worst:.1e}")
    return worst <= 1e-4


def convert(converter: Path, folder: Path) -> bool:
    """llama.cpp's converter, and transformers' logits."""
    from tests.oracles.convert import MOST, run

    found = run(converter, folder, None)
    tensors = sum(one.count for one in found.values())
    keys, other = (sum(len(one[i]) for one in found.values()) for i in (0, 1))
    worst = max(one.logits for one in found.values())
    print(
        f"convert: {len(found)} checkpoints, {tensors} tensors, {other} of them and {keys} keys "
        f"differ; logits at most {worst:.1e} apart"
    )
    return not keys and not other and worst <= MOST


ORACLES: dict[str, Oracle] = {"lora": lora, "train": train, "convert": convert}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--converter", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=ORACLES, default=list(ORACLES))
    args = parser.parse_args()
    good = True
    for name in args.only:
        with tempfile.TemporaryDirectory() as folder:
            good &= ORACLES[name](args.converter, Path(folder))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
