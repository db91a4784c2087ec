"""The table of merge methods: which function, what of a base, how many models, what it costs.

What the plan must know before any work, beside the parameters, which the signature says. What is
said here of a tensor holds for every expert where a tensor holds experts (see `experts`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from edgemed.errors import UsageError
from edgemed.merging.methods import cancelling, formulas, schema, select, subspace
from edgemed.merging.methods.cancelling import divided_by_nothing, some_cancel
from edgemed.merging.methods.schema import Each
from edgemed.merging.methods.stream import Mix

Base = Literal["none", "optional", "required", "first of two"]


def never(group: str, **parameters: Any) -> int | None:
    """No source is the result as it is, whatever the parameters."""
    return None


def no_bytes(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """Nothing is kept of a tensor but a few numbers."""
    return 0


def no_clash(name: str, **parameters: Any) -> None:
    """All values of the parameters go together."""


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the table; the rest of a row is about one tensor.

    `alone(group, **parameters)`: the one source that is the result as it is, or None.
    `passes`: over all rows, before the mixing. `state(sources, rows, length, **parameters)`: bytes
    in use meanwhile, beside the chunk; `kept`, called alike: bytes kept from the passes to the last
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
        """Recipe name -> what is known of it."""
        return schema.parameters(self.function)


def one_weight(group: str, *, weight: Each, normalize: bool) -> int | None:
    """The only model with a weight, where the sum is that model as it is."""
    used = [i for i, w in enumerate(weight) if w]
    return used[0] if len(used) == 1 and (normalize or weight[used[0]] == 1.0) else None


def one_end(group: str, *, t: float, **parameters: Any) -> int | None:
    """The base at t = 0, the other at t = 1."""
    return int(t) if t in (0.0, 1.0) else None


def no_weight(group: str, *, weight: Each, **parameters: Any) -> int | None:
    """The base, where no delta has a weight, or all of them are multiplied by 0."""
    return None if any(weight) and parameters.get("lambda_", 1.0) else 0


def other_group(group: str, *, weight: Each, keep: str, **parameters: Any) -> int | None:
    """The base, outside the group that is transferred."""
    return 0 if keep not in (group, "all") or not any(weight) else None


def unscaled(group: str, *, scale: Each) -> int | None:
    """The model itself."""
    return 0 if scale == (1.0,) else None


def quantiles(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """An order statistic of every delta."""
    return (sources - 1) * select.STATE_BYTES


def two_quantiles(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """Two order statistics of every delta."""
    return 2 * quantiles(sources, rows, length)


def column_sums(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """Three float64 sums for every column, and then two factors."""
    return 3 * 8 * length


def column_factors(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """Two float32 factors for every column."""
    return 2 * 4 * length


def three_quantiles(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """Three order statistics of one measure."""
    return 3 * select.STATE_BYTES


def divergences(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """A float32 for every row."""
    return 4 * rows


def wide_basis(sources: int, rows: int, length: int, rank: int, **parameters: Any) -> int:
    """A float64 basis with vectors to spare, it and its successor in float32."""
    return 2 * 8 * length * (rank + subspace.OVERSAMPLED) if rank else 0


def basis(sources: int, rows: int, length: int, rank: int, **parameters: Any) -> int:
    """A float32 basis of the subspace."""
    return 4 * length * (rank + rank % 2)


deltas_divided = divided_by_nothing("normalize", spared=True)
elected_divided = divided_by_nothing("normalize", some_cancel)


def della_divided(name: str, *, density: Each, epsilon: Each, **parameters: Any) -> None:
    """Probabilities, and weights that do not cancel."""
    probabilities(name, density=density, epsilon=epsilon)
    elected_divided(name, **parameters)


def della_linear_divided(name: str, *, density: Each, epsilon: Each, **parameters: Any) -> None:
    """Probabilities, and weights that do not cancel."""
    probabilities(name, density=density, epsilon=epsilon)
    deltas_divided(name, **parameters)


def probabilities(name: str, *, density: Each, epsilon: Each) -> None:
    """density +- epsilon must be probabilities."""
    for d, e in zip(density, epsilon, strict=True):
        if d < 1.0 and not (d - e > 0.0 and d + e < 1.0):
            raise UsageError(
                f"{name}: density {d:g} and epsilon {e:g} leave the range of 0 to 1",
                "density - epsilon must be above 0 and density + epsilon below 1",
            )


def known_group(name: str, *, keep: str, **parameters: Any) -> None:
    """Only two groups can be transferred apart from the rest."""
    if keep not in ("attn", "ffn", "all"):
        raise UsageError(f"keep is {keep!r}", "it is attn, ffn or all")


def known_way(name: str, *, vectors: str, **parameters: Any) -> None:
    """Vectors are mixed in one of two ways."""
    if vectors not in formulas.VECTORS:
        raise UsageError(f"vectors is {vectors!r}", f"it is {' or '.join(formulas.VECTORS)}")


def all_of(*checks: Callable[..., None]) -> Callable[..., None]:
    """One check that makes several."""

    def check(name: str, **parameters: Any) -> None:
        for each in checks:
            each(name, **parameters)

    return check


METHODS: dict[str, Method] = {
    "linear": Method(formulas.linear, "none", 1, alone=one_weight, check=cancelling.of_linear),
    "slerp": Method(formulas.slerp, "first of two", 2, 2, 1, one_end, check=known_way),
    "nuslerp": Method(
        formulas.nuslerp,
        "optional",
        2,
        2,
        1,
        state=column_sums,
        kept=column_factors,
        check=all_of(known_way, divided_by_nothing("")),
    ),
    "multislerp": Method(
        formulas.multislerp,
        "optional",
        1,
        passes=1,
        check=all_of(known_way, divided_by_nothing("normalize_weights")),
    ),
    "karcher": Method(
        formulas.karcher, "none", 1, passes=1, check=all_of(known_way, divided_by_nothing(""))
    ),
    "task_arithmetic": Method(
        formulas.task_arithmetic, "required", 1, alone=no_weight, check=deltas_divided
    ),
    "instruction_residual": Method(formulas.instruction_residual, "required", 2, 2),
    "ties": Method(
        formulas.ties, "required", 1, None, 1, no_weight, quantiles, check=elected_divided
    ),
    "dare_linear": Method(
        formulas.dare_linear, "required", 1, None, 1, no_weight, check=deltas_divided
    ),
    "dare_ties": Method(
        formulas.dare_ties, "required", 1, None, 1, no_weight, check=elected_divided
    ),
    "della": Method(formulas.della, "required", 1, None, 1, no_weight, check=della_divided),
    "della_linear": Method(
        formulas.della_linear, "required", 1, None, 1, no_weight, check=della_linear_divided
    ),
    "breadcrumbs": Method(
        formulas.breadcrumbs,
        "required",
        1,
        None,
        1,
        no_weight,
        two_quantiles,
        check=deltas_divided,
    ),
    "breadcrumbs_ties": Method(
        formulas.breadcrumbs_ties,
        "required",
        1,
        None,
        1,
        no_weight,
        two_quantiles,
        check=elected_divided,
    ),
    "sce": Method(formulas.sce, "required", 1, None, 2, state=quantiles),
    "ram": Method(formulas.ram, "required", 1),
    "ramplus_tl": Method(formulas.ramplus_tl, "required", 1, passes=1),
    "model_stock": Method(formulas.model_stock, "required", 2, passes=1),
    "nearswap": Method(formulas.nearswap, "first of two", 2, 2),
    "arcee_fusion": Method(
        formulas.arcee_fusion, "first of two", 2, 2, 2, state=three_quantiles, kept=divergences
    ),
    "passthrough": Method(formulas.passthrough, "none", 1, 1, alone=unscaled),
    "orthogonal": Method(formulas.orthogonal, "required", 2, 2, 1, state=wide_basis, kept=basis),
    "decouple": Method(
        formulas.decouple, "required", 1, None, 1, other_group, quantiles, check=known_group
    ),
}
