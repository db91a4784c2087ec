"""Makes all weights of a model trainable, in float32, instead of frozen matrices.

Training all weights of a model takes 16 bytes of memory for each: the weight, its gradient and the
optimizer's two means. It is for small models.
"""

import torch
from torch import nn
from torch.nn import functional

from edgemed_models.trainable.frozen import Frozen
from edgemed_models.trainable.transformer import EMBEDDING, OUTPUT, Transformer


class Opened(Frozen):
    """A matrix W[rows, length] that is trained. It starts as the frozen one, decoded."""

    weight: nn.Parameter

    def __init__(self, frozen: Frozen) -> None:
        super().__init__(frozen.source, frozen.scratch, frozen.placing)
        self.weight = nn.Parameter(frozen.whole().float().clone())
        self.once, self._whole = True, self.weight.detach()  # the same memory

    def times(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight.to(x.dtype))

    def take(self, ids: torch.Tensor) -> torch.Tensor:
        return self.weight[ids.to(self.placing.device)].to(self.placing.dtype)


def open_weights(model: Transformer) -> dict[str, nn.Parameter]:
    """Make every weight of `model` trainable: matrices, norms, biases, by GGUF name.

    A head that is the embedding stays the embedding: its gradient is the sum of both uses.
    """
    tied = model.output is model.embedding
    model.embedding = embedding = Opened(model.embedding)
    found = {EMBEDDING: embedding.weight}
    if tied:
        model.output = embedding
    else:
        model.output = output = Opened(model.output)
        found[OUTPUT] = output.weight
    for name, linear in model.linears().items():
        linear.matrix = matrix = Opened(linear.matrix)
        found[f"{name}.weight"] = matrix.weight
        if linear.bias is not None:
            found[f"{name}.bias"] = trained(linear, "bias")
    return found | {
        f"{name}.weight": trained(norm, "weight") for name, norm in model.norms().items()
    }


def trained(module: nn.Module, name: str) -> nn.Parameter:
    """Make a fixed vector of `module` trainable."""
    parameter = nn.Parameter(module.get_buffer(name).clone())
    delattr(module, name)
    module.register_parameter(name, parameter)
    return parameter
