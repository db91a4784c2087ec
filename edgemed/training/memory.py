"""How much memory a training run needs, by part, before it begins.

Counted from the model's shape in numbers of 4 bytes, or of 2 in bf16: w is its width, f that of the
feed-forward part. Kept for the backward pass of a block are, a token: the inputs of both norms and
what these give (4 w), the inputs and outputs of attention (5 w), and three arrays of the
feed-forward part (3 f); with DoRA also every matrix's output. tests/bench/adapt.py measures it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgemed.errors import Refused

if TYPE_CHECKING:  # needs torch
    from edgemed_models.trainable.transformer import Transformer

FLOAT = 4
HEAD = 3 * (1 << 23) * FLOAT
"""Bytes of a slice of logits, of their softmax and of what is between
(edgemed_models.trainable.head)."""
STATES = 5  # weights, gradient, AdamW's two, the best
SAVED = 3 + 2 * 4  # while saving: copies of three, and the file of four twice
RUNTIME = 500 << 20  # bytes: the interpreter, torch and numba as they are loaded (measured)
CARD = 600 << 20  # bytes: what CUDA and its libraries take of a card (an estimate)
SPARE = 0.8  # the most of the free memory that is taken to avoid computing twice


@dataclass(frozen=True, slots=True)
class Sizes:
    """Blocks, their width and that of their feed-forward part; bytes of the model's file.

    `paths`: numbers for each token that the adapters of a block keep. `still`: numbers of adapters
    that do not learn. `decoded`: numbers of all frozen matrices.
    """

    layers: int
    width: int
    feed_forward: int
    file: int
    paths: int = 0
    still: int = 0
    decoded: int = 0


def sizes_of(model: "Transformer", path: Path, paths: int, still: int = 0) -> Sizes:
    """Of a model, its file, and what its adapters keep."""
    shape, inner = model.shape, model.blocks[0].linears["ffn_up"].matrix.rows
    decoded = sum(matrix.rows * matrix.length for matrix in model.matrices())
    return Sizes(shape.layers, shape.width, inner, path.stat().st_size, paths, still, decoded)


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes by part. `kept`: activations of all blocks stay for the backward pass. `once`: the
    matrices are decoded once, and are what `model` counts; otherwise it is the mapped file.

    The state is saved between steps: the larger of `saving` and a step counts.
    """

    model: int
    adapters: int
    head: int
    activations: int
    saving: int
    runtime: int
    kept: bool
    once: bool = False

    @property
    def step(self) -> int:
        """The bytes that a step takes and frees again."""
        return self.head + self.activations

    @property
    def total(self) -> int:
        """All that is held at once."""
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, int]:
        """Names for messages."""
        step = {"the head's slice": self.head, "activations": self.activations}
        return {
            ("decoded matrices" if self.once else "the model's file"): self.model,
            "adapters and their optimizer": self.adapters,
            **(step if self.step >= self.saving else {"saving the state": self.saving}),
            "libraries": self.runtime,
        }


def needs(sizes: Sizes, weights: int, tokens: int, number: int = FLOAT) -> Iterator[Need]:
    """What a step of `tokens` takes, the fastest way first; `weights` of them are trained.

    `number`: bytes of a number that products are computed in.
    """
    for kept in (True, False):
        yield Need(
            model=sizes.file,
            adapters=(STATES * weights + sizes.still) * FLOAT,
            head=HEAD,
            activations=activations(sizes, tokens, kept) * number,
            saving=SAVED * weights * FLOAT,
            runtime=RUNTIME,
            kept=kept,
        )


def activations(sizes: Sizes, tokens: int, kept: bool) -> int:
    """Numbers that are held at once for the backward pass."""
    block = tokens * (9 * sizes.width + 3 * sizes.feed_forward + sizes.paths)
    return sizes.layers * (block if kept else tokens * sizes.width) + 2 * block


def needs_of_card(sizes: Sizes, weights: int, tokens: int, number: int) -> Iterator[Need]:
    """What a step takes of a graphics card's memory, the fastest way first: the matrices are
    decoded once, or block by block where that is too much. The state is saved by the processor."""
    for once in (True, False):
        for need in needs(sizes, weights, tokens, number):
            model = sizes.decoded * number if once else 0
            yield replace(need, model=model, saving=0, runtime=CARD, once=once)


def planned(found: Iterable[Need], free: int) -> Need:
    """The first that fits into `free` bytes. Refused, naming each part, if none does."""
    for need in found:
        if need.total <= (free * SPARE if need.kept else free):
            return need
    said = " + ".join(f"{bytes / 1e6:,.0f} MB {part}" for part, bytes in need.parts.items())
    raise Refused(
        f"training needs {need.total / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free: {said}",
        "read fewer tokens at a time, shorten the longest example, give a smaller rank, or close "
        "other programs",
    )
