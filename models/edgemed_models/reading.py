"""How a model reads a plain text, without a chat template: ids and log-probabilities.

For measures of a model (perplexity, divergence), never for answers. The text is literal: a name
such as `<|im_end|>` in it becomes no control token.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@runtime_checkable
class Reader(Protocol):
    """A model that reads texts; one at a time."""

    def text_ids(self, text: str) -> list[int]:
        """Ids of `text`, after the begin-of-text token if the model has one."""
        ...

    def text_scores(self, ids: Sequence[int]) -> list[float]:
        """Natural-log probability of each id after those before it, from the second on."""
        ...

    def text_logits(self, ids: Sequence[int]) -> Iterator[F32]:
        """Logits after every id but the last, f32 [some, vocabulary], a few rows at a time."""
        ...
