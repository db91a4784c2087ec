"""An item of a task as a loader reads it: its key, its place, and the answer that is wanted."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edgemed.evals.following.kinds import Instruction


class AnswerOptions(NamedTuple):
    """The options of a multiple-choice question in order, and the index of the right one."""

    texts: tuple[str, ...]
    right: int


@dataclass(frozen=True, slots=True)
class Item:
    """One row of a task.

    `where`: file and line, for messages. `fields` fill the prompts. `wanted` is a reference text
    (`write`), the instructions (`follow`) or the options (`choose`, `reason`). `group`: a part of
    the task that is shown on its own. `source`: what a written answer is checked against.
    `shots`: answered examples that are shown before it.
    """

    key: str
    where: str
    fields: Mapping[str, str]
    wanted: str | tuple[Instruction, ...] | AnswerOptions
    group: str = ""
    source: str = ""
    shots: "tuple[Item, ...]" = ()

    @property
    def digest(self) -> str:
        """A digest that identifies this row in its present form and reveals none of its text."""
        shots = [[shot.digest for shot in self.shots]] if self.shots else []
        whole = json.dumps(
            [self.key, dict(self.fields), self.wanted, self.group, *shots], sort_keys=True
        )
        return hashlib.sha256(whole.encode()).hexdigest()[:16]


def order_of(name: str, key: str) -> str:
    """A place in a random order that depends on these two alone."""
    return hashlib.sha256(f"{name}:{key}".encode()).hexdigest()


def in_parts(name: str, key: str, parts: tuple[int, int, int] | None) -> bool:
    """Whether the key falls into these parts (see `Split`)."""
    if parts is None:
        return True
    first, end, of = parts
    return first <= int(order_of(f"part {name}", key)[:12], 16) % of < end


def sampled(items: Sequence[Item], name: str, seed: int, limit: int | None) -> list[Item]:
    """`limit` random items, in their own order; a larger sample includes a smaller one."""
    if limit is None or limit >= len(items):
        return list(items)
    chosen = set(
        sorted((item.key for item in items), key=lambda k: order_of(f"{seed}:{name}", k))[:limit]
    )
    return [item for item in items if item.key in chosen]


def parted(keys: Sequence[str], name: str, sizes: Sequence[int]) -> list[list[str]]:
    """Random keys in parts of these sizes, each in the order given: how splits were made."""
    order, parts, at = sorted(keys, key=lambda key: order_of(f"split {name}", key)), [], 0
    for size in sizes:
        chosen = set(order[at : at + size])
        parts.append([key for key in keys if key in chosen])
        at += size
    return parts
