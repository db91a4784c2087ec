"""The YAML of a recipe file as plain values: no tags, no duplicate keys, no explosive aliases.

A file may hold several documents, as mergekit-multi's do. Knows nothing of recipes.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

from edgemed.errors import UsageError
from edgemed.storage.bounded import NESTING

MOST_VALUES = 20_000
"""Most values in a file; an alias counts each time it is used."""

LONGEST_NUMBER = 64
"""Most characters in a number: in base 60 or 16 a long one takes minutes, or cannot be printed."""

MERGE = "tag:yaml.org,2002:merge"


def documents(text: str, name: str) -> list[Any]:
    """Every document that is not empty; UsageError if this is not YAML, or there is too much of
    it."""
    try:
        found = [tree for tree in loaded(text) if tree is not None]
        count = sum(1 for _ in values(found, MOST_VALUES))
    except yaml.YAMLError as error:
        raise UsageError(
            f"{name} is not YAML: {one_line(error)}", "indent with spaces, one key per line"
        ) from error
    if count > MOST_VALUES:
        raise UsageError(f"{name} has more than {MOST_VALUES:,} values", "a recipe has a few dozen")
    return found


def value_of(text: str) -> Any:
    """The one value that `text` is; YAMLError if there is none, or several."""
    found = loaded(text)
    if len(found) > 1:
        raise yaml.YAMLError("it holds several documents")
    return found[0] if found else None


def loaded(text: str) -> list[Any]:
    """Every document. YAMLError also for what trips PyYAML itself: depth, tags that do not fit."""
    try:
        return list(yaml.load_all(text, Loader=Strict))
    except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
        raise yaml.YAMLError(f"a value does not fit its tag ({error})") from error


def one_line(error: Exception) -> str:
    """PyYAML's reason and place, which it writes on several lines."""
    return " ".join(str(error).split())


class Strict(yaml.SafeLoader):  # type: ignore[misc]
    """YAML without tags, in which a key may appear only once. `<<: *name` takes over another
    mapping."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._flat: dict[int, yaml.Node] = {}
        self._taken = self._levels = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """PyYAML's, with a limit on depth: for every token it looks at all open levels again."""
        self._levels += 1
        if self._levels > NESTING + 1:  # the value itself is on the last level
            raise yaml.YAMLError(f"it is nested deeper than {NESTING} levels")
        node = super().compose_node(parent, index)
        self._levels -= 1
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Replace `<<` by the keys that it brings and the mapping lacks; once for every mapping.

        Of several mappings the first that has a key gives it. Keys stay as many as there are names,
        so that mappings merged into mappings cannot grow without end.
        """
        if id(node) in self._flat:
            return
        self._flat[id(node)] = node
        own = [pair for pair in node.value if pair[0].tag != MERGE]
        known = {key.value for key, _ in own if isinstance(key, yaml.ScalarNode)}
        brought = []
        for pair in (p for key, value in node.value if key.tag == MERGE for p in self._of(value)):
            self._taken += 1
            if self._taken > MOST_VALUES:
                raise _problem(node, f"<< adds more than {MOST_VALUES:,} keys")
            if pair[0].value not in known:
                known.add(pair[0].value)
                brought.append(pair)
        node.value = brought + own

    def _of(self, node: yaml.Node) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """The pairs of the mapping, or mappings, that `<<` names."""
        for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(one, yaml.MappingNode):
                raise _problem(one, "<< needs a mapping, or a list of mappings")
            self.flatten_mapping(one)
            yield from (
                (key, value)
                for key, value in one.value
                if isinstance(key, yaml.ScalarNode) and key.tag != MERGE
            )


def _mapping(loader: Strict, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value if key.tag != MERGE]
    for key, count in Counter(key if isinstance(key, str) else repr(key) for key in keys).items():
        if count > 1:
            raise _problem(node, f"the key {key!r} is given twice")
    for key in keys:
        if not isinstance(key, str):
            raise _problem(node, f"the key {key!r} is not a word")
    loader.flatten_mapping(node)
    return {
        loader.construct_object(k): loader.construct_object(v, deep=True) for k, v in node.value
    }


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _number(kind: str) -> Any:
    """PyYAML's own constructor of int or float, for numbers of a sensible length."""
    construct = getattr(yaml.constructor.SafeConstructor, f"construct_yaml_{kind}")

    def short(loader: Strict, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode) and len(node.value) > LONGEST_NUMBER:
            raise _problem(node, f"a number has more than {LONGEST_NUMBER} characters")
        return construct(loader, node)

    return short


for _kind in ("int", "float"):
    Strict.add_constructor(f"tag:yaml.org,2002:{_kind}", _number(_kind))


def _problem(node: yaml.Node, what: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, what, node.start_mark)


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
