"""The training of an adapter: AdamW on low-rank paths beside frozen, quantized matrices.

With one thread, a stopped and resumed run gives bit-identical numbers.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from edgemed_models.trainable.adapters import Dora, Lora
from edgemed_models.trainable.frozen import Frozen
from edgemed_models.trainable.transformer import Transformer

from edgemed.adapters.adapter import F32, Pair
from edgemed.errors import EdgemedError, UsageError
from edgemed.training.encoded import Data
from edgemed.training.packing import computed, packed
from edgemed.training.schedule import RunSettings, batches, rate_at, split, steps

GROUPS = {"all": ("attn_", "ffn_"), "attn": ("attn_",), "ffn": ("ffn_",)}
"""How the names of the matrices that get an adapter begin."""


DECAY = 0.01
STEEPEST = 1.0  # the gradient's norm is clipped to this


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point on the curve: mean loss per answer token, on training examples since the last point
    and on held-out ones."""

    step: int
    learned: float | None
    held: float | None


@dataclass(slots=True)
class TrainingState:
    """The state of a run: all that is needed to continue.

    Arrays by number of the trained tensor: its weights now, AdamW's two means, its best weights.
    """

    step: int = 0
    curve: list[CurvePoint] = field(default_factory=list)
    best: int = 0  # the step
    best_loss: float = math.inf
    worse: int = 0  # held-out checks since then
    since: list[float] = field(
        default_factory=lambda: [0.0, 0.0]
    )  # loss and tokens since the last check
    weights: list[F32] = field(default_factory=list)
    first: list[F32] = field(default_factory=list)
    second: list[F32] = field(default_factory=list)
    best_weights: list[F32] = field(default_factory=list)


