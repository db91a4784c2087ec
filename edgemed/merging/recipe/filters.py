"""Checks the filters in a recipe's settings: are there any, and does each match a tensor?"""

from collections.abc import Callable, Collection, Iterator

from edgemed.errors import UsageError
from edgemed.gguf.tensor_names import GROUPS, Names, group_of, names_of, table
from edgemed.merging.recipe.recipe import Recipe
from edgemed.merging.recipe.settings import Filter, matches, rules

Namer = Callable[[str], Names]


def namer(architecture: str, with_checkpoint_names: bool) -> Namer:
    """All names of a tensor; those of checkpoints only where a filter may ask for them."""
    if with_checkpoint_names:
        return lambda name: names_of(name, architecture)
    return lambda name: Names(name, None, group_of(name))


def any_filters(recipe: Recipe) -> bool:
    """Whether any setting depends on the names of tensors."""
    return any(rule.pattern for rule in all_rules(recipe))


def all_rules(recipe: Recipe) -> Iterator[Filter]:
    """Every filter of every setting of the recipe."""
    for level in recipe.levels():
        for setting in level.values():
            yield from rules(setting)


def idle_filters(recipe: Recipe, names: Collection[Names], architecture: str) -> Iterator[str]:
    """A line for every filter of tensors that these models lack and others of the architecture
    have, such as the head where it is the embedding; UsageError for one that matches nothing."""
    for pattern in dict.fromkeys(rule.pattern for rule in all_rules(recipe)):
        if any(matches(pattern, name) for name in names):
            continue
        if any(matches(pattern, name) for name in known_names(architecture)):
            yield f"the filter {pattern} has no effect: these models have no such tensor"
            continue
        raise UsageError(
            f"the filter {pattern!r} matches no tensor",
            "a filter is part of a tensor's GGUF or Hugging Face name, or a group: "
            + ", ".join(GROUPS),
        )


def known_names(architecture: str) -> Iterator[Names]:
    """Names of every tensor that a model of this architecture may have, of block 0."""
    for stem in table(architecture):
        for ending in (".weight", ".bias"):
            yield names_of(stem + ending, architecture)
