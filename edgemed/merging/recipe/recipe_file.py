"""Recipe files in mergekit's YAML: read, checked key by key, brought to the normal form.

Paths are relative to the recipe's folder. An unknown key is named in a note or is an error, never
skipped silently. Opens no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import yaml

from edgemed.adapters.naming import Parent, model_file
from edgemed.errors import EdgemedError, InvalidFile, UsageError
from edgemed.merging.methods.table import METHODS
from edgemed.merging.recipe import keys
from edgemed.merging.recipe.chat_templates import FORMATS
from edgemed.merging.recipe.documents import documents, one_line, value_of
from edgemed.merging.recipe.entries import Entries, plain
from edgemed.merging.recipe.keys import ABOUT_FLOATS, ABOUT_MEMORY
from edgemed.merging.recipe.recipe import LIKE_A, Recipe, Slice, Source, joins, type_word
from edgemed.merging.recipe.settings import Setting, Settings, before
from edgemed.storage.bounded import read_bounded

MOST_LAYERS = 100_000


def is_recipe(parent: Parent) -> bool:
    """Whether a name on the command line is a recipe file's."""
    return isinstance(parent, Path) and parent.suffix.lower() in (".yml", ".yaml")


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file; UsageError names what is wrong with it."""
    return parse_recipe(read_text(path), path.parent, str(path))


def read_text(path: Path) -> str:
    """The text of a recipe file, which must be small."""
    try:
        return read_bounded(path, "recipe").decode("utf-8")
    except InvalidFile as error:
        raise UsageError(error.message, "a recipe is a small file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise EdgemedError(f"cannot read the recipe {path}: {error}", "check the file") from error


def parse_recipe(text: str, folder: Path, name: str) -> Recipe:
    """The recipe in `text`; model paths are relative to `folder`."""
    return RecipeReader(folder, name).recipe(one_recipe(documents(text, name), name))


def one_recipe(trees: Sequence[Any], name: str) -> Mapping[str, Any]:
    """The only document of a file."""
    if len(trees) > 1:
        raise UsageError(
            f"{name} holds {len(trees)} recipes, divided by ---",
            "`edgemed merge` runs such a file; elsewhere give one recipe per file",
        )
    if not trees or not isinstance(trees[0], dict):
        raise UsageError(
            f"{name} is not a recipe", "a recipe begins with merge_method, and models or slices"
        )
    return trees[0]


def parse_settings(pairs: Sequence[tuple[str, str]]) -> dict[str, Setting]:
    """Parameters from the command line: values are YAML, such as 0.5, true or [0, 0.5, 1]."""
    reader = RecipeReader(Path(), "the settings")
    settings: dict[str, Setting] = {}
    for name, text in pairs:
        try:
            settings[name] = reader.setting(name, value_of(text))
        except yaml.YAMLError as error:
            problem = f"{name}={text}: {one_line(error)}"
            raise UsageError(problem, "give a number or a list") from error
    return settings


class RecipeReader(Entries):
    """One recipe being read, from its document to the normal form."""

    def recipe(self, tree: Mapping[str, Any]) -> Recipe:
        """The whole recipe."""
        self._known(tree, keys.TOP, "a recipe")
        self._method = self._text(tree, "merge_method")
        if self._method not in METHODS:
            self._fail(
                f"unknown merge method {self._method!r}", f"choose one of {', '.join(METHODS)}"
            )
        for key in (*ABOUT_FLOATS, *ABOUT_MEMORY):
            if tree.get(key) is not None:
                self._ignore(key)
        module = self._module(tree)
        slices = self._slices(module)
        base = self._base(tree)
        self._say_of_base(slices, base)
        return Recipe(
            self._method,
            slices,
            base,
            self._shared(tree, module),
            out_type=type_word(self._text(tree, "out_type", LIKE_A)),
            tokenizer=self._tokenizer(tree),
            chat_template=self._template(tree),
            seed=self._seed(tree.get("seed", 0)),
            imatrix=self._imatrix(tree.get("imatrix")),
            notes=tuple(self._notes),
        )

    def _module(self, tree: Mapping[str, Any]) -> Mapping[str, Any]:
        """Where models or slices are given: in the recipe, or in its only module."""
        modules = tree.get("modules")
        if not modules:
            return tree
        if tree.get("models") or tree.get("slices"):
            self._fail("it has models or slices besides modules", "give one of them")
        if not isinstance(modules, dict) or len(modules) > 1:
            self._fail("modules are for models of several parts", "give models or slices")
        name, module = next(iter(modules.items()))
        self._known(module, keys.MODULE, f"the module {name}")
        return module  # type: ignore[no-any-return]

    def _shared(self, tree: Mapping[str, Any], module: Mapping[str, Any]) -> Settings:
        """The parameters of all models; those of the module override the recipe's."""
        settings = self._settings(tree.get("parameters"), "parameters", own=False)
        if module is tree:
            return settings
        own = self._settings(module.get("parameters"), "the module's parameters", own=False)
        both = {key: before(own[key], settings[key]) for key in own.keys() & settings.keys()}
        return {**settings, **own, **both}

    def _slices(self, tree: Mapping[str, Any]) -> tuple[Slice, ...]:
        given = [key for key in ("models", "slices") if tree.get(key)]
        if given == ["models"]:
            sources = [self._source(entry, ("model",)) for entry in self._list(tree, "models")]
            return (Slice(self._once(sources)),)
        if given == ["slices"]:
            return tuple(self._slice(part) for part in self._list(tree, "slices"))
        self._fail("it needs one of models and slices", "give one of them")

    def _slice(self, part: Any) -> Slice:
        self._known(part, keys.SLICE, "a slice")
        if part.get("residual_weight") is not None:
            self._note("residual_weight has no effect, here or in mergekit")
        given = self._list(part, "sources")
        sources = [self._source(source, ("model", "layer_range")) for source in given]
        return Slice(
            self._once(sources),
            self._settings(part.get("parameters"), "the parameters of a slice", own=False),
            self._base(part),
        )

    def _once(self, sources: Sequence[Source]) -> tuple[Source, ...]:
        """A model that is listed twice counts once, with the first value of every parameter."""
        found: dict[tuple[Parent, tuple[int, int] | None], Source] = {}
        for source in sources:
            place = (source.model, source.layers)
            if place in found:
                self._note(f"{source.model.name} is listed twice and counts once, as in mergekit")
                settings = {**source.parameters, **found[place].parameters}
                source = replace(source, parameters=settings)
            found[place] = source
        return tuple(found.values())

    def _base(self, tree: Mapping[str, Any]) -> Parent | None:
        base = tree.get("base_model")
        return None if base is None else self._path(base)

    def _say_of_base(self, slices: Sequence[Slice], base: Parent | None) -> None:
        """Note what happens to a base that the recipe does not list among its models."""
        if base is None or any(s.model == base for part in slices for s in part.sources):
            return
        if joins(self._method, slices, base):
            self._note(
                f"base_model {base.name} is one of the models that are mixed, as in mergekit"
            )
        elif METHODS[self._method].base == "none":
            self._note(f"base_model {base.name} is in no slice: its weights are not mixed in")

    def _source(self, entry: Any, needed: tuple[str, ...]) -> Source:
        self._known(entry, (*needed, "parameters"), "a model's entry")
        for key in needed:
            if key not in entry:
                self._fail(f"an entry has no {key}", f"add {key}")
        layers = self._layers(entry["layer_range"]) if "layer_range" in entry else None
        settings = self._settings(entry.get("parameters"), "a model's parameters", own=True)
        return Source(self._path(entry["model"]), layers, settings)

    def _layers(self, given: Any) -> tuple[int, int]:
        numbers = [plain(item) for item in given] if isinstance(given, list) else []
        match [int(n) for n in numbers if isinstance(n, int | float) and n in range(MOST_LAYERS)]:
            case [first, end] if first < end and len(numbers) == 2:
                return first, end
        self._fail(f"layer_range {given!r}", "it is [first, end], and end is not included")

    def _tokenizer(self, tree: Mapping[str, Any]) -> str | None:
        given = tree.get("tokenizer")
        source = tree.get("tokenizer_source")
        if given is not None and source is not None:
            self._fail("it has tokenizer and tokenizer_source", "give one of them")
        if given is not None:
            self._known(given, keys.TOKENIZER, "tokenizer")
            if given.get("tokens"):
                self._refuse_tokens(given["tokens"])
            if given.get("pad_to_multiple_of") is not None:
                self._note(
                    "tokenizer.pad_to_multiple_of has no effect: in GGUF every row is a token's"
                )
            source = given.get("source", "union")
        if source is None or source in ("union", "base"):
            return source
        if isinstance(source, str):
            source = source.removeprefix("model:")  # an older way of writing it
        return str(model_file(self._path(source)))

    def _refuse_tokens(self, given: Any) -> NoReturn:
        first = next(iter(given)) if isinstance(given, dict) else given
        self._fail(
            f"tokenizer.tokens: where the row of a single token comes from, such as {first!r}, "
            "cannot be chosen",
            "leave it out: a model keeps the rows it has, and rows that it lacks come from the "
            "base, or are the mean of the models that have them",
        )

    def _template(self, tree: Mapping[str, Any]) -> str | None:
        given = tree.get("chat_template")
        if given is None or given == "auto":
            return None
        if isinstance(given, str) and given in FORMATS:
            self._note(f"chat_template {given}: the format of that name, in edgemed's own words")
            return FORMATS[given].template
        if not isinstance(given, str) or "{" not in given:
            self._fail(
                f"chat_template {given!r} is neither auto, nor a template, nor a known format",
                f"give the template itself, or one of {', '.join(FORMATS)}",
            )
        return given

    def _imatrix(self, given: Any) -> tuple[Path, ...]:
        files = [given] if isinstance(given, str) else given or []
        if not isinstance(files, list) or not all(
            isinstance(file, str) and "\0" not in file for file in files
        ):
            self._fail(f"imatrix is {given!r}", "give the path of a file, or a list of paths")
        return tuple(self._folder / file for file in files)

    def _seed(self, given: Any) -> int:
        if type(given) is not int:
            self._fail(f"seed is {given!r}", "give a whole number, 0 or more")
        return given
