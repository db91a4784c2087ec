"""The entries of a recipe file, one at a time: models, settings, numbers written as text.

An unknown key is named in a note or is an error, never skipped silently.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from edgemed.adapters.naming import Adapted, Parent, model_file, parent_of, use_of
from edgemed.errors import UsageError
from edgemed.merging.methods.table import METHODS
from edgemed.merging.recipe import keys
from edgemed.merging.recipe.keys import ABOUT_FLOATS, ABOUT_MEMORY
from edgemed.merging.recipe.settings import Filter, Setting, Settings, Values

NUMBER = re.compile(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*")
"""A number that YAML 1.1 takes for text: 1e-6, 3e-1, or one in quotation marks."""

ADAPTERS = ("lora", "lora_path")
"""Keys of an adapter beside its model: mergekit's, and one of its forks."""

REVISION = re.compile(r"@(?!.*\.gguf$)")


class Entries:
    """The entries of one recipe: its folder, its name for messages, and the notes so far.

    `outputs` are of other recipes in the same file, by name; those that it names are `used`.
    """

    def __init__(
        self, folder: Path, name: str, outputs: Mapping[str, Path] = MappingProxyType({})
    ) -> None:
        self._folder, self._name, self._outputs = folder, name, outputs
        self.used: set[str] = set()
        self._method = ""
        self._notes: dict[str, None] = {}

    def _path(self, given: Any) -> Parent:
        """A model with its adapters, in any of the ways in which mergekit writes it."""
        found = self._words(given, "a model", ADAPTERS)
        return parent_of(found, self._at) if isinstance(found, str) else self._laid(*found)

    def _words(
        self, given: Any, thing: str, beside: tuple[str, ...] = ()
    ) -> str | tuple[str, list[Any]]:
        """The path of a model or adapter, with what else its entry has."""
        adapters: list[Any] = []
        for inner in ("model", "path"):
            if isinstance(given, dict) and inner in given:
                more = {k: v for k, v in given.items() if v is not None and k != inner}
                adapters += [more.pop(key) for key in beside if key in more]
                if more:
                    self._fail(f"{thing} has {', '.join(map(repr, more))}", "give its path alone")
                given = given[inner]
        if not isinstance(given, str) or not given or "\0" in given:
            self._fail(f"{given!r} is not a path of {thing}", "give the path of a file")
        return (given, adapters) if adapters else given

    def _laid(self, model: str, adapters: Sequence[Any]) -> Adapted:
        """A model and the adapters of a map, one or a list."""
        under = parent_of(model, self._at)
        listed = [each for one in adapters for each in (one if isinstance(one, list) else [one])]
        words = [str(self._words(each, "an adapter")) for each in listed]
        before = under.uses if isinstance(under, Adapted) else ()
        own = (use_of(word, self._at) for word in words)
        return Adapted(model_file(under), (*before, *own))

    def _at(self, given: str) -> Path:
        """The path that a model's name, or the name of another recipe's output, stands for."""
        if given in self._outputs:
            self.used.add(given)
            return self._outputs[given]
        if REVISION.search(given):
            self._fail(f"{given!r} names a revision", "give the path of a GGUF file")
        return self._folder / given

    def _settings(self, given: Any, where: str, own: bool) -> Settings:
        if given is None:
            return {}
        if not isinstance(given, dict):
            self._fail(
                f"{where}: {given!r} is not a map of names and values", "give name: value lines"
            )
        settings: dict[str, Setting] = {}
        known = METHODS[self._method].parameters
        for key, value in given.items():
            if key in (*ABOUT_MEMORY, *ABOUT_FLOATS):
                self._ignore(key)
            elif key in keys.FORMER:
                self._note(f"{key} has no effect, here or in today's mergekit")
            elif keys.stray_parameter(key, self._method):
                self._note(f"{self._method} has no parameter {key}: it has no effect")
            elif own and key in known and not known[key].each:
                self._note(f"{key} of a single model has no effect, here or in mergekit")
            elif value is not None:
                settings[key] = self.setting(key, value)
                self._say_of_own(key)
        return settings

    def _say_of_own(self, key: str) -> None:
        """Note a parameter that edgemed uses and mergekit ignores: mergekit makes another model."""
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

    def _known(self, given: Any, known: tuple[str, ...], thing: str) -> None:
        if not isinstance(given, dict):
            self._fail(f"{given!r} is not {thing}", f"it has the keys {', '.join(known)}")
        for key in (key for key in given if key not in known):
            objection = keys.objection(key, known)
            if objection:
                self._fail(f"{thing} has no key {key!r}", objection)
            self._note(f"{key} is not a key of {thing}: it has no effect, here or in mergekit")

    def _ignore(self, key: str) -> None:
        if key in ABOUT_FLOATS:
            self._note(f"{key} is mergekit's; rows are mixed in float32, and out_type sets types")
        else:
            self._note(f"{key} sets mergekit's memory use and changes nothing here")

    def _note(self, note: str) -> None:
        self._notes[note] = None

    def _fail(self, what: str, hint: str) -> NoReturn:
        raise UsageError(f"{self._name}: {what}", hint)


def plain(value: Any) -> Any:
    """A number written as text becomes a number; anything else stays as it is."""
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value
