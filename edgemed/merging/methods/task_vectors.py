"""Task arithmetic, TIES, DARE, DELLA, breadcrumbs: one method; each row trims in its own way.

    x_0 + lambda sum w_i trim(d_i)

A row says how a delta is trimmed, whether signs are elected, and whether the sum is by default
divided by the weights and rescaled; see `deltas`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from edgemed.errors import UsageError
from edgemed.merging.methods import deltas
from edgemed.merging.methods.cancelling import divided_by_nothing, some_cancel
from edgemed.merging.methods.method import Method, all_of, no_bytes, no_clash, quantiles
from edgemed.merging.methods.schema import Each, Share, Shares, declared, keywords
from edgemed.merging.methods.stream import Mix, Stream


class Trimming(NamedTuple):
    """A way to trim deltas: `trims(stream, **parameters)`, by a signature as a method's; the rest
    is that of a Method."""

    trims: Callable[..., deltas.Trims]
    state: Callable[..., int] = no_bytes
    check: Callable[..., None] = no_clash


def variant(
    about: str, trimming: Trimming, *, elect: bool, normalize: bool, rescale: bool
) -> Method:
    """A row of the family; `normalize` and `rescale` are the defaults of its parameters."""
    summed, own = keywords(deltas.task_vectors), keywords(trimming.trims)
    weight = summed.pop("weight")
    defaults = {"normalize": normalize, "rescale": rescale}
    more = {name: p.replace(default=defaults.get(name, p.default)) for name, p in summed.items()}

    def method(stream: Stream, **given: Any) -> Mix:
        trims = trimming.trims(stream, **{name: given.pop(name) for name in own})
        return deltas.task_vectors(stream, trims, elect, **given)

    divided = elected_divided if elect else deltas_divided
    return Method(
        declared(method, about, [weight, *own.values(), *more.values()]),
        "required",
        1,
        None,
        1,
        no_weight,
        trimming.state,
        check=all_of(trimming.check, divided),
    )


def task_arithmetic(
    stream: Stream, *, weight: Each, lambda_: float = 1.0, normalize: bool = False
) -> Mix:
    """x_0 + lambda sum w_i d_i (Ilharco et al., arXiv 2212.04089)."""
    none: deltas.Trims = (None,) * stream.models
    return deltas.task_vectors(
        stream, none, False, weight=weight, lambda_=lambda_, normalize=normalize, rescale=False
    )


def decouple(
    stream: Stream,
    *,
    weight: Each = (1.0,),
    keep: str = "attn",
    density: Shares = (1.0,),
    consensus: Share = 0.0,
) -> Mix:
    """x_0 + sum w_i d_i in one group of tensors alone (`keep`: attn or ffn; all), of the largest
    `density` of every delta, and only where |sum w_i d_i| >= consensus sum |w_i d_i|.

    After MedCare's and TAIA's use of attention alone (arXiv 2406.17484, 2405.20192).
    """
    trims = deltas.by_magnitude(stream, density=density)
    if consensus:
        return Mix(partial(deltas.blend_agreed, trims, weight, consensus))
    return deltas.task_vectors(
        stream, trims, False, weight=weight, lambda_=1.0, normalize=False, rescale=False
    )


def no_weight(group: str, *, weight: Each, **parameters: Any) -> int | None:
    """The base, where no delta has a weight, or all of them are multiplied by 0."""
    return None if any(weight) and parameters.get("lambda_", 1.0) else 0


def other_group(group: str, *, weight: Each, keep: str, **parameters: Any) -> int | None:
    """The base, outside the group that is transferred."""
    return 0 if keep not in (group, "all") or not any(weight) else None


def known_group(name: str, *, keep: str, **parameters: Any) -> None:
    """Refuse a `keep` other than attn, ffn and all."""
    if keep not in ("attn", "ffn", "all"):
        raise UsageError(f"keep is {keep!r}", "it must be attn, ffn or all")


def two_quantiles(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """Two order statistics of every delta."""
    return 2 * quantiles(sources, rows, length)


def probabilities(name: str, *, density: Each, epsilon: Each, **parameters: Any) -> None:
    """density +- epsilon must be probabilities."""
    for d, e in zip(density, epsilon, strict=True):
        if d < 1.0 and not (d - e > 0.0 and d + e < 1.0):
            raise UsageError(
                f"{name}: density {d:g} and epsilon {e:g} give probabilities outside 0 to 1",
                "density - epsilon must be above 0 and density + epsilon below 1",
            )


deltas_divided = divided_by_nothing("normalize", spared=True)
elected_divided = divided_by_nothing("normalize", some_cancel)

BY_MAGNITUDE = Trimming(deltas.by_magnitude, quantiles)
AT_RANDOM = Trimming(deltas.at_random)
BY_RANK = Trimming(deltas.by_rank, check=probabilities)
WITHOUT_OUTLIERS = Trimming(deltas.without_outliers, two_quantiles)

ROWS = {
    "task_arithmetic": Method(
        task_arithmetic, "required", 1, alone=no_weight, check=deltas_divided
    ),
    "ties": variant(
        "Largest magnitudes, elected signs (Yadav et al., arXiv 2306.01708).",
        BY_MAGNITUDE, elect=True, normalize=True, rescale=False,
    ),
    "dare_linear": variant(
        "Random elements, rescaled to the sum of magnitudes before (Yu et al., arXiv 2311.03099).",
        AT_RANDOM, elect=False, normalize=False, rescale=True,
    ),
    "dare_ties": variant(
        "`dare_linear` with elected signs.",
        AT_RANDOM, elect=True, normalize=False, rescale=True,
    ),
    "della": variant(
        "Random elements, larger ones of a row likelier; elected signs (Deep et al., 2406.11617).",
        BY_RANK, elect=True, normalize=True, rescale=True,
    ),
    "della_linear": variant(
        "`della` without elected signs.",
        BY_RANK, elect=False, normalize=False, rescale=True,
    ),
    "breadcrumbs": variant(
        "Neither the largest magnitudes nor the smallest (Davari, Belilovsky, arXiv 2312.06795).",
        WITHOUT_OUTLIERS, elect=False, normalize=False, rescale=False,
    ),
    "breadcrumbs_ties": variant(
        "`breadcrumbs` with elected signs.",
        WITHOUT_OUTLIERS, elect=True, normalize=False, rescale=False,
    ),
    "decouple": Method(
        decouple, "required", 1, None, 1, other_group, quantiles, check=known_group
    ),
}  # fmt: skip
