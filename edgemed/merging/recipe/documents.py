"""The YAML of a recipe file as plain values: no tags, no key twice, nothing that blows up.

A file may hold several documents, as mergekit-multi's do. Knows nothing of recipes.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

from edgemed.errors import UsageError

MOST_VALUES = 20_000
"""Values in a file, aliases counted as often as they are used."""

MERGE = "tag:yaml.org,2002:merge"


def documents(text: str, name: str) -> list[Any]:
    """Every document that is not empty; UsageError if this is no YAML, or too much of it."""
    try:
        found = [tree for tree in yaml.load_all(text, Loader=Strict) if tree is not None]
        count = sum(1 for _ in values(found, MOST_VALUES))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(
            f"{name} is not YAML: {one_line(error)}", "indent with spaces, one key a line"
        ) from error
    if count > MOST_VALUES:
        raise UsageError(f"{name} has more than {MOST_VALUES:,} values", "a recipe has a few dozen")
    return found


def one_line(error: Exception) -> str:
    """PyYAML's reason and place, which it writes on several lines."""
    return " ".join(str(error).split())


class Strict(yaml.SafeLoader):  # type: ignore[misc]
    """YAML without tags, in which a key may stand once. `<<: *name` takes over another mapping."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._flat: dict[int, yaml.Node] = {}
        self._taken = 0

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
                raise _problem(node, f"<< brings more than {MOST_VALUES:,} keys")
            if pair[0].value not in known:
                known.add(pair[0].value)
                brought.append(pair)
        node.value = brought + own

    def _of(self, node: yaml.Node) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """The pairs of the mapping, or mappings, that `<<` names."""
        for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(one, yaml.MappingNode):
                raise _problem(one, "<< takes a mapping, or a list of them")
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
            raise _problem(node, f"the key {key!r} stands twice")
    for key in keys:
        if not isinstance(key, str):
            raise _problem(node, f"the key {key!r} is no word")
    loader.flatten_mapping(node)
    return {
        loader.construct_object(k): loader.construct_object(v, deep=True) for k, v in node.value
    }


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


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
