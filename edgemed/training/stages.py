"""MedCare's two stages as settings of a run; needs no torch."""

from dataclasses import dataclass

from edgemed.training.schedule import RunSettings

NOISE = ("drop", "keep")
PARTS = {"both": ("base", "orth"), "base": ("base",), "orth": ("orth",)}
"""What a second stage may write, and the paths that it is made of."""


@dataclass(frozen=True, slots=True)
class StageOne(RunSettings):
    """`noise`: dropped before evaluation and writing, or kept."""

    method: str = "medcare, stage 1"
    noise: str = "drop"


@dataclass(frozen=True, slots=True)
class StageTwo(RunSettings):
    """`orthogonal`: the factor of the term that keeps the new path orthogonal to the one before.

    `stage_one_sha256`: of the adapter that it starts from.
    """

    method: str = "medcare, stage 2"
    orthogonal: float = 1.0
    freeze_base: bool = False
    stage_one_sha256: str = ""
