"""Notes on a plan: what is allowed but may not be intended."""

from collections.abc import Collection, Iterator, Sequence

from edgemed_native.codecs import IGNORES_WEIGHTS

from edgemed.gguf.trained_rounding import warnings
from edgemed.merging.methods.cancelling import is_difference
from edgemed.merging.methods.table import METHODS
from edgemed.merging.parents import compatibility, heads
from edgemed.merging.parents.vocabulary import TOKENS
from edgemed.merging.plan.outline import Models
from edgemed.merging.plan.resolved import Resolved
from edgemed.merging.plan.steps import Step
from edgemed.merging.recipe import chat_templates
from edgemed.merging.recipe.recipe import Recipe


def notes_on_merge(asked: Resolved, steps: Sequence[Step]) -> Iterator[str]:
    """All of them, about a merge."""
    yield from (note for model in asked.models.values() for note in model.notes)
    yield from notes_on_models(asked.recipe, asked.models)
    yield from heads.notes(tuple(asked.models.values()))
    yield from notes_on_template(asked)
    yield from notes_on_weights(steps)
    yield from notes_on_importances(steps, asked.importances is not None)
    if any(step.action != "copy" for step in steps):
        yield from warnings(asked.models.values())


def notes_on_template(asked: Resolved) -> Iterator[str]:
    """Tokens that a named chat template needs and the output's vocabulary lacks."""
    named = chat_templates.named(asked.recipe.chat_template)
    if named:
        yield from chat_templates.notes_on(named, tokens_of(asked))


def tokens_of(asked: Resolved) -> Collection[str]:
    """The output's vocabulary."""
    if TOKENS in asked.lexicon.replace:
        return set(asked.lexicon.replace[TOKENS][1])
    return set(asked.host.metadata.get(TOKENS, ()))


def notes_on_models(recipe: Recipe, models: Models) -> Iterator[str]:
    """Models that are given twice; blocks of one model may be stacked any number of times."""
    if not recipe.sliced:
        named = [source.model for source in recipe.slices[0].sources]
        every = [*named, *(path for path in recipe.models if path not in named)]
        found = compatibility.given_twice([models[path] for path in every])
        yield from (line[1] for line in found)


def notes_on_weights(steps: Sequence[Step]) -> Iterator[str]:
    """Note outputs that are not a mix of models: a difference, or just the base."""
    blends = [step for step in steps if step.action == "blend"]
    differences = sum(is_difference(step.method, dict(step.parameters)) for step in blends)
    if differences:
        yield (
            f"the weights of {differences} tensors add up to 0 and are not normalized: the "
            "output is a difference of the models, not a model"
        )
    if not blends and METHODS[steps[0].method].base == "required":
        yield "no model has a weight: the output is the base"


def notes_on_importances(steps: Sequence[Step], asked: bool) -> Iterator[str]:
    """If importances were given (`asked`), note the matrices that have none."""
    without = sum(
        step.action != "copy"
        and len(step.sources[0].shape) > 1
        and step.type.name not in IGNORES_WEIGHTS
        and step.importances is None
        for step in steps
    )
    if asked and without:
        yield f"{without} tensors without importances: their columns are weighted equally"
