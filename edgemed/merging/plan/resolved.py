"""A recipe together with its models' headers: read once, and passed to every step."""

from dataclasses import dataclass

from edgemed.adapters.naming import model_file
from edgemed.gguf import Model
from edgemed.merging.parents import compatibility
from edgemed.merging.parents.chat import TokenizerChoice
from edgemed.merging.parents.opening import open_parents
from edgemed.merging.parents.vocabulary import Lexicon
from edgemed.merging.plan.outline import Models, ResolvedSlice, slices_of
from edgemed.merging.recipe.recipe import Recipe
from edgemed.quantizing.imatrix import Importances, read_imatrices


@dataclass(frozen=True, slots=True)
class Resolved:
    """`models` are in the recipe's order, as it names them; `parts` are its slices."""

    recipe: Recipe
    models: Models
    lexicon: Lexicon
    importances: Importances | None
    parts: tuple[ResolvedSlice, ...]

    @property
    def first(self) -> Model:
        """The model that the output's metadata is taken from."""
        return self.models[self.parts[0].lead.model]

    @property
    def host(self) -> Model:
        """The model whose vocabulary is kept."""
        return next(m for m in self.models.values() if m.path == self.lexicon.host)


def resolve(recipe: Recipe) -> Resolved:
    """Read the headers and the importance matrices; refused if the models cannot be merged."""
    models = dict(zip(recipe.models, open_parents(recipe.models), strict=True))
    importances = read_imatrices(recipe.imatrix) if recipe.imatrix else None
    lexicon = compatibility.check_all(list(models.values()), recipe.sliced, choice_of(recipe))
    return Resolved(recipe, models, lexicon, importances, slices_of(recipe))


def choice_of(recipe: Recipe) -> TokenizerChoice:
    """What the recipe decides about vocabulary and template."""
    base = None if recipe.base is None else model_file(recipe.base)
    return TokenizerChoice(recipe.tokenizer, recipe.chat_template, base)
