"""What the user asks for: two models, a method, and how far to go from the first to the second."""

import math
from dataclasses import dataclass
from pathlib import Path

from edgemed.errors import UsageError
from edgemed.merging.methods import METHODS


@dataclass(frozen=True, slots=True)
class Recipe:
    """`t` = 0 is model A, `t` = 1 is model B; values outside that range are refused."""

    a: Path
    b: Path
    t: float
    method: str = "linear"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(
                f"no merge method {self.method!r}", f"choose one of {', '.join(METHODS)}"
            )
        if not (math.isfinite(self.t) and 0.0 <= self.t <= 1.0):
            raise UsageError(f"t is {self.t}, outside 0 to 1", "0 is the first model, 1 the second")
