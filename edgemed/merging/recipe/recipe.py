"""What the user asks for: which models, in which slices, by which method, with which settings.

The simple call and recipe files have one normal form, which can be printed, compared and hashed.
Opens no file and knows no tensors.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgemed.adapters.naming import Adapted, Parent, Use, parent_of
from edgemed.errors import UsageError
from edgemed.merging.methods.schema import ranged
from edgemed.merging.methods.table import METHODS
from edgemed.merging.recipe.settings import Filter, Scalar, Setting, Settings, Values, rules

LIKE_A = "like-a"
POLICIES = (LIKE_A, "like-b", "max")
"""Words for output types that follow from the models' own."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model, or some of its blocks (first, end), and settings that are its own."""

    model: Parent
    layers: tuple[int, int] | None = None
    parameters: Settings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of output blocks made from the same number of blocks of every source."""

    sources: tuple[Source, ...]
    parameters: Settings = field(default_factory=dict)
    base: Parent | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """`slices` one after the other make the output; one slice without `layers` is whole models.

    `out_type` is like-a, like-b, max, a ggml type or a llama.cpp file type; `types` are (part of a
    tensor's name, ggml type) pairs that override it. `tokenizer` names whose vocabulary and turn
    tokens the output has (base, union, or a model's path), `chat_template` a literal template,
    `imatrix` importance matrices of the output's columns, taken together.
    """

    method: str
    slices: tuple[Slice, ...]
    base: Parent | None = None
    parameters: Settings = field(default_factory=dict)
    out_type: str = LIKE_A
    types: tuple[tuple[str, str], ...] = ()
    tokenizer: str | None = None
    chat_template: str | None = None
    seed: int = 0
    imatrix: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(
                f"unknown merge method {self.method!r}", f"choose one of {', '.join(METHODS)}"
            )
        if not 0 <= self.seed < 2**64:
            raise UsageError(f"the seed {self.seed} is out of range", "give 0 or more")
        refuse_unknown_parameters(self)
        refuse_counts(self)

    @property
    def sliced(self) -> bool:
        """Whether blocks are chosen, rather than whole models."""
        return any(source.layers is not None for s in self.slices for source in s.sources)

    @property
    def models(self) -> tuple[Parent, ...]:
        """Every model once, in the order of the recipe, bases last."""
        bases = [self.base, *(s.base for s in self.slices)]
        named = [source.model for s in self.slices for source in s.sources]
        return tuple(dict.fromkeys([*named, *(base for base in bases if base is not None)]))

    def levels(self) -> Iterator[Settings]:
        """The settings of every level of the recipe."""
        yield self.parameters
        for part in self.slices:
            yield part.parameters
            yield from (source.parameters for source in part.sources)


def of_models(
    models: Sequence[str | Parent],
    method: str,
    base: str | Parent | None = None,
    **more: Any,
) -> Recipe:
    """A recipe of whole models; `more` are further fields of Recipe."""
    sources = tuple(Source(as_parent(model)) for model in models)
    return Recipe(method, (Slice(sources),), None if base is None else as_parent(base), **more)


def as_parent(given: str | Parent) -> Parent:
    """A parent from its text; a parsed one is returned unchanged."""
    return given if isinstance(given, Adapted) else parent_of(str(given))


def weighted(
    models: Sequence[Parent],
    method: str,
    base: Parent | None,
    weight: Sequence[float] | None,
    parameters: Settings,
) -> Recipe:
    """Whole models by any method; the first is the base of methods that mix a base with another."""
    if METHODS[method].base == "first of two" and base is None:
        base = models[0]
    if weight is not None and len(weight) != len(models):
        raise UsageError(
            f"{len(weight)} weights for {len(models)} models", "give one weight for every model"
        )
    own = [{"weight": w} for w in weight] if weight is not None else [{}] * len(models)
    sources = tuple(Source(m, None, level) for m, level in zip(models, own, strict=True))
    return Recipe(method, (Slice(sources),), base, parameters)


def type_word(word: str) -> str:
    """An output type or policy in its usual case: q4_k_m is Q4_K_M."""
    return word.lower() if word.lower() in POLICIES else word.upper()


def between(
    a: str | Parent, b: str | Parent, t: Setting, method: str = "linear", **more: Any
) -> Recipe:
    """Two models and how far to go from the first (t = 0) to the second (t = 1): one t, anchors
    over depth, or filters that all have one."""
    for rule in rules(t):
        for value in rule.value if isinstance(rule.value, tuple) else (rule.value,):
            ranged("t", as_share(value), 0.0, 1.0)
    if method != "linear":
        return of_models((a, b), method, a, parameters={"t": t}, **more)
    sources = tuple(
        Source(as_parent(model), parameters={"weight": weight})
        for model, weight in zip((a, b), (rest_of(t), t), strict=True)
    )
    return Recipe(method, (Slice(sources),), **more)


def rest_of(t: Setting) -> Setting:
    """1 - t, where t is one number, anchors over depth, or filters."""
    if isinstance(t, tuple) and any(isinstance(item, Filter) for item in t):
        return tuple(Filter(rule.pattern, rest_of_values(rule.value)) for rule in rules(t))
    (rule,) = rules(t)
    return rest_of_values(rule.value)


def rest_of_values(values: Values) -> Values:
    """1 - each number."""
    if isinstance(values, tuple):
        return tuple(1.0 - as_share(value) for value in values)
    return 1.0 - as_share(values)


def as_share(value: Scalar) -> float:
    """A number; UsageError for a word."""
    if isinstance(value, str | bool):
        raise UsageError(f"t is {value!r}", "give numbers from 0 to 1")
    return float(value)


def refuse_unknown_parameters(recipe: Recipe) -> None:
    """A parameter that the method does not know is an error, at every level."""
    known = METHODS[recipe.method].parameters
    for level in recipe.levels():
        for key in level:
            if key not in known:
                raise UsageError(
                    f"{recipe.method} has no parameter {key!r}",
                    f"it knows {', '.join(known) or 'none'}",
                )


def joins(method: str, slices: Sequence[Slice], base: Parent | None) -> bool:
    """Whether a base that is not listed is one of the models that are mixed: of whole models, by a
    method that knows no deltas (mergekit)."""
    listed = [source for part in slices for source in part.sources]
    return (
        base is not None
        and METHODS[method].base in ("none", "first of two")
        and all(source.layers is None and source.model != base for source in listed)
    )


def refuse_counts(recipe: Recipe) -> None:
    """Every slice must have as many models as the method takes, not counting a base of deltas."""
    method = METHODS[recipe.method]
    joined = joins(recipe.method, recipe.slices, recipe.base)
    for part in recipe.slices:
        base = part.base or recipe.base if method.base in ("required", "optional") else None
        count = sum(source.model != base for source in part.sources) + joined
        if count < method.least or (method.most is not None and count > method.most):
            wanted = f"{method.least}" if method.least == method.most else f"{method.least} or more"
            beside = " besides the base" if base is not None else ""
            with_base = f" with the base {recipe.base.name}" if joined and recipe.base else ""
            raise UsageError(
                f"{recipe.method} takes {wanted} model{'s' * (wanted != '1')}{beside}, "
                f"not {count}{with_base}",
                "name as many models as the method takes",
            )


def normal_form(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain JSON values: the same for any order of keys and way of writing.

    Without importance matrices it does not mention them, like files from before they existed.
    """
    form: dict[str, Any] = {
        "merge_method": recipe.method,
        "base_model": _path(recipe.base),
        "slices": [
            {
                "sources": [
                    {
                        "model": _path(source.model),
                        "layer_range": list(source.layers) if source.layers else None,
                        "parameters": _settings(source.parameters),
                    }
                    for source in part.sources
                ],
                "base_model": _path(part.base),
                "parameters": _settings(part.parameters),
            }
            for part in recipe.slices
        ],
        "parameters": _settings(recipe.parameters),
        "tokenizer": recipe.tokenizer,
        "chat_template": recipe.chat_template,
        "out_type": recipe.out_type,
        "types": [list(pair) for pair in recipe.types],
        "seed": recipe.seed,
    }
    if recipe.imatrix:
        form["imatrix"] = [str(path) for path in recipe.imatrix]
    return form


def _path(parent: Parent | None) -> Any:
    """A path as text; a model with adapters as a map, for names may hold any character."""
    if isinstance(parent, Adapted):
        uses = [[str(path), strength] for path, strength in parent.uses]
        return {"model": str(parent.model), "adapters": uses}
    return None if parent is None else str(parent)


def parent_from(form: Any) -> Parent:
    """A parent from its normal form."""
    if not isinstance(form, dict):
        return Path(form)
    uses = tuple(Use(Path(path), float(strength)) for path, strength in form["adapters"])
    return Adapted(Path(form["model"]), uses)


def _settings(settings: Settings) -> dict[str, Any]:
    return {key: _setting(settings[key]) for key in sorted(settings)}


def _setting(setting: Setting) -> Any:
    if isinstance(setting, tuple):
        return [
            {"filter": item.pattern, "value": _setting(item.value)}
            if isinstance(item, Filter)
            else item
            for item in setting
        ]
    return float(setting) if isinstance(setting, int) and type(setting) is not bool else setting


def recipe_hash(recipe: Recipe) -> str:
    """sha256 of the normal form, in hex."""
    text = json.dumps(normal_form(recipe), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
