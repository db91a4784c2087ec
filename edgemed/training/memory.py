"""How much memory a training run needs, by part, before it begins.

Counted in float32 from the model's shape: w is its width, f that of the feed-forward part. Kept for
the backward pass of a block are, a token: the inputs of both norms and what these give (4 w), what
attention reads and writes (5 w), and four arrays of the feed-forward part (4 f).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from edgemed.errors import Refused

FLOAT = 4
HEAD = 2 * (1 << 23) * FLOAT
"""Bytes of a slice of logits and its gradient (edgemed_models.trainable.head)."""
STATES = 8  # weights, gradient, AdamW's two, the best; while saving the state, three more
RUNTIME = 350 << 20  # bytes: the interpreter, torch and numba as they are loaded (measured)
SPARE = 0.8  # of what is free, the most that is taken so that nothing is computed twice


@dataclass(frozen=True, slots=True)
class Sizes:
    """Blocks, their width and that of their feed-forward part; bytes of the model's file.

    `paths`: numbers for each token that the adapters of a block keep.
    """

    layers: int
    width: int
    feed_forward: int
    file: int
    paths: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes by part. `kept`: activations of all blocks stay for the backward pass."""

    model: int
    adapters: int
    head: int
    activations: int
    runtime: int
    kept: bool

    @property
    def total(self) -> int:
        """All of it."""
        return self.model + self.adapters + self.head + self.activations + self.runtime

    @property
    def parts(self) -> dict[str, int]:
        """Names for messages."""
        return {
            "the model's file": self.model,
            "adapters and their optimizer": self.adapters,
            "the head's slice": self.head,
            "activations": self.activations,
            "libraries": self.runtime,
        }


def needs(sizes: Sizes, weights: int, tokens: int) -> Iterator[Need]:
    """What a step of `tokens` takes, the fastest way first; `weights` of them are trained."""
    w, f = sizes.width, sizes.feed_forward
    block = tokens * (9 * w + 4 * f + sizes.paths) * FLOAT
    for kept in (True, False):
        held = sizes.layers * (block if kept else tokens * w * FLOAT)
        yield Need(
            model=sizes.file,
            adapters=STATES * weights * FLOAT,
            head=HEAD,
            activations=held + 2 * block,
            runtime=RUNTIME,
            kept=kept,
        )


def planned(sizes: Sizes, weights: int, tokens: int, free: int) -> Need:
    """The fastest way that fits into `free` bytes. Refused, naming each part, where none does."""
    for need in needs(sizes, weights, tokens):
        if need.total <= (free * SPARE if need.kept else free):
            return need
    said = " + ".join(f"{bytes / 1e6:,.0f} MB {part}" for part, bytes in need.parts.items())
    raise Refused(
        f"training needs {need.total / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free: {said}",
        "give a smaller --batch-tokens, --longest or --rank, or close other programs",
    )
