"""Several recipes in one file, separated by `---`: a recipe may merge the named outputs of others.

As in mergekit-multi: a recipe with a `name` makes a model that the others can refer to, in any
order. Opens no model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.errors import UsageError
from edgemed.merging.recipe.documents import documents
from edgemed.merging.recipe.recipe import Recipe
from edgemed.merging.recipe.recipe_file import RecipeReader, one_recipe, read_text

Outputs = Mapping[str, Path]
"""Name -> where the output of that recipe is, or will be."""


class Stage(NamedTuple):
    """A recipe in a file of several, the name of its output, and the names that it merges.

    The last stage, which makes the merge's own output, may have no name.
    """

    name: str
    tree: Mapping[str, Any]
    uses: frozenset[str]


def read_stages(path: Path) -> list[Stage]:
    """Every recipe of a file, each after those whose outputs it uses."""
    trees = documents(read_text(path), str(path))
    if len(trees) < 2:
        return [Stage("", one_recipe(trees, str(path)), frozenset())]
    named = [(name_of(one_recipe([tree], str(path)), path), tree) for tree in trees]
    names = [name for name, _ in named]
    for name in names:
        if names.count(name) > 1:
            which = f"are called {name!r}" if name else "have no name"
            raise UsageError(f"{path}: two recipes {which}", "give each a name of its own")
    outputs = {name: Path(name) for name in names if name}
    stages = []
    for name, tree in named:
        reader = RecipeReader(path.parent, str(path), outputs)
        reader.recipe(without_name(tree))
        stages.append(Stage(name, without_name(tree), frozenset(reader.used)))
    return with_last(in_order(stages, path), path)


def recipe_of(stage: Stage, path: Path, outputs: Outputs) -> Recipe:
    """The recipe of one stage of the file `path`, with the outputs of others in their places."""
    return RecipeReader(path.parent, str(path), outputs).recipe(stage.tree)


def name_of(tree: Mapping[str, Any], path: Path) -> str:
    """What a recipe calls its output; nothing if it has no name."""
    name = tree.get("name", "")
    if not isinstance(name, str) or name != Path(name).name:
        raise UsageError(f"{path}: the name {name!r} is not a plain word", "such as first-merge")
    return name


def without_name(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if key != "name"}


def in_order(stages: Sequence[Stage], path: Path) -> list[Stage]:
    """Each after those that it uses, otherwise in the file's order."""
    waiting, ready = list(stages), dict[str, Stage]()
    while waiting:
        found = next((stage for stage in waiting if stage.uses <= ready.keys()), None)
        if found is None:
            names = ", ".join(stage.name or "the one without a name" for stage in waiting)
            raise UsageError(
                f"{path}: these recipes depend on each other: {names}",
                "remove the circle: a recipe cannot use its own output, even through others",
            )
        ready[found.name] = found
        waiting.remove(found)
    return list(ready.values())


def with_last(stages: Sequence[Stage], path: Path) -> list[Stage]:
    """Put the stage that makes the merge's output last: it has no name, or no other uses it."""
    used = {name for stage in stages for name in stage.uses}
    ends = [stage for stage in stages if stage.name not in used]
    unnamed = [stage for stage in ends if not stage.name]
    if not unnamed and len(ends) > 1:
        raise UsageError(
            f"{path}: which of {', '.join(stage.name for stage in ends)} is the output?",
            "leave the name of that recipe out",
        )
    last = (unnamed or ends)[0]
    return [*(stage for stage in stages if stage is not last), last]
