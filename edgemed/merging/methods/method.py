"""A row of the table of merge methods, and pieces that several rows share.

A method is a function: it gets the stream of a tensor's rows and its parameters for that tensor,
and says how rows are mixed. Its signature is the schema that recipes are checked against, its
docstring the formula and its source. In these, x_i are the models, x_0 the base, d_i = x_i - x_0
the deltas, w_i the weights, n how many models.

The row is what a plan must know before any work. In a tensor with experts it applies to each of
them (see `experts`). Rows are at the end of the module of their formulas.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from edgemed.merging.methods import schema, select
from edgemed.merging.methods.stream import Mix

Base = Literal["none", "optional", "required", "first of two"]


def never(group: str, **parameters: Any) -> int | None:
    """The result is never one of the sources unchanged, whatever the parameters."""
    return None


def no_bytes(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """Only a few numbers are kept for a tensor."""
    return 0


def no_clash(name: str, **parameters: Any) -> None:
    """Any combination of parameter values is valid."""


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the table. The fields below describe the work on one tensor.

    `alone(group, **parameters)`: the one source that is the result as it is, or None. `passes`:
    over all rows, before the mixing. `state(sources, rows, length, **parameters)`: bytes in use
    meanwhile, beside the chunk; `kept`, called the same way: bytes kept from the passes to the last
    chunk. `check(name, **parameters)`: UsageError if they clash.
    """

    function: Callable[..., Mix]
    base: Base
    least: int
    most: int | None = None
    passes: int = 0
    alone: Callable[..., int | None] = never
    state: Callable[..., int] = no_bytes
    kept: Callable[..., int] = no_bytes
    check: Callable[..., None] = no_clash

    @property
    def parameters(self) -> dict[str, schema.Parameter]:
        """Recipe name -> its Parameter."""
        return schema.parameters(self.function)


def quantiles(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """An order statistic of every delta."""
    return (sources - 1) * select.STATE_BYTES


def all_of(*checks: Callable[..., None]) -> Callable[..., None]:
    """One check that runs several."""

    def check(name: str, **parameters: Any) -> None:
        for each in checks:
            each(name, **parameters)

    return check
