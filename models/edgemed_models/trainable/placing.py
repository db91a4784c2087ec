"""The device and the number type in which a model is computed."""

from dataclasses import dataclass

import torch

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Placing:
    """Products are computed on `device` in `dtype`. Sums of losses, the divisors of norms, adapters
    and their optimizer stay in float32."""

    device: torch.device = CPU
    dtype: torch.dtype = torch.float32

    def placed(self, numbers: torch.Tensor) -> torch.Tensor:
        """`numbers` on the device, in their own type."""
        return numbers.to(self.device, self.dtype)


PROCESSOR = Placing()
