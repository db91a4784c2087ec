"""Packs the rows of a step in one sequence, with the common beginning of all prompts once."""

from collections.abc import Sequence

import torch
from edgemed_models.trainable.placing import PROCESSOR
from edgemed_models.trainable.transformer import Packing

from edgemed.training.encoded import Encoded


def packed(
    rows: Sequence[Encoded], device: torch.device = PROCESSOR.device
) -> tuple[torch.Tensor, Packing, torch.Tensor]:
    """Token ids of the common beginning and of the rest of each row, and a mask with 1.0 for answer
    tokens, on `device`.

    Prompts of one template begin alike: that part is computed once for all rows of a step.
    """
    shared = begun_alike(rows)
    ids = [*rows[0].ids[:shared], *(i for row in rows for i in row.ids[shared:])]
    weights = [torch.zeros(shared)]
    weights += [(torch.arange(shared, len(r.ids)) >= len(r.ids) - r.answer).float() for r in rows]
    packing = Packing(tuple(len(row.ids) - shared for row in rows), shared)
    return torch.tensor(ids, device=device), packing, torch.cat(weights).to(device)


def computed(rows: Sequence[Encoded]) -> int:
    """Tokens that a step of `rows` computes: the common beginning counts once."""
    return sum(len(row.ids) for row in rows) - (len(rows) - 1) * begun_alike(rows)


def begun_alike(rows: Sequence[Encoded]) -> int:
    """How many tokens all of several prompts begin with; each keeps at least one of its own."""
    if len(rows) < 2:
        return 0
    most = min(len(row.ids) - row.answer for row in rows) - 1
    first = rows[0].ids
    return next((n for n in range(most) if any(r.ids[n] != first[n] for r in rows)), max(most, 0))
