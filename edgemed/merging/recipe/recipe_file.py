"""Recipe files in mergekit's YAML: read, checked key by key, brought to the normal form.

Paths are relative to the recipe's folder. A key that means nothing here is named in a note or is an
error, never skipped. Opens no model.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from edgemed.errors import EdgemedError, UsageError
from edgemed.merging.methods.table import METHODS
from edgemed.merging.plan.out_types import type_word
from edgemed.merging.recipe.recipe import LIKE_A, Recipe, Slice, Source
from edgemed.merging.recipe.settings import Filter, Setting, Settings, Values

LARGEST = 256 * 1024
MOST_VALUES = 20_000

ABOUT_MEMORY = ("int8_mask", "lazy_unpickle", "low_cpu_memory", "clone_tensors", "read_to_gpu")
"""Keys that change how mergekit works, not what it makes."""

ABOUT_FLOATS = ("dtype", "out_dtype")
"""Types of mergekit's arithmetic and output. Here rows are float32, and --out-type sets types."""

TOP = (
    "merge_method", "models", "slices", "modules", "base_model", "parameters", "tokenizer_source",
    "tokenizer", "chat_template", "out_type", "seed", "imatrix", *ABOUT_FLOATS, *ABOUT_MEMORY,
)  # fmt: skip


def is_recipe(path: Path) -> bool:
    """Whether a name on the command line is a recipe file's."""
    return path.suffix.lower() in (".yml", ".yaml")


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file; UsageError names what in it cannot be meant."""
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} is larger than {LARGEST:,} bytes", "a recipe is a small file")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EdgemedError(f"cannot read the recipe {path}: {error}", "check the file") from error
    return parse_recipe(text, path.parent, str(path))


def parse_recipe(text: str, folder: Path, name: str) -> Recipe:
    """The recipe in `text`; model paths are relative to `folder`."""
    try:
        tree = yaml.load(text, Loader=Strict)
        count = sum(1 for _ in values(tree, MOST_VALUES))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(
            f"{name} is not YAML: {one_line(error)}", "indent with spaces, one key a line"
        ) from error
    if count > MOST_VALUES or not isinstance(tree, dict):
        raise UsageError(f"{name} is no recipe", "it begins with merge_method and models or slices")
    return Reader(folder, name).recipe(tree)


def parse_settings(pairs: Sequence[tuple[str, str]]) -> dict[str, Setting]:
    """Parameters from the command line: values are YAML, such as 0.5, true or [0, 0.5, 1]."""
    reader = Reader(Path(), "--set")
    settings: dict[str, Setting] = {}
    for name, text in pairs:
        try:
            settings[name] = reader.setting(name, yaml.load(text, Loader=Strict))
        except yaml.YAMLError as error:
            problem = f"--set {name}={text}: {one_line(error)}"
            raise UsageError(problem, "give a number or a list") from error
    return settings


def one_line(error: Exception) -> str:
    """PyYAML's reason and place, which it writes on several lines."""
    return " ".join(str(error).split())


class Strict(yaml.SafeLoader):  # type: ignore[misc]
    """YAML without tags, in which a key may stand once."""


