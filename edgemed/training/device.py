"""The device and the number type of a run: what is asked for, checked against the machine."""

from typing import TYPE_CHECKING

from llvmlite.binding import get_host_cpu_features

from edgemed.errors import Refused

if TYPE_CHECKING:  # needs torch
    from edgemed_models.trainable.placing import Placing

DEVICES = ("cpu", "cuda")
COMPUTED = ("float32", "bf16")
OWN_PRODUCTS = ("avx512bf16", "amx-bf16", "bf16")
"""LLVM's names of the processor features that multiply bf16 in hardware; the last is ARM's."""


def placing_of(device: str, bf16: bool) -> "Placing":
    """The place for a run. Refused where the machine lacks the device, or bf16 on it."""
    import torch
    from edgemed_models.trainable.placing import CPU, Placing

    if device == "cuda" and not torch.cuda.is_available():
        raise Refused("torch finds no CUDA card on this machine", "train on the processor")
    if bf16 and not (card_has_bf16() if device == "cuda" else processor_has_bf16()):
        raise Refused(
            "this card cannot multiply in bf16"
            if device == "cuda"
            else "this processor cannot multiply in bf16: it would be slower, and less exact",
            "compute every number in float32",
        )
    where = CPU if device == "cpu" else torch.device("cuda", torch.cuda.current_device())
    return Placing(where, torch.bfloat16 if bf16 else torch.float32)


def processor_has_bf16() -> bool:
    """Whether this processor multiplies bf16 in hardware."""
    features = get_host_cpu_features()
    return any(features.get(name, False) for name in OWN_PRODUCTS)


def card_has_bf16() -> bool:
    """Whether the CUDA card multiplies bf16 in hardware."""
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def free_on_card() -> int:
    """Free bytes of the CUDA card's memory."""
    import torch

    free: int = torch.cuda.mem_get_info()[0]
    return free
