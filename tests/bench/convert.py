"""How long a checkpoint takes to Q4_K_M, beside llama.cpp's converter and llama_model_quantize.

    pip install -e '.[oracles]'
    python -m tests.bench.convert --converter LLAMA_CPP/convert_hf_to_gguf.py --shape 1b --pairs 5

Makes a BF16 checkpoint of random numbers with llama's shapes, then in turn converts it with
edgemed, and with the converter (to BF16) followed by llama_model_quantize. Every program is a fresh
process, timed from its start to its end, with the same threads, kernels compiled and the checkpoint
in the page cache. A conversion is meant to be 8 times as fast. Memory is the peak of anonymous
memory, beside the cap and what Python with its libraries takes. Linux only.
"""

import argparse
import json
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.bench.merge import anonymous_bytes, cached
from tests.bench.synthetic import SHAPES, Shape
from tests.oracles.checkpoints import write_tokenizer

VOCABULARY = 128_256
PIECE = 1 << 22
QUANTIZE = """
import sys, llama_cpp
source, out, threads = sys.argv[1:]
params = llama_cpp.llama_model_quantize_default_params()
params.ftype, params.nthread = 15, int(threads)
assert llama_cpp.llama_model_quantize(source.encode(), out.encode(), params) == 0
"""
START = "import edgemed.cli.main, edgemed.cli.files.convert, time; time.sleep(0.5)"


def shapes_of(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a checkpoint's tensors, row length last."""
    width, inner = shape.width, shape.ffn
    yield "model.embed_tokens.weight", (VOCABULARY, width)
    for i in range(shape.layers):
        layer = f"model.layers.{i}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"{layer}.{norm}.weight", (width,)
        for part, heads in (("q", shape.heads), ("k", shape.kv_heads), ("v", shape.kv_heads)):
            yield f"{layer}.self_attn.{part}_proj.weight", (heads * shape.head, width)
        yield f"{layer}.self_attn.o_proj.weight", (width, shape.heads * shape.head)
        for part in ("gate", "up"):
            yield f"{layer}.mlp.{part}_proj.weight", (inner, width)
        yield f"{layer}.mlp.down_proj.weight", (width, inner)
    yield "model.norm.weight", (width,)
    if not shape.tied:
        yield "lm_head.weight", (VOCABULARY, width)


def write_checkpoint(folder: Path, shape: Shape) -> Path:
    """A new folder with everything that both programs read; returns the file of weights."""
    folder.mkdir()
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "bfloat16",
        "hidden_size": shape.width, "intermediate_size": shape.ffn, "vocab_size": VOCABULARY,
        "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads, "head_dim": shape.head, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 4096, "rope_theta": 500000.0, "hidden_act": "silu",
        "tie_word_embeddings": shape.tied,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    write_tokenizer(folder / "tokenizer.model")
    path, at = folder / "model.safetensors", 0
    table: dict[str, object] = {}
    for name, dims in shapes_of(shape):
        end = at + 2 * int(np.prod(dims))
        table[name] = {"dtype": "BF16", "shape": dims, "data_offsets": [at, end]}
        at = end
    text = json.dumps(table).encode()
    rng = np.random.default_rng(0)
    numbers = (rng.standard_t(5, PIECE).astype(np.float32) * 0.02).view(np.uint32) >> 16
    block = numbers.astype(np.uint16).tobytes()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        while at > 0:
            at -= file.write(block[: min(at, len(block))])
    return path


class Run(NamedTuple):
    """Seconds by the clock and of processors, and the peak of anonymous memory in bytes."""

    seconds: float
    busy: float
    peak: int


def timed(words: Sequence[str | Path]) -> Run:
    """One program from its start to its end."""
    start, before = time.perf_counter(), busy()
    with subprocess.Popen(
        list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as child:
        peak = 0
        while child.poll() is None:
            peak = max(peak, anonymous_bytes(child.pid))
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        errors = child.stderr.read() if child.stderr else ""
    if child.returncode:
        sys.exit(errors[-2000:])
    return Run(seconds, busy() - before, peak)


def busy() -> float:
    """Seconds that processors worked for programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--converter", type=Path, required=True)
    parser.add_argument("--shape", choices=SHAPES, default="1b")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-ram", type=int, default=64 << 20)
    parser.add_argument("--folder", type=Path, default=None)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        weights = write_checkpoint(folder / "model", SHAPES[args.shape])
        between, out, other = (folder / f"{n}.gguf" for n in ("bf16", "ours", "theirs"))
        limits = ["--threads", str(args.threads), "--max-ram", str(args.max_ram), "--force"]
        ours = [sys.executable, "-m", "edgemed", "convert", folder / "model", "-o", out, *limits]
        ours += ["--out-type", "Q4_K_M", "--no-load-check"]
        first = [sys.executable, args.converter, folder / "model", "--outtype", "bf16"]
        second = [sys.executable, "-c", QUANTIZE, between, other, str(args.threads)]
        timed(ours)  # compiles
        bare = timed([sys.executable, "-c", START]).peak
        ratios = []
        for _ in range(args.pairs):
            cached(weights)
            mine, convert = timed(ours), timed([*first, "--outfile", between])
            quantize = timed(second)
            ratios.append((convert.seconds + quantize.seconds) / mine.seconds)
            print(
                f"edgemed {mine.seconds:.1f} s ({mine.busy:.1f} of processors), converter "
                f"{convert.seconds:.1f} ({convert.busy:.1f}) + quantize {quantize.seconds:.1f} "
                f"({quantize.busy:.1f}): {ratios[-1]:.1f} times, of processors "
                f"{(convert.busy + quantize.busy) / mine.busy:.1f}; edgemed's memory "
                f"{mine.peak >> 20} MiB ({bare >> 20} before work), cap {args.max_ram >> 20} MiB; "
                f"theirs {max(convert.peak, quantize.peak) >> 20} MiB",
                flush=True,
            )
            between.unlink()
        least, most = min(ratios), max(ratios)
        print(f"median {statistics.median(ratios):.1f} times, {least:.1f} to {most:.1f}")


if __name__ == "__main__":
    sys.exit(main())
