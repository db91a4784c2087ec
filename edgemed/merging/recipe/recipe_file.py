"""Recipe files in mergekit's YAML: read, checked key by key, brought to the normal form.

Paths are relative to the recipe's folder. A key that means nothing here is named in a note or is an
error, never skipped. Opens no model.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import yaml

from edgemed.errors import EdgemedError, UsageError
from edgemed.merging.methods.table import METHODS
from edgemed.merging.plan.out_types import type_word
from edgemed.merging.recipe import keys
from edgemed.merging.recipe.chat_templates import FORMATS
from edgemed.merging.recipe.documents import Strict, documents
from edgemed.merging.recipe.keys import ABOUT_FLOATS, ABOUT_MEMORY
from edgemed.merging.recipe.recipe import LIKE_A, Recipe, Slice, Source, joins
from edgemed.merging.recipe.settings import Filter, Setting, Settings, Values, before

LARGEST = 256 * 1024

NUMBER = re.compile(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*")
"""A number that YAML 1.1 takes for text: 1e-6, 3e-1, or one in quotation marks."""

ADAPTER = re.compile(r"\.gguf\+|\+(?!.*\.gguf$)")
REVISION = re.compile(r"@(?!.*\.gguf$)")


def is_recipe(path: Path) -> bool:
    """Whether a name on the command line is a recipe file's."""
    return path.suffix.lower() in (".yml", ".yaml")


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file; UsageError names what in it cannot be meant."""
    return parse_recipe(read_text(path), path.parent, str(path))


def read_text(path: Path) -> str:
    """What is in a recipe file, which is small."""
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} is larger than {LARGEST:,} bytes", "a recipe is a small file")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EdgemedError(f"cannot read the recipe {path}: {error}", "check the file") from error


def parse_recipe(text: str, folder: Path, name: str) -> Recipe:
    """The recipe in `text`; model paths are relative to `folder`."""
    return Reader(folder, name).recipe(one_recipe(documents(text, name), name))


def one_recipe(trees: Sequence[Any], name: str) -> Mapping[str, Any]:
    """The only document of a file."""
    if len(trees) > 1:
        raise UsageError(
            f"{name} holds {len(trees)} recipes, divided by ---",
            "`edgemed merge` runs such a file; elsewhere give one recipe a file",
        )
    if not trees or not isinstance(trees[0], dict):
        raise UsageError(f"{name} is no recipe", "it begins with merge_method and models or slices")
    return trees[0]


def parse_settings(pairs: Sequence[tuple[str, str]]) -> dict[str, Setting]:
    """Parameters from the command line: values are YAML, such as 0.5, true or [0, 0.5, 1]."""
    reader = Reader(Path(), "--set")
    settings: dict[str, Setting] = {}
    for name, text in pairs:
        try:
            settings[name] = reader.setting(name, yaml.load(text, Loader=Strict))
        except yaml.YAMLError as error:
            raise UsageError(f"--set {name}={text}: {error}", "give a number or a list") from error
    return settings


class Reader:
    """One recipe being read: its folder, its name for messages, and the notes so far.

    `outputs` are of other recipes in the same file, by name; those that it names are `used`.
    """

    def __init__(
        self, folder: Path, name: str, outputs: Mapping[str, Path] = MappingProxyType({})
    ) -> None:
        self._folder, self._name, self._outputs = folder, name, outputs
        self.used: set[str] = set()
        self._method = ""
        self._notes: dict[str, None] = {}

    def recipe(self, tree: Mapping[str, Any]) -> Recipe:
        """The whole of it."""
        self._known(tree, keys.TOP, "a recipe")
        self._method = self._text(tree, "merge_method")
        if self._method not in METHODS:
            self._fail(f"no merge method {self._method!r}", f"choose one of {', '.join(METHODS)}")
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
        """Where models or slices stand: in the recipe, or in its only module."""
        modules = tree.get("modules")
        if not modules:
            return tree
        if tree.get("models") or tree.get("slices"):
            self._fail("it has models or slices beside modules", "give one of them")
        if not isinstance(modules, dict) or len(modules) > 1:
            self._fail("modules are for models of several parts", "give models or slices")
        name, module = next(iter(modules.items()))
        self._known(module, keys.MODULE, f"the module {name}")
        return module  # type: ignore[no-any-return]

    def _shared(self, tree: Mapping[str, Any], module: Mapping[str, Any]) -> Settings:
        """The parameters of all models; those of the module go before the recipe's."""
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
        self._fail("it has not exactly one of models and slices", "give one of them")

    def _slice(self, part: Any) -> Slice:
        self._known(part, keys.SLICE, "a slice")
        if part.get("residual_weight") is not None:
            self._note("residual_weight has no effect, in mergekit neither")
        given = self._list(part, "sources")
        sources = [self._source(source, ("model", "layer_range")) for source in given]
        return Slice(
            self._once(sources),
            self._settings(part.get("parameters"), "the parameters of a slice", own=False),
            self._base(part),
        )

    def _once(self, sources: Sequence[Source]) -> tuple[Source, ...]:
        """A model that stands twice counts once, with the first value of every parameter."""
        found: dict[tuple[Path, tuple[int, int] | None], Source] = {}
        for source in sources:
            place = (source.model, source.layers)
            if place in found:
                self._note(f"{source.model.name} stands twice and counts once, as in mergekit")
                settings = {**source.parameters, **found[place].parameters}
                source = replace(source, parameters=settings)
            found[place] = source
        return tuple(found.values())

    def _base(self, tree: Mapping[str, Any]) -> Path | None:
        base = tree.get("base_model")
        return None if base is None else self._path(base)

    def _say_of_base(self, slices: Sequence[Slice], base: Path | None) -> None:
        """What becomes of a base that the recipe does not list among its models."""
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
        match [plain(item) for item in given] if isinstance(given, list) else given:
            case [int() | float() as first, int() | float() as end] if 0 <= first < end:
                if first == int(first) and end == int(end):
                    return int(first), int(end)
        self._fail(f"layer_range {given!r}", "it is [first, end], and end is not included")

    def _path(self, given: Any) -> Path:
        """The path of a model, in any of the ways in which mergekit writes it."""
        for inner in ("model", "path"):
            if isinstance(given, dict) and inner in given:
                more = {k: v for k, v in given.items() if v is not None and k != inner}
                if more:
                    self._fail(f"a model has {', '.join(map(repr, more))}", "give its path alone")
                given = given[inner]
        if not isinstance(given, str) or not given:
            self._fail(f"{given!r} is no path of a model", "give the path of a GGUF file")
        if given in self._outputs:
            self.used.add(given)
            return self._outputs[given]
        if ADAPTER.search(given):
            self._fail(f"{given!r} names an adapter", "merge the adapter into its model first")
        if REVISION.search(given):
            self._fail(f"{given!r} names a revision", "give the path of a GGUF file")
        return self._folder / given

    def _settings(self, given: Any, where: str, own: bool) -> Settings:
        if given is None:
            return {}
        if not isinstance(given, dict):
            self._fail(
                f"{where}: {given!r} is no map of names and values", "give name: value lines"
            )
        settings: dict[str, Setting] = {}
        known = METHODS[self._method].parameters
        for key, value in given.items():
            if key in (*ABOUT_MEMORY, *ABOUT_FLOATS):
                self._ignore(key)
            elif key in keys.FORMER:
                self._note(f"{key} has no effect, in today's mergekit neither")
            elif keys.stray_parameter(key, self._method):
                self._note(f"{self._method} has no parameter {key}: it has no effect")
            elif own and key in known and not known[key].each:
                self._note(f"{key} of a single model has no effect, in mergekit neither")
            elif value is not None:
                settings[key] = self.setting(key, value)
                self._say_of_own(key)
        return settings

    def _say_of_own(self, key: str) -> None:
        """A parameter that edgemed has and mergekit skips makes another model there."""
        if (self._method, key) in keys.OWN:
            self._note(f"{key} counts in {self._method} here; mergekit's {self._method} has none")

    def setting(self, key: str, given: Any) -> Setting:
        """One value, a gradient, or filters."""
        if isinstance(given, dict):
            given = [given]
        if isinstance(given, list) and given and all(isinstance(item, dict) for item in given):
            return tuple(self._filter(key, item) for item in given)
        return self._values(key, given)

    def _filter(self, key: str, given: Mapping[str, Any]) -> Filter:
        self._known(given, keys.FILTER, f"a filter of {key}")
        if "value" not in given:
            self._fail(f"a filter of {key} has no value", "add value")
        pattern = given.get("filter")
        if pattern is not None and not isinstance(pattern, str):
            self._fail(f"a filter of {key} is {pattern!r}", "a filter is a part of a tensor's name")
        return Filter(pattern, self._values(key, given["value"]))

    def _values(self, key: str, given: Any) -> Values:
        given = [plain(item) for item in given] if isinstance(given, list) else plain(given)
        if isinstance(given, bool | int | float | str):
            return given
        if isinstance(given, list) and given:
            if all(isinstance(item, int | float) for item in given):
                return tuple(float(item) for item in given)
            if all(isinstance(item, str) for item in given):
                return tuple(given)
        self._fail(f"{key}: {given!r}", "a value is a number, a word, or a list of numbers")

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
        return str(self._path(source))

    def _refuse_tokens(self, given: Any) -> NoReturn:
        first = next(iter(given)) if isinstance(given, dict) else given
        self._fail(
            f"tokenizer.tokens: where the row of a single token comes from, such as {first!r}, "
            "cannot be chosen",
            "leave it out: a model keeps the rows it has, and rows that it lacks come from the "
            "base, else are the mean of the models that have them",
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
        if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
            self._fail(f"imatrix is {given!r}", "give the path of a file, or a list of paths")
        return tuple(self._folder / file for file in files)

    def _list(self, tree: Any, key: str) -> list[Any]:
        given = tree.get(key)
        if not isinstance(given, list) or not given:
            self._fail(f"{key} is {given!r}", f"{key} is a list")
        return given

    def _text(self, tree: Mapping[str, Any], key: str, usual: str | None = None) -> str:
        given = tree.get(key, usual)
        if not isinstance(given, str):
            self._fail(f"{key} is {given!r}", f"give {key} a word")
        return given

    def _seed(self, given: Any) -> int:
        if type(given) is not int:
            self._fail(f"seed is {given!r}", "give a whole number, 0 or more")
        return given

    def _known(self, given: Any, known: tuple[str, ...], thing: str) -> None:
        if not isinstance(given, dict):
            self._fail(f"{given!r} is not {thing}", f"it has the keys {', '.join(known)}")
        for key in (key for key in given if key not in known):
            objection = keys.objection(key, known)
            if objection:
                self._fail(f"{thing} has no key {key!r}", objection)
            self._note(f"{key} is no key of {thing}: it has no effect, in mergekit neither")

    def _ignore(self, key: str) -> None:
        if key in ABOUT_FLOATS:
            self._note(f"{key} is mergekit's; rows are mixed in float32, --out-type sets types")
        else:
            self._note(f"{key} is about mergekit's memory and changes nothing here")

    def _note(self, note: str) -> None:
        self._notes[note] = None

    def _fail(self, what: str, hint: str) -> NoReturn:
        raise UsageError(f"{self._name}: {what}", hint)


def plain(value: Any) -> Any:
    """A number that stands as text is a number; anything else is left as it is."""
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value