class Training:
    """A model with fresh adapters, and what it learns from.

    edgemed.training.medcare overrides what is attached, added to the loss, evaluated and written.
    """

    about: Mapping[str, str] = {}
    """What the adapter's file says about how it was made."""

    def __init__(self, model: Transformer, data: Data, settings: RunSettings) -> None:
        self.model, self.rows, self.settings = model, data.rows, settings
        self.paths = self.attached()
        for path in self.paths.values():
            path.to(model.placing.device)
        parameters = [p for path in self.paths.values() for p in path.parameters()]
        self.trained = [p for p in parameters if p.requires_grad]
        self.learned, self.held = split(len(data.rows), settings.held_out, settings.seed)
        self.lengths = [len(row.ids) for row in data.rows]
        self.batches, self.looks = steps(self.learned, self.lengths, settings)
        self.adam = torch.optim.AdamW(decaying(self.trained), lr=settings.rate)
        self.state = TrainingState(best_weights=self._weights())
        self.whole = True  # the state is consistent: it may be saved

    def attached(self) -> dict[str, Any]:
        """New paths beside the model's matrices, by the matrices' names."""
        return attach(self.model, self.settings)

    def penalty(self) -> torch.Tensor | float:
        """What a step adds to the loss of the examples."""
        return 0.0

    @property
    def kept(self) -> int:
        """Numbers for each token that the paths of a block keep for the backward pass: with DoRA
        each matrix's output. Those of plain LoRA are few compared with the block's own."""
        first = [path for name, path in self.paths.items() if name.startswith("blk.0.")]
        return sum(len(path.b) for path in first if isinstance(path, Dora))

    @property
    def weights(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.trained)

    @property
    def still(self) -> int:
        """How many numbers of the paths are not trained."""
        every = (p.numel() for path in self.paths.values() for p in path.parameters())
        found: int = sum(every) - self.weights
        return found

    def tokens_from(self, step: int) -> int:
        """Tokens of the steps after the first `step`."""
        return sum(self.lengths[n] for batch in self.batches[step:] for n in batch)

    @property
    def longest_step(self) -> int:
        """Tokens that are computed in the longest step, the held-out ones' steps included."""
        held = batches(self.held, self.lengths, self.settings.batch_tokens)
        return max(computed([self.rows[n] for n in batch]) for batch in [*self.batches, *held])

    @property
    def due(self) -> bool:
        """Whether the held-out loss is to be taken before the next step."""
        state = self.state
        looked = bool(state.curve) and state.curve[-1].step == state.step
        return not looked and (state.step == 0 or state.step in self.looks)

    @property
    def over(self) -> bool:
        """Whether all steps are done, or the held-out loss has stopped falling."""
        state = self.state
        return state.step == len(self.batches) or state.worse >= self.settings.patience

    def step(self) -> float:
        """Learn from the next batch; returns its mean loss before the step."""
        state, rows = self.state, [self.rows[n] for n in self.batches[self.state.step]]
        for group in self.adam.param_groups:
            group["lr"] = rate_at(state.step, len(self.batches), self.settings.rate)
        ids, packing, weights = packed(rows, self.model.placing.device)
        count = float(weights.sum())
        loss = self.model.loss(ids, packing, weights) / count
        found: float = loss.item()
        if not math.isfinite(found):
            raise EdgemedError(
                f"the loss is not a finite number at step {state.step + 1}",
                "give a smaller learning rate",
            )
        self.adam.zero_grad(set_to_none=True)
        (loss + self.penalty()).backward()
        torch.nn.utils.clip_grad_norm_(self.trained, STEEPEST)
        self.whole = False
        self.adam.step()
        state.step += 1
        state.since = [state.since[0] + found * count, state.since[1] + count]
        self.whole = True
        return found

    def look(self) -> CurvePoint:
        """The losses at this step; the best weights are kept. Without held-out examples the last.

        Before the first step they are those of the unchanged model.
        """
        state = self.state
        held = self.held_loss() if self.held else None
        learned = state.since[0] / state.since[1] if state.since[1] else None
        point = CurvePoint(state.step, learned, held)
        self.whole = False
        state.curve.append(point)
        state.since = [0.0, 0.0]
        if held is None or held < state.best_loss:
            state.best, state.worse, state.best_weights = state.step, 0, self._weights()
            state.best_loss = math.inf if held is None else held
        else:
            state.worse += 1
        self.whole = True
        return point

    @torch.no_grad()
    def held_loss(self) -> float:
        """Mean loss of a token of the held-out answers."""
        total = tokens = 0.0
        for batch in batches(self.held, self.lengths, self.settings.batch_tokens):
            rows = [self.rows[n] for n in batch]
            ids, packing, weights = packed(rows, self.model.placing.device)
            total += float(self.model.loss(ids, packing, weights))
            tokens += float(weights.sum())
        return total / tokens

    def snapshot(self) -> TrainingState:
        """The state with copies of its arrays, to be saved and then forgotten."""
        moments = [self.adam.state[p] for p in self.trained]
        return replace(
            self.state,
            weights=self._weights(),
            first=[array(m["exp_avg"]) for m in moments if m],
            second=[array(m["exp_avg_sq"]) for m in moments if m],
        )

    def restore(self, state: TrainingState) -> None:
        """Continue from a saved state of the same run."""
        self.state = replace(state, weights=[], first=[], second=[])
        with torch.no_grad():
            for parameter, saved in zip(self.trained, state.weights, strict=True):
                parameter.copy_(torch.from_numpy(saved))
        for parameter, first, second in zip(self.trained, state.first, state.second, strict=False):
            self.adam.state[parameter] = {
                "step": torch.tensor(float(state.step)),
                "exp_avg": torch.from_numpy(first.copy()).to(parameter.device),
                "exp_avg_sq": torch.from_numpy(second.copy()).to(parameter.device),
            }

    def use_best(self) -> None:
        """Put the best weights in place, where the run has ended."""
        with torch.no_grad():
            for parameter, best in zip(self.trained, self.state.best_weights, strict=True):
                parameter.copy_(torch.from_numpy(best))

    def measured(self) -> dict[str, Any]:
        """What the card says besides the curve; taken once, before the adapter is written."""
        return {}

    def pairs(self) -> dict[str, Pair]:
        """The best adapters, by the names of their matrices."""
        arrays = iter(self.state.best_weights)
        return {
            f"{name}.weight": Pair(
                next(arrays),
                next(arrays),
                path.scale,
                next(arrays) if isinstance(path, Dora) else None,
            )
            for name, path in self.paths.items()
        }

    def _weights(self) -> list[F32]:
        return [array(p) for p in self.trained]


def array(values: torch.Tensor) -> F32:
    """Its own copy, as an adapter holds it."""
    return np.array(values.detach().cpu().numpy(), np.float32, order="C")


def attach(model: Transformer, settings: RunSettings) -> dict[str, Lora]:
    """A new adapter for every matrix of the group, drawn from the seed; by the matrix's name."""
    random = torch.Generator().manual_seed(settings.seed)
    found: dict[str, Lora] = {}
    for name, linear in model.linears().items():
        if name.split(".")[-1].startswith(GROUPS[settings.matrices]):
            rows, length = linear.matrix.rows, linear.matrix.length
            if settings.rank > min(rows, length):
                raise UsageError(
                    f"{name} is {length} x {rows}: a rank of {settings.rank} is more than it has",
                    "give a smaller rank, such as 16",
                )
            found[name] = linear.path = path_for(linear.matrix, settings, random)
    return found


def path_for(matrix: Frozen, settings: RunSettings, random: torch.Generator) -> Lora:
    """The new adapter of one matrix."""
    if settings.dora:
        return Dora(settings.rank, settings.scale, matrix, random)
    return Lora(settings.rank, settings.scale, matrix.rows, matrix.length, random)


def decaying(trained: Sequence[torch.Tensor]) -> list[dict[str, Any]]:
    """AdamW's two groups: matrices decay towards zero, which is no change; the lengths
    of DoRA do not, for zero would be a change."""
    matrices, lengths = ([p for p in trained if (p.ndim > 1) == wide] for wide in (True, False))
    groups = [{"params": matrices, "weight_decay": DECAY}]
    return [*groups, {"params": lengths, "weight_decay": 0.0}] if lengths else groups
