"""MedCare's two stages (arXiv 2406.17484): knowledge apart from noise, then alignment beside it.

Stage 1: beside every feed-forward matrix a shared path of rank 2 R and 8 routed experts of rank R,
beside those of attention a plain one of rank R. Shared path and attention are kept; the experts
take up what fits only some tokens, and are dropped.

Stage 2: beside every feed-forward matrix the path of stage 1 and a new one of rank 2 R. To the loss
is added orthogonal x the sum over these matrices of |A_base A_orth^T|, entry by entry. The paths
beside attention are kept unchanged.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from edgemed_models.trainable.adapters import Lora
from edgemed_models.trainable.routed import ACTIVE, EXPERTS, Aligned, Parts, Routed
from edgemed_models.trainable.transformer import Linear, Transformer

from edgemed.adapters.adapter import Adapter, Pair
from edgemed.errors import EdgemedError, Incompatible, UsageError
from edgemed.training.adapt import Training, array
from edgemed.training.encoded import Data
from edgemed.training.packing import packed
from edgemed.training.schedule import batches
from edgemed.training.stages import PARTS, StageOne, StageTwo

MEASURED = 64
"""Examples over which the experts' mean weights are taken."""
AT_ITS_MEAN = "noise at its mean"


class Parted(Training):
    """A training whose paths have several parts: trained together, evaluated and written apart."""

    judged: Parts
    """The parts that are switched on when the held-out loss is taken."""
    written: Parts
    """The parts that are written."""
    told: Mapping[str, Parts]
    """The parts whose losses the card states, by their names there."""

    def held_loss(self) -> float:
        return self.loss_of(self.judged)

    def loss_of(self, parts: Parts) -> float:
        """Mean loss of a token of the held-out answers with only these parts switched on."""
        with self.counting(parts):
            found: float = super().held_loss()
            return found

    @contextmanager
    def counting(self, parts: Parts) -> Iterator[None]:
        """Switch on these parts only."""
        parted = [path for path in self.paths.values() if hasattr(path, "counted")]
        before = [path.counted for path in parted]
        for path in parted:
            path.counted = parts
        try:
            yield
        finally:
            for path, own in zip(parted, before, strict=True):
                path.counted = own

    def measured(self) -> dict[str, Any]:
        """The best weights are put in place; the held-out loss of each part with them."""
        self.use_best()
        told = self.told if self.held else {}
        return {"parts": {name: self.loss_of(parts) for name, parts in told.items()}}

    def pairs(self) -> dict[str, Pair]:
        """What is written, from the weights in place (`measured` puts the best there)."""
        return {f"{name}.weight": self.pair(path) for name, path in self.paths.items()}

    @torch.no_grad()
    def pair(self, path: Any) -> Pair:
        """A path as an ordinary adapter's."""
        a, b = (path.a, path.b) if isinstance(path, Lora) else path.thin(self.written)
        return Pair(array(a), array(b), path.scale)


class Aggregating(Parted):
    """Stage 1."""

    settings: StageOne
    judged: Parts = ("shared",)
    written: Parts = ("shared",)
    told: Mapping[str, Parts] = {
        "noise dropped": ("shared",),
        "noise kept": ("shared", "routed"),
        "attention alone": (),
    }

    def __init__(self, model: Transformer, data: Data, settings: StageOne) -> None:
        if settings.noise == "keep":
            self.judged, self.written = ("shared", "routed"), ("shared", "mean")
            self.told = {**self.told, AT_ITS_MEAN: self.written}
        super().__init__(model, data, settings)
        self.about = {"method": "medcare", "stage": "1", "noise": settings.noise}

    @property
    def kept(self) -> int:
        """A block has three feed-forward matrices and four of attention."""
        rank = self.settings.rank
        return 3 * (2 * rank + 2 * EXPERTS * rank + 2 * EXPERTS + 2 * ACTIVE) + 4 * rank

    def attached(self) -> dict[str, Any]:
        random = torch.Generator().manual_seed(self.settings.seed)
        rank, scale = self.settings.rank, self.settings.scale
        found: dict[str, Any] = {}
        for name, linear in self.model.linears().items():
            refuse_rank(name, linear, 2 * rank if is_ffn(name) else rank)
            kind = Routed if is_ffn(name) else Lora
            found[name] = kind(rank, scale, linear.matrix.rows, linear.matrix.length, random)
            linear.path = found[name]
        return found

    def measured(self) -> dict[str, Any]:
        self.use_best()
        if self.settings.noise == "keep":
            self.take_means()
        found = super().measured()
        self.refuse_useless(found["parts"].get(AT_ITS_MEAN))
        return found

    def refuse_useless(self, written: float | None) -> None:
        """EdgemedError if the adapter would be no better than the model alone."""
        if written is not None and written >= (self.state.curve[0].held or 0.0):
            raise EdgemedError(
                f"with every expert at its mean weight the held-out loss is {written:.4f}, "
                "no better than that of the model alone: no adapter is written",
                "train it again with the default noise: the experts are then dropped",
            )

    @torch.no_grad()
    def take_means(self) -> None:
        """The mean weight of every expert, over the tokens of some of the examples learned from."""
        routed = [path for path in self.paths.values() if isinstance(path, Routed)]
        for path in routed:
            path.begin_tally()
        with self.counting(("shared", "routed")):
            for batch in batches(self.learned[:MEASURED], self.lengths, self.settings.batch_tokens):
                rows = [self.rows[n] for n in batch]
                ids, packing, _ = packed(rows, self.model.placing.device)
                self.model.hidden(ids, packing)
        for path in routed:
            path.end_tally()


