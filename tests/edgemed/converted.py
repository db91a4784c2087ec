"""Converted models as tests compare them: digests of tensors and keys, logits of llama.cpp."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgemed.gguf import Model
from edgemed.gguf.reading import read_rows

LOGITS = """
import json, sys, numpy as np
from tests.oracles.bare_llama import llama_cpp
found = []
for path, tokens, adapter in json.loads(sys.stdin.read()):
    llama = llama_cpp.Llama(path, n_ctx=256, logits_all=True, verbose=False, type_k=0, type_v=0,
                            flash_attn=False, n_threads=1, swa_full=True, lora_path=adapter)
    llama.eval(tokens)
    found.append(np.array(llama.scores[: len(tokens)], np.float32))
    llama.close()
np.savez(sys.argv[1], *found)
"""
"""F32 keys and values (type 0), no flash attention."""

ROOT = Path(__file__).parents[2]


def logits_of(
    runs: Sequence[tuple[Path, list[int]] | tuple[Path, list[int], Path | None]],
) -> list[np.ndarray]:
    """f32[tokens, vocabulary] of llama.cpp for each (model, tokens) or (model, tokens, adapter
    beside it), in a process of its own."""
    out = runs[0][0].with_suffix(".npz")
    words = [sys.executable, "-c", LOGITS, str(out)]
    given = json.dumps(
        [[str(run[0]), run[1], str(run[2]) if len(run) > 2 and run[2] else None] for run in runs]
    )
    found = subprocess.run(words, input=given, capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stderr[-2000:]
    with np.load(out) as arrays:
        return [arrays[f"arr_{number}"] for number in range(len(runs))]


def values(model: Model, name: str) -> bytes:
    """All bytes of a tensor of a GGUF file."""
    tensor = model.tensors[name]
    buffer = np.empty((tensor.rows, tensor.row_bytes), np.uint8)
    with tensor.path.open("rb") as file:
        read_rows(tensor, 0, {tensor.path: file.fileno()}, buffer)
    return buffer.tobytes()


def digests(model: Model, but: tuple[str, ...]) -> dict[str, Any]:
    """Shapes and hashes of all tensors; values of all keys, hashes of long ones."""
    tensors = {
        name: [list(tensor.shape), hashlib.sha256(values(model, name)).hexdigest()]
        for name, tensor in model.tensors.items()
    }
    keys = {key: shown(model, key) for key in model.metadata if not key.startswith(but)}
    return {"tensors": tensors, "keys": keys}


def shown(model: Model, key: str) -> list[Any]:
    """[type, value] of a key; the hash of an array's bytes."""
    kind, raw = model.metadata.type_of(key), model.metadata.raw(key)
    value = hashlib.sha256(raw).hexdigest() if kind.endswith("[]") else model.metadata[key]
    return [kind, value]
