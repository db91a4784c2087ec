"""llama.cpp's own conversion of small random checkpoints beside edgemed's, and their logits.

    pip install -e '.[oracles]'
    python -m tests.oracles.convert --converter LLAMA_CPP/convert_hf_to_gguf.py [--keep FOLDER]

For every architecture transformers makes a checkpoint. Both programs convert it to F32: all tensors
must be equal byte by byte, and all keys. Then llama.cpp runs edgemed's file, with F32 weights and
cache and without flash attention; its logits may be 1e-3 from those of transformers in float32.
LLAMA_CPP is in the source distribution of llama-cpp-python, under vendor/. With --keep the
checkpoints that the tests use, and what the converter made of them, are written to FOLDER.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from edgemed.gguf import Model, open_model
from edgemed.merging.plan.plan import Target
from edgemed.merging.plan.quantization import plan_quantize, quantization
from edgemed.merging.run.run import run_plan
from tests.edgemed.converted import digests, logits_of, values
from tests.oracles.checkpoints import KEPT, KINDS, ROWS, make, write_tokenizer

TOKENS = 48
SHOWN = 16
"""Tokens, and twice as many columns, of the logits that the tests compare."""
MOST = 1e-3

CONVERT = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parent))
import convert_hf_to_gguf
from conversion import load_all_models, qwen
load_all_models()
qwen.Qwen2MoeModel.set_vocab = qwen.Qwen2MoeModel._set_vocab_sentencepiece
sys.argv = sys.argv[1:]
convert_hf_to_gguf.main()
"""
"""The converter, which would read a byte-level tokenizer for mixtures of experts of qwen."""

OURS = ("edgemed.", "general.quantization_version", "general.file_type")
"""Keys that say how edgemed made the file."""


class Compared(NamedTuple):
    """`keys` and `tensors` are those that differ; the largest difference of a logit."""

    keys: list[str]
    tensors: list[str]
    count: int
    logits: float


def convert_with(converter: Path, folder: Path, out: Path) -> None:
    """llama.cpp's converter, to F32."""
    words = [sys.executable, "-c", CONVERT, str(converter), str(folder)]
    found = subprocess.run(
        [*words, "--outfile", str(out), "--outtype", "f32"], capture_output=True, text=True
    )
    if found.returncode:
        raise SystemExit(f"the converter failed on {folder.name}:\n{found.stderr[-2000:]}")


def convert(folder: Path, out: Path, type: str = "F32") -> Model:
    """edgemed's conversion."""
    run_plan(plan_quantize(quantization(folder, type), Target(out, 1)), load_check=False)
    return open_model(out)


def other_tensors(ours: Model, theirs: Model) -> list[str]:
    """Tensors that only one has, or that differ in shape, type or any byte."""
    names = dict.fromkeys([*ours.tensors, *theirs.tensors])
    return [name for name in names if not same(ours, theirs, name)]


def same(ours: Model, theirs: Model, name: str) -> bool:
    if name not in ours.tensors or name not in theirs.tensors:
        return False
    a, b = ours.tensors[name], theirs.tensors[name]
    return (a.shape, a.type) == (b.shape, b.type) and values(ours, name) == values(theirs, name)


def other_keys(ours: Model, theirs: Model) -> list[str]:
    """Keys that only one has, or whose values differ, with both values."""
    names = dict.fromkeys([*ours.metadata, *theirs.metadata])
    pairs = {n: (raw(ours, n), raw(theirs, n)) for n in names if not n.startswith(OURS)}
    return [f"{n}: {shown(ours, n)} / {shown(theirs, n)}" for n, (a, b) in pairs.items() if a != b]


def raw(model: Model, name: str) -> bytes | None:
    return model.metadata.raw(name) if name in model.metadata else None


def shown(model: Model, name: str) -> str:
    """A value and its type, in short."""
    if name not in model.metadata:
        return "-"
    return f"{model.metadata.type_of(name)} {str(model.metadata[name])[:60]}"


def kept(
    folder: Path, checkpoint: Path, theirs: Model, tokens: list[int], logits: np.ndarray
) -> None:
    """Keep a checkpoint for the tests, with what the converter and transformers made of it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(checkpoint, folder)
    expected = {"tokens": tokens, "logits": [[round(float(x), 5) for x in row] for row in logits]}
    text = json.dumps({**digests(theirs, OURS), **expected}, indent=0)
    (folder / "expected.json").write_text(text.replace(",\n", ","))


def compared(converter: Path, folder: Path, name: str, keep: Path | None) -> Compared:
    """One architecture."""
    checkpoint = folder / name
    model = make(checkpoint, KINDS[name])
    write_tokenizer(checkpoint / "tokenizer.model", space="gemma" not in name)
    convert_with(converter, checkpoint, folder / f"{name}.theirs.gguf")
    theirs = open_model(folder / f"{name}.theirs.gguf")
    ours = convert(checkpoint, folder / f"{name}.gguf")
    tokens = np.random.default_rng(5).integers(3, ROWS, TOKENS).tolist()
    with torch.no_grad():
        wanted = model(torch.tensor([tokens])).logits[0].numpy()
    gap = float(np.abs(logits_of([(ours.path, tokens)])[0] - wanted).max())
    if keep is not None and name in KEPT:
        kept(keep / name, checkpoint, theirs, tokens[:SHOWN], wanted[:SHOWN, : 2 * SHOWN])
    return Compared(other_keys(ours, theirs), other_tensors(ours, theirs), len(ours.tensors), gap)


def run(
    converter: Path, folder: Path, keep: Path | None, only: Sequence[str] = tuple(KINDS)
) -> dict[str, Compared]:
    """These checkpoints, a line for each."""
    found: dict[str, Compared] = {}
    for name in only:
        found[name] = one = compared(converter, folder, name, keep)
        print(
            f"{name:13} {one.count:3} tensors, {len(one.tensors)} differ; {len(one.keys)} keys "
            f"differ; logits {one.logits:.1e} apart",
            flush=True,
        )
        for line in (*one.tensors, *one.keys):
            print(f"    {line}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--converter", type=Path, required=True)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--keep", type=Path, help="write what the tests use into this folder")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(args.converter, Path(folder), args.keep, args.only)
    if args.json:
        figures: dict[str, Any] = {name: one._asdict() for name, one in found.items()}
        args.json.write_text(json.dumps(figures, indent=1))
    good = all(not one.tensors and not one.keys and one.logits <= MOST for one in found.values())
    print("all as they should be" if good else "some differ")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