class Aligning(Parted):
    """Stage 2, from the adapter of stage 1."""

    settings: StageTwo
    judged: Parts = PARTS["both"]
    told: Mapping[str, Parts] = PARTS

    def __init__(
        self, model: Transformer, data: Data, settings: StageTwo, stage_one: Adapter, part: str
    ) -> None:
        self.before, self.written = stage_one, PARTS[part]
        super().__init__(model, data, settings)
        del self.before  # its numbers have been copied into the paths
        self.about = {"method": "medcare", "stage": "2", "part": part}
        self.first_overlap = self.overlap().item()

    @property
    def kept(self) -> int:
        """The rank of every path of the widest block."""
        by_block: dict[str, int] = {}
        for name, path in self.paths.items():
            paths = [path] if isinstance(path, Lora) else [path.base, path.orth]
            block = name.rsplit(".", 1)[0]
            by_block[block] = by_block.get(block, 0) + sum(len(p.a) for p in paths)
        return max(by_block.values())

    def attached(self) -> dict[str, Any]:
        random = torch.Generator().manual_seed(self.settings.seed)
        rank, scale = 2 * self.settings.rank, self.settings.scale
        linears = self.model.linears()
        refuse_strange(self.before, linears)
        found: dict[str, Any] = {}
        for name, linear in linears.items():
            pair = self.before.pairs.get(f"{name}.weight")
            if is_ffn(name):
                refuse_rank(name, linear, rank)
                base = lora_of(needed(name, pair), scale, not self.settings.freeze_base)
                rows, length = linear.matrix.rows, linear.matrix.length
                found[name] = Aligned(base, Lora(rank, scale, rows, length, random))
            elif pair is not None:
                found[name] = lora_of(pair, scale, trained=False)
            linear.path = found.get(name)
        return found

    def overlap(self) -> torch.Tensor:
        """The sum over all matrices."""
        paths = [path for path in self.paths.values() if isinstance(path, Aligned)]
        return torch.stack([path.overlap() for path in paths]).sum()

    def penalty(self) -> torch.Tensor | float:
        return self.overlap() * self.settings.orthogonal if self.settings.orthogonal else 0.0

    def measured(self) -> dict[str, Any]:
        found = super().measured()
        return {**found, "overlap": {"first": self.first_overlap, "best": self.overlap().item()}}


def is_ffn(name: str) -> bool:
    """Whether a matrix is one of the feed-forward part."""
    return name.split(".")[-1].startswith("ffn_")


def refuse_rank(name: str, linear: Linear, rank: int) -> None:
    """UsageError where a path of this rank would be larger than its matrix."""
    rows, length = linear.matrix.rows, linear.matrix.length
    if rank > min(rows, length):
        raise UsageError(
            f"{name} is {length} x {rows}: a rank of {rank} is more than it has",
            "give a smaller rank, such as 16; for feed-forward matrices it is doubled",
        )


def refuse_strange(stage_one: Adapter, linears: Mapping[str, Linear]) -> None:
    """Incompatible where the adapter changes what a stage does not train."""
    for name in stage_one.pairs:
        if name.removesuffix(".weight") not in linears:
            raise Incompatible(
                f"the adapter of stage 1 changes {name}, which stage 2 cannot continue with",
                "give the adapter that stage 1 of MedCare wrote",
            )


def needed(name: str, pair: Pair | None) -> Pair:
    """The pair of a feed-forward matrix; Incompatible without one."""
    if pair is None:
        raise Incompatible(
            f"the adapter of stage 1 has nothing for {name}",
            "give one that was trained on all matrices, as stage 1 of MedCare does",
        )
    return pair


def lora_of(pair: Pair, scale: float, trained: bool) -> Lora:
    """A pair as a path of this scale."""
    path = Lora(pair.rank, scale, len(pair.b), pair.a.shape[1])
    path.a.data = torch.from_numpy(pair.a.copy())
    path.b.data = torch.from_numpy(pair.b * np.float32(pair.scale / scale))
    path.requires_grad_(trained)
    return path
