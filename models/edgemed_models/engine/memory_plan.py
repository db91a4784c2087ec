"""A model's sizes, a machine, and one way to load the model with all bytes it takes: plain data."""

from dataclasses import dataclass
from typing import NamedTuple

from edgemed_models.base import ModelError
from edgemed_models.engine.settings import OUTPUTS, KVType

MIB = 1 << 20


class Layer(NamedTuple):
    """One block: its weights in bytes, and KV heads with key and value lengths (0: no cache)."""

    nbytes: int
    kv_heads: int
    key_length: int
    value_length: int


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """The numbers from a model's header. `repackable`: bytes the CPU would copy.

    `output_bytes`: the output matrix; `tied`: it is also the embedding, which the CPU needs too.
    """

    layers: tuple[Layer, ...]
    other_bytes: int
    output_bytes: int
    tied: bool
    repackable: int
    width: int
    inner: int
    heads: int
    head_length: int
    vocabulary: int
    train_context: int

    @property
    def weights(self) -> int:
        """Bytes of all tensors."""
        return self.other_bytes + sum(layer.nbytes for layer in self.layers)


class Gpu(NamedTuple):
    """A device other than the CPU that llama.cpp found; sizes in bytes.

    `shared`: it uses the machine's memory, as Apple's and integrated GPUs do. `mapped`: it reads
    weights directly from the mapped file, as Apple's do; others copy their weights, and put the
    rest into their own buffers, of which llama.cpp makes no faster copy for the CPU.
    """

    name: str
    free: int
    total: int
    shared: bool = False
    mapped: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What is requested; None leaves the choice to the plan. `tokens`: prompt and answer."""

    tokens: int
    threads: int
    batch: int = 128
    context: int | None = None
    gpu_layers: int | None = None
    kv_type: KVType | None = None
    repack: bool | None = None
    outputs: int = OUTPUTS


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """One way to load the model, with the bytes it takes on the CPU and on the GPU.

    `gpu_layers` counts as llama.cpp does: the output is the first layer on the GPU, then the blocks
    from the last one backwards.
    """

    context: int
    kv_type: KVType
    gpu_layers: int
    repack: bool
    weights: int
    copy: int
    kv: int
    compute: int
    process: int
    on_gpu: int
    shared: bool
    room: int
    private_room: int | None

    @property
    def needed(self) -> int:
        """Bytes of the machine's memory, mapped weights included."""
        return self.weights + self.private + (self.on_gpu if self.shared else 0)

    @property
    def private(self) -> int:
        """Bytes of the process's own memory: all but the weights mapped from the file."""
        return self.copy + self.kv + self.compute + self.process

    @property
    def fits(self) -> bool:
        """Whether there is room, also within a limit on private memory."""
        private_fits = self.private_room is None or self.private <= self.private_room
        return self.needed <= self.room and private_fits


class DoesNotFit(ModelError):
    """The model does not fit in memory in any way; `plan` is the one that needs least."""

    def __init__(self, message: str, hint: str, plan: MemoryPlan) -> None:
        super().__init__(message, hint)
        self.plan = plan


def explain(plan: MemoryPlan) -> list[str]:
    """The arithmetic of a plan, one line per part."""
    copy = "" if plan.repack else " (switched off)"
    lines = [
        f"{mib(plan.weights):>12}  weights, mapped from the file",
        f"{mib(plan.copy):>12}  faster copy of the weights for the CPU{copy}",
        f"{mib(plan.kv):>12}  KV cache, {plan.context} tokens in {plan.kv_type}",
        f"{mib(plan.compute):>12}  compute buffer",
        f"{mib(plan.process):>12}  process and vocabulary",
        f"{mib(plan.needed):>12}  needed",
        f"{mib(plan.room):>12}  free, less a margin",
    ]
    if plan.private_room is not None:
        lines.append(f"{mib(plan.private_room):>12}  of private memory, {mib(plan.private)} needed")
    if plan.gpu_layers:
        blocks = plan.gpu_layers - 1
        lines.append(f"{mib(plan.on_gpu):>12}  on the GPU: the output and {blocks} layers")
    return lines


def mib(nbytes: int) -> str:
    """Bytes in MiB, rounded up, so that a need never looks smaller than it is."""
    return f"{-(-nbytes // MIB):,} MiB"
