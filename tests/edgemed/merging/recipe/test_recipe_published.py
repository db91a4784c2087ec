"""Recipes as people publish them: each runs, or is refused in words that name what is wrong."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from edgemed.errors import EdgemedError
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe_file import parse_recipe
from edgemed.merging.run.run import run_plan
from tests.edgemed.merging.recipe.test_recipe_examples import stand_in

FILE = Path(__file__).parents[2] / "data" / "recipes.txt"
HEAD = re.compile(r"== (run|refuse) ?(.*?): (.*)\n")
MODEL = re.compile(
    r"(?m:((?:model|base_model)\"?: \"?)(base|a|b|c)(?=[\"\s,}]|$))"
    r"|(?m:((?:tokenizer_source|source): )(a|b|c)(?=[\"\s,}]|$))"
)
"""Where a stand-in is named: a tokenizer of `base` is mergekit's word for the base's."""


class Published(NamedTuple):
    """A recipe, whether it runs, the words that must be said, and what is special about it."""

    runs: bool
    words: str
    about: str
    text: str


def published() -> list[Published]:
    parts = HEAD.split(FILE.read_text("utf-8"))[1:]
    found = zip(*(parts[i::4] for i in range(4)), strict=True)
    return [Published(kind == "run", words, about, text) for kind, words, about, text in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("models")
    base = stand_in(home / "base.gguf", 0)
    for seed, name in enumerate("abc", 1):
        stand_in(home / f"{name}.gguf", seed, near=base)
    return home


def test_there_are_many_and_each_has_a_text():
    found = published()
    assert len(found) >= 60
    assert all(recipe.text.strip() for recipe in found)
    assert len({recipe.about for recipe in found}) == len(found)


@pytest.mark.parametrize("recipe", published(), ids=lambda recipe: recipe.about)
def test_a_published_recipe_runs_or_is_refused_by_name(recipe, folder):
    text = MODEL.sub(
        lambda found: f"{found[1] or found[3]}{found[2] or found[4]}.gguf", recipe.text
    )
    if recipe.runs:
        plan = plan_merge(parse_recipe(text, folder, "r.yml"), folder / "o.gguf", 1, replace=True)
        run_plan(plan)
        said = [*plan.notes, *(str(dict(step.parameters)) for step in plan.steps)]
        said.append(f"tokenizer {plan.recipe.tokenizer}" if plan.recipe.tokenizer else "")
        assert any(recipe.words in line for line in said)
    else:
        with pytest.raises(EdgemedError) as error:
            plan_merge(parse_recipe(text, folder, "r.yml"), folder / "o.gguf", 1, replace=True)
        assert recipe.words in error.value.message
        assert error.value.hint