def _mapping(loader: Strict, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if not isinstance(key, str) or keys.count(key) > 1:
            problem = (
                f"the key {key!r} stands twice" if isinstance(key, str) else f"the key {key!r}"
            )
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
    return dict(yaml.SafeLoader.construct_mapping(loader, node, deep=True))


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def values(tree: Any, most: int) -> Iterator[None]:
    """One item for every value in the tree, at most a few more than `most`."""
    waiting = [tree]
    for _ in range(most + 1):
        if not waiting:
            return
        item = waiting.pop()
        yield
        if isinstance(item, dict | list):
            waiting += item.values() if isinstance(item, dict) else item


class Reader:
    """One recipe being read: its folder, its name for messages, and the notes so far."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._method = ""
        self._notes: dict[str, None] = {}

    def recipe(self, tree: Mapping[str, Any]) -> Recipe:
        """The whole of it."""
        self._known(tree, TOP, "a recipe")
        self._method = self._text(tree, "merge_method")
        if self._method not in METHODS:
            self._fail(f"no merge method {self._method!r}", f"choose one of {', '.join(METHODS)}")
        for key in (*ABOUT_FLOATS, *ABOUT_MEMORY):
            if tree.get(key) is not None:
                self._ignore(key)
        slices = self._slices(tree)
        base = tree.get("base_model")
        return Recipe(
            self._method,
            slices,
            None if base is None else self._path(base),
            self._settings(tree.get("parameters"), "parameters", own=False),
            out_type=type_word(self._text(tree, "out_type", LIKE_A)),
            tokenizer=self._tokenizer(tree),
            chat_template=self._template(tree),
            seed=self._seed(tree.get("seed", 0)),
            imatrix=self._imatrix(tree.get("imatrix")),
            notes=tuple(self._notes),
        )

    def _slices(self, tree: Mapping[str, Any]) -> tuple[Slice, ...]:
        given = [key for key in ("models", "slices", "modules") if tree.get(key)]
        if given == ["models"]:
            return (Slice(tuple(self._source(m, ("model",)) for m in self._list(tree, "models"))),)
        if given == ["slices"]:
            return tuple(self._slice(part) for part in self._list(tree, "slices"))
        if "modules" in given:
            self._fail("modules are for models of several parts", "give models or slices")
        self._fail("it has not exactly one of models and slices", "give one of them")

    def _slice(self, part: Any) -> Slice:
        known = ("sources", "base_model", "parameters", "residual_weight")
        self._known(part, known, "a slice")
        if part.get("residual_weight") is not None:
            self._note("residual_weight has no effect, in mergekit neither")
        sources = self._list(part, "sources")
        base = part.get("base_model")
        return Slice(
            tuple(self._source(source, ("model", "layer_range")) for source in sources),
            self._settings(part.get("parameters"), "the parameters of a slice", own=False),
            None if base is None else self._path(base),
        )

    def _source(self, entry: Any, needed: tuple[str, ...]) -> Source:
        self._known(entry, (*needed, "parameters"), "a model's entry")
        for key in needed:
            if key not in entry:
                self._fail(f"an entry has no {key}", f"add {key}")
        layers = self._layers(entry["layer_range"]) if "layer_range" in entry else None
        settings = self._settings(entry.get("parameters"), "a model's parameters", own=True)
        return Source(self._path(entry["model"]), layers, settings)

    def _layers(self, given: Any) -> tuple[int, int]:
        match given:
            case [int(first), int(end)] if 0 <= first < end:
                return first, end
        self._fail(f"layer_range {given!r}", "it is [first, end], and end is not included")

    def _path(self, given: Any) -> Path:
        if isinstance(given, dict) and set(given) <= {"model"}:
            given = given.get("model")
        if isinstance(given, dict) and isinstance(given.get("path"), str) and len(given) == 1:
            given = given["path"]
        if not isinstance(given, str) or not given:
            self._fail(f"{given!r} is no path of a model", "give the path of a GGUF file")
        if "+" in given and not given.endswith(".gguf"):
            self._fail(f"{given!r} names an adapter", "merge the adapter into its model first")
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
            if key in ABOUT_MEMORY:
                self._ignore(key)
            elif own and key in known and not known[key].each:
                self._note(f"{key} of a single model has no effect, in mergekit neither")
            elif value is not None:
                settings[key] = self.setting(key, value)
        return settings

    def setting(self, key: str, given: Any) -> Setting:
        """One value, a gradient, or filters."""
        if isinstance(given, dict):
            given = [given]
        if isinstance(given, list) and given and all(isinstance(item, dict) for item in given):
            return tuple(self._filter(key, item) for item in given)
        return self._values(key, given)

    def _filter(self, key: str, given: Mapping[str, Any]) -> Filter:
        self._known(given, ("filter", "value"), f"a filter of {key}")
        if "value" not in given:
            self._fail(f"a filter of {key} has no value", "add value")
        pattern = given.get("filter")
        if pattern is not None and not isinstance(pattern, str):
            self._fail(f"a filter of {key} is {pattern!r}", "a filter is a part of a tensor's name")
        return Filter(pattern, self._values(key, given["value"]))

    def _values(self, key: str, given: Any) -> Values:
        if isinstance(given, bool | int | float | str):
            return given
        if isinstance(given, list) and given:
            if all(isinstance(item, int | float) and not isinstance(item, bool) for item in given):
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
            self._known(given, ("source", "tokens", "pad_to_multiple_of"), "tokenizer")
            for key in ("tokens", "pad_to_multiple_of"):
                if given.get(key):
                    self._fail(f"tokenizer.{key} is not supported", "leave it out")
            source = given.get("source", "union")
        if source is None or source in ("union", "base"):
            return source
        if isinstance(source, str):
            source = source.removeprefix("model:")  # an older way of writing it
        return str(self._path(source))

    def _template(self, tree: Mapping[str, Any]) -> str | None:
        given = tree.get("chat_template")
        if given is None or given == "auto":
            return None
        if not isinstance(given, str) or "{" not in given:
            self._fail(
                f"chat_template {given!r} is neither auto nor a template",
                "give auto or the template itself: mergekit's names, such as chatml, mean its own",
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
        for key in given:
            if key not in known:
                self._fail(f"{thing} has no key {key!r}", f"it knows {', '.join(known)}")

    def _ignore(self, key: str) -> None:
        if key in ABOUT_FLOATS:
            self._note(f"{key} is mergekit's; rows are mixed in float32, --out-type sets types")
        else:
            self._note(f"{key} is about mergekit's memory and changes nothing here")

    def _note(self, note: str) -> None:
        self._notes[note] = None

    def _fail(self, what: str, hint: str) -> NoReturn:
        raise UsageError(f"{self._name}: {what}", hint)
