"""Writes a recipe in mergekit's YAML, which reads back as the same recipe from any folder."""

import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from edgemed.adapters.naming import Adapted, Parent, model_file
from edgemed.merging.recipe.recipe import Recipe, Slice, Source
from edgemed.merging.recipe.settings import Filter, Setting, Settings


def recipe_yaml(recipe: Recipe) -> str:
    """The YAML of a recipe. Paths are written in full, because the file may be moved. ValueError
    for types of single tensors (`types`), which the form has no key for."""
    if recipe.types:
        raise ValueError("a recipe file has no key for the types of single tensors")
    text: str = yaml.safe_dump(tree_of(recipe), sort_keys=False, default_flow_style=None)
    return text


def tree_of(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values, without defaults."""
    tokenizer = recipe.tokenizer
    letters = dict(zip(string.ascii_uppercase, recipe.models, strict=False))
    if tokenizer in letters:
        tokenizer = rooted(model_file(letters[tokenizer]))
    whole = not recipe.sliced and len(recipe.slices) == 1 and not recipe.slices[0].parameters
    named = (
        {"models": [source_tree(source) for source in recipe.slices[0].sources]}
        if whole and recipe.slices[0].base is None
        else {"slices": [slice_tree(part) for part in recipe.slices]}
    )
    return filled(
        merge_method=recipe.method,
        base_model=parent_text(recipe.base),
        **named,
        parameters=settings_tree(recipe.parameters),
        tokenizer_source=tokenizer,
        chat_template=recipe.chat_template,
        out_type=recipe.out_type,
        seed=recipe.seed,
        imatrix=[rooted(path) for path in recipe.imatrix],
    )


def slice_tree(part: Slice) -> dict[str, Any]:
    """A slice."""
    return filled(
        sources=[source_tree(source) for source in part.sources],
        base_model=parent_text(part.base),
        parameters=settings_tree(part.parameters),
    )


def source_tree(source: Source) -> dict[str, Any]:
    """A model, or some of its blocks."""
    return filled(
        model=parent_text(source.model),
        layer_range=list(source.layers) if source.layers else None,
        parameters=settings_tree(source.parameters),
    )


def filled(**values: Any) -> dict[str, Any]:
    """The values that are not empty."""
    return {key: value for key, value in values.items() if value not in (None, {}, [])}


def parent_text(parent: Parent | None) -> Any:
    """A model's path; with adapters MODEL+ADAPTER:strength."""
    if isinstance(parent, Adapted):
        uses = [f"{rooted(use.path)}{use.suffix}" for use in parent.uses]
        return {"model": rooted(parent.model), "lora": uses}
    return None if parent is None else rooted(parent)


def rooted(path: Path) -> str:
    """The whole path."""
    return str(path.absolute())


def settings_tree(settings: Settings) -> Mapping[str, Any]:
    """Parameters by name."""
    return {name: setting_tree(setting) for name, setting in settings.items()}


def setting_tree(setting: Setting) -> Any:
    """One value, anchors, or filters."""
    if not isinstance(setting, tuple):
        return setting
    return [
        filled(filter=item.pattern) | {"value": setting_tree(item.value)}
        if isinstance(item, Filter)
        else item
        for item in setting
    ]
