"""One tensor of the output: first its sources (OutputTensor), then type and place too (Step)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from edgemed_native.codecs import CODECS, obstacle
from edgemed_native.ggml_types import GGMLType

from edgemed.adapters import change
from edgemed.errors import Refused
from edgemed.gguf import Tensor
from edgemed.gguf.writer import TensorSpec
from edgemed.merging.methods.experts import experts_of
from edgemed.merging.methods.schema import Bound
from edgemed.merging.methods.table import METHODS
from edgemed.merging.parents import token_rows
from edgemed.quantizing.imatrix import Importances, of_tensor, silence

Action = Literal["copy", "requantize", "blend"]


class OutputTensor(NamedTuple):
    """A step before its type and place: `leads` are the sources that types are taken from (no
    base), `alone` is the number of the only source with any weight, if there is just one."""

    name: str
    sources: tuple[Tensor, ...]
    leads: tuple[Tensor, ...]
    based: bool
    parameters: Bound
    alone: int | None

    @property
    def weights(self) -> int:
        return self.sources[0].rows * self.sources[0].row_length


@dataclass(frozen=True, slots=True)
class Step:
    """One output tensor: sources blended, or one source copied or requantized.

    Where `based`, sources[0] is the base of the others. `parameters` are the method's for this
    tensor; values with one number a model leave the base out. `importances` are of the columns of
    each of its matrices, f32[matrices, row length]; None: all columns have equal weight.
    """

    name: str
    action: Action
    sources: tuple[Tensor, ...]
    based: bool
    type: GGMLType
    method: str
    parameters: Bound
    offset: int
    nbytes: int
    importances: Any = field(default=None, compare=False, repr=False)

    @property
    def weights(self) -> int:
        return self.sources[0].rows * self.sources[0].row_length


class Remedies(NamedTuple):
    """What to do about a tensor that cannot be read as weights, and about a type that cannot be
    written, in the words of the command's options."""

    unreadable: str
    unwritable: str


class Content(NamedTuple):
    """All tensors of an output with their types, and the importances of their columns."""

    outputs: Sequence[OutputTensor]
    types: Sequence[GGMLType]
    importances: Importances | None

    @property
    def weights(self) -> int:
        return sum(output.weights for output in self.outputs)

    @property
    def specs(self) -> list[TensorSpec]:
        """What the header says about them."""
        pairs = zip(self.outputs, self.types, strict=True)
        return [(output.name, output.sources[0].shape, type) for output, type in pairs]


def settle_all(
    method: str, content: Content, offsets: Sequence[int], remedies: Remedies
) -> tuple[Step, ...]:
    """The steps, now that types and offsets are known; Refused where a type cannot be."""
    return tuple(
        settle(method, output, type, offset, content.importances, remedies)
        for output, type, offset in zip(content.outputs, content.types, offsets, strict=True)
    )


def settle(
    method: str,
    output: OutputTensor,
    type: GGMLType,
    offset: int,
    importances: Importances | None,
    remedies: Remedies,
) -> Step:
    """One step."""
    action: Action = "blend"
    sources, based = output.sources, output.based
    if output.alone is not None:
        sources, based = (sources[output.alone],), False
        as_it_is = sources[0].type == type and token_rows.is_as_stored(sources[0])
        action = "copy" if as_it_is else "requantize"
    columns = None
    if action != "copy":
        columns = of_tensor(importances, output.name, sources[0])
        refuse_unreadable(sources, remedies)
        refuse_unwritable(output.name, type, importances is not None, columns, remedies)
        columns = columns if columns is not None and columns.any() else None
    nbytes = sources[0].rows * type.row_bytes(sources[0].row_length)
    return Step(
        output.name,
        action,
        sources,
        based,
        type,
        method,
        output.parameters,
        offset,
        nbytes,
        columns,
    )


def refuse_unreadable(sources: Sequence[Tensor], remedies: Remedies) -> None:
    """Every source must be readable as weights."""
    for tensor in sources:
        if CODECS[tensor.type.name].decoder is None:
            raise Refused(
                f"{tensor.path.name}: {tensor.name} is {tensor.type.name}, which is not weights",
                remedies.unreadable.format(name=tensor.name, type=tensor.type.name),
            )


def refuse_unwritable(
    name: str, type: GGMLType, asked: bool, columns: Any, remedies: Remedies
) -> None:
    """The type must have an encoder (`asked`: importances were given; `columns`: those of this
    tensor)."""
    why = silence(columns)
    problem = obstacle(type.name, why is None)
    if problem is not None:
        more = f": {why}" if asked and why else ""
        raise Refused(f"{name}: {problem}{more}", remedies.unwritable)


def state_bytes(step: Step) -> int:
    """What the method keeps of a tensor beside the chunk: while it passes over an expert's rows,
    and of all experts."""
    adapters = change.state_bytes(map(token_rows.stored, step.sources))
    if step.action != "blend":
        return adapters
    method, experts = METHODS[step.method], experts_of(step.sources[0])
    rows, length = step.sources[0].rows // experts, step.sources[0].row_length
    shape, parameters = (len(step.sources), rows, length), dict(step.parameters)
    own = method.state(*shape, **parameters) + experts * method.kept(*shape, **parameters)
    return adapters + own
