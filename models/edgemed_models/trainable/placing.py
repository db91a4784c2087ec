"""Where a model is computed, and in which numbers."""

from dataclasses import dataclass

import torch

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Placing:
    """Products are computed on `device` in `dtype`. Sums of losses, what norms divide by, adapters
    and their optimizer stay in float32."""

    device: torch.device = CPU
    dtype: torch.dtype = torch.float32

    def placed(self, numbers: torch.Tensor) -> torch.Tensor:
        """`numbers` there, in its own form."""
        return numbers.to(self.device, self.dtype)


PROCESSOR = Placing()
