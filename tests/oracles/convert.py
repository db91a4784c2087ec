"""llama.cpp's own conversion of small random checkpoints beside edgemed's, and their logits.

    pip install -e '.[oracles]'
    python -m tests.oracles.convert --converter LLAMA_CPP/convert_hf_to_gguf.py [--keep FOLDER]

For every architecture transformers makes a checkpoint. Both convert it to F32: tensors must be equal
byte by byte, keys too. Then llama.cpp runs edgemed's file with F32 weights and cache and without
flash attention; its logits are compared with those of transformers in float32, at most 1e-3 apart.
LLAMA_CPP is in the source distribution of llama-cpp-python, under vendor/. With --keep the
checkpoints that the tests use, and what the converter made of them, are written to FOLDER.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from edgemed.gguf import Model, open_model
from edgemed.gguf.reading import read_rows
from edgemed.merging.plan.plan import Target
from edgemed.merging.plan.quantization import plan_quantize, quantization
from edgemed.merging.run.run import run_plan
from tests.oracles.checkpoints import KINDS, ROWS, make, write_tokenizer

TOKENS = 48
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

LOGITS = """
import ctypes, sys, llama_cpp, numpy as np
from llama_cpp import llama_cpp as c
path, out, *tokens = sys.argv[1:]
llama = llama_cpp.Llama(path, n_ctx=256, logits_all=True, verbose=False, type_k=0, type_v=0,
                        flash_attn=False, n_threads=1, swa_full=True)
llama.eval([int(token) for token in tokens])
np.save(out, np.asarray(llama.scores[: len(tokens)], np.float32))
"""

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


def values(model: Model, name: str) -> bytes:
    """All bytes of a tensor."""
    tensor = model.tensors[name]
    buffer = np.empty((tensor.rows, tensor.row_bytes), np.uint8)
    with tensor.path.open("rb") as file:
        read_rows(tensor, 0, {tensor.path: file.fileno()}, buffer)
    return buffer.tobytes()


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
    return f"{model.metadata.type_of(name)} {str(model.metadata[name])[:60]}" if name in model.metadata else "-"


def llama_logits(path: Path, tokens: list[int]) -> np.ndarray:
    """f32[tokens, vocabulary] of llama.cpp, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "logits.npy"
        words = [sys.executable, "-c", LOGITS, str(path), str(out), *map(str, tokens)]
        found = subprocess.run(words, capture_output=True, text=True)
        if found.returncode:
            raise SystemExit(f"llama.cpp failed on {path.name}:\n{found.stderr[-2000:]}")
        logits: np.ndarray = np.load(out)
        return logits


def compared(converter: Path, folder: Path, name: str, tokenizer: Path) -> Compared:
    """One architecture."""
    checkpoint = folder / name
    model = make(checkpoint, KINDS[name])
    shutil.copy(tokenizer, checkpoint / "tokenizer.model")
    convert_with(converter, checkpoint, folder / f"{name}.theirs.gguf")
    theirs = open_model(folder / f"{name}.theirs.gguf")
    ours = convert(checkpoint, folder / f"{name}.gguf")
    tokens = np.random.default_rng(5).integers(3, ROWS, TOKENS).tolist()
    with torch.no_grad():
        wanted = model(torch.tensor([tokens])).logits[0].numpy()
    gap = float(np.abs(llama_logits(ours.path, tokens) - wanted).max())
    return Compared(other_keys(ours, theirs), other_tensors(ours, theirs), len(ours.tensors), gap)


def run(converter: Path, folder: Path) -> dict[str, Compared]:
    """Every architecture, a line for each."""
    write_tokenizer(folder / "tokenizer.model")
    found: dict[str, Compared] = {}
    for name in KINDS:
        found[name] = one = compared(converter, folder, name, folder / "tokenizer.model")
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
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(args.converter, Path(folder))
    if args.json:
        figures: dict[str, Any] = {name: one._asdict() for name, one in found.items()}
        args.json.write_text(json.dumps(figures, indent=1))
    good = all(not one.tensors and not one.keys and one.logits <= MOST for one in found.values())
    print("all as they should be" if good else "some differ")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
