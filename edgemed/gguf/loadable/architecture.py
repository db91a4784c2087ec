"""What llama.cpp requires of hyper-parameters, and of the tensors of every architecture.

Source: src/llama-model.cpp, src/llama-hparams.h, and trials.
"""

import math
from collections.abc import Iterator

from edgemed.gguf.flaw import quoted
from edgemed.gguf.loadable.blocks import FAMILY, block_tensors
from edgemed.gguf.loadable.obstacle import CONVERT, NOT_ALIKE, Obstacle
from edgemed.gguf.loadable.vocabulary import MODEL, TOKENS, WITHOUT_TOKENS
from edgemed.gguf.metadata import Metadata
from edgemed.gguf.model import Model
from edgemed.gguf.tensors import Tensor

NEEDED = ("context_length", "embedding_length", "block_count")
MOST_BLOCKS = 512
SCALINGS = ("none", "linear", "yarn", "longrope")

EMBEDDING, HEAD = "token_embd.weight", "output.weight"


def hyper_parameters(metadata: Metadata) -> Iterator[Obstacle]:
    """Keys that must be there, and values on which llama.cpp aborts."""
    arch = metadata.get("general.architecture")
    if arch is None:
        yield Obstacle("there is no general.architecture")
        return
    for name in NEEDED:
        if f"{arch}.{name}" not in metadata:
            yield Obstacle(f"there is no {arch}.{name}")
    blocks = metadata.get(f"{arch}.block_count", 1)
    if not 0 < blocks <= MOST_BLOCKS:
        yield Obstacle(f"{arch}.block_count is {blocks:,}, not 1 to {MOST_BLOCKS}")
    scaling = metadata.get(f"{arch}.rope.scaling.type", "none")
    if scaling not in SCALINGS:
        yield Obstacle(
            f"{arch}.rope.scaling.type is {quoted(scaling)}, which llama.cpp does not know"
        )
    for name in ("layer_norm_epsilon", "layer_norm_rms_epsilon"):
        value = metadata.get(f"{arch}.attention.{name}", 0.0)
        if not (math.isfinite(value) and value >= 0.0):
            yield Obstacle(f"{arch}.attention.{name} is {value}, on which llama.cpp aborts")
    yield from experts(metadata, arch)


def experts(metadata: Metadata, arch: str) -> Iterator[Obstacle]:
    """The number of experts in use is at most the number there is, and above 0 if there are any."""
    count, used = (metadata.get(f"{arch}.{n}", 0) for n in ("expert_count", "expert_used_count"))
    if isinstance(used, int) and (used > count or bool(used) != bool(count)):
        yield Obstacle(f"{arch} uses {used} of {count} experts, on which llama.cpp aborts")


def tensors(model: Model) -> Iterator[Obstacle]:
    """Embedding and output head must match the vocabulary; blocks are checked where known here."""
    metadata = model.metadata
    arch, rows = metadata["general.architecture"], vocabulary_size(metadata)
    width = metadata[f"{arch}.embedding_length"]
    embedding = model.tensors.get(EMBEDDING)
    if embedding is None:
        yield Obstacle(f"it has no tensor {EMBEDDING}")
    for tensor in (t for t in (embedding, model.tensors.get(HEAD)) if t is not None):
        yield from token_matrix(tensor, width, rows)
    if arch in FAMILY:
        yield from block_tensors(model)
    else:
        yield Obstacle(f"edgemed cannot check the blocks of {quoted(arch)} models", "", "unknown")


def vocabulary_size(metadata: Metadata) -> int:
    """How many rows the embedding must have; llama.cpp accepts no padding rows after the tokens."""
    if metadata.get(MODEL) in WITHOUT_TOKENS:
        return int(metadata.get(f"{metadata['general.architecture']}.vocab_size", 0))
    return metadata.length_of(TOKENS)


def token_matrix(tensor: Tensor, width: int, rows: int) -> Iterator[Obstacle]:
    """It has one row per token, as long as the model is wide."""
    if tensor.rows != rows:
        yield Obstacle(
            f"{tensor.name} has {tensor.rows:,} rows for {rows:,} tokens",
            f"every row needs a token: {CONVERT}",
        )
    if tensor.row_length != width:
        yield Obstacle(f"{tensor.name} has rows of {tensor.row_length:,}, not {width:,}", NOT_ALIKE)
