"""Examples before a question: answered ones of a task's pool, as earlier turns of the same talk.

By chance: the same for every item, the first of the pool in an order by the seed, so 4 examples
hold the 2 of a run with 2. By likeness: for every item those of the pool that are nearest to it by
sentence vectors, the nearest last. The pool itself can be the first N of that order, so a small
pool is part of a large one. An item is never its own example. Where the examples do not fit into
the context, the first ones are left out, item by item, and this is reported.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from edgemed_models.base import ModelError
from edgemed_models.encoder import encoder

from edgemed.errors import UsageError
from edgemed.evals.asking import named
from edgemed.evals.examining import prompts, right_answer, turns
from edgemed.evals.tasks.items import Item, order_of
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import Task, read_task
from edgemed.gguf import open_model
from edgemed.local_models.header_sizes import shape_of
from edgemed.local_models.loading import Options, bare_settings, start

By = Literal["chance", "likeness"]


class Shots(NamedTuple):
    """How many examples, how they are taken, from a pool of how many (None: all), by what seed."""

    number: int
    by: By = "chance"
    pool: int | None = None
    seed: int = 0


def shown_task(task: Task, shots: Shots) -> Task:
    """The task asked with examples: a file of results takes it for a different task. UsageError if
    it has none to show."""
    if "pool" not in task.table or task.kind not in ("write", "choose"):
        raise UsageError(f"the task {task.name} has no pool of examples", "ask it without examples")
    return replace(task, table={**task.table, "shots": list(shots)})


def suffix_of(task: Task) -> str:
    """The part of a result file's name that names the task's examples."""
    return f".{task.table['shots'][0]}-shot" if "shots" in task.table else ""


def with_shots(task: Task, items: Sequence[Item], folder: Path, shots: Shots) -> list[Item]:
    """The items with their examples. UsageError where the pool is too small."""
    pool = pool_of(task, folder, shots)
    if len(pool) <= shots.number:
        raise UsageError(
            f"{shots.number} examples for {task.name} need a pool of more, and it has {len(pool)}",
            "give fewer examples before a question, or a larger pool",
        )
    chosen = nearest(items, pool) if shots.by == "likeness" else [pool] * len(items)
    return [
        replace(item, shots=examples(item, order, shots.number))
        for item, order in zip(items, chosen, strict=True)
    ]


def pool_of(task: Task, folder: Path, shots: Shots) -> list[Item]:
    """The pool in its order by the seed."""
    every = load(read_task(f"{task.name}:{task.table['pool']}"), folder)
    order = sorted(every, key=lambda item: order_of(f"{shots.seed}:shots {task.name}", item.key))
    return order[: shots.pool]


def rows_to_learn(task: Task, folder: Path, shots: Shots) -> list[dict[str, str]]:
    """The first examples of the pool as `edgemed adapt` reads them: what is asked, word for word,
    and what is answered. UsageError where the pool has fewer, or a task none to show."""
    shown_task(task, shots)
    pool = pool_of(task, folder, shots)
    if len(pool) < shots.number:
        raise UsageError(
            f"the pool of {task.name} has {len(pool)} examples, not {shots.number}", "ask for fewer"
        )
    asked = task.kind if task.kind in task.prompts else next(iter(task.prompts))
    return [
        {
            "prompt": turns(task, asked, item)[-1].content,
            "completion": right_answer(asked, item),
        }
        for item in pool[: shots.number]
    ]


def examples(item: Item, order: Sequence[Item], count: int) -> tuple[Item, ...]:
    """The first of an order without the item itself, in reverse: the nearest comes last."""
    others = [one for one in order if one.digest != replace(item, shots=()).digest]
    return tuple(reversed(others[:count]))


def nearest(items: Sequence[Item], pool: Sequence[Item]) -> list[list[Item]]:
    """For every item the pool from the nearest on; of equals the earlier of the pool."""
    near = encoder().vectors(list(map(text_of, items))) @ encoder().vectors(
        list(map(text_of, pool))
    ).T  # fmt: skip
    return [[pool[n] for n in np.argsort(-row, kind="stable")] for row in near]


def text_of(item: Item) -> str:
    """What an item is about."""
    return item.source or max(item.fields.values(), key=len)


def within_context(
    path: Path, options: Options, task: Task, items: Sequence[Item]
) -> tuple[list[Item], int]:
    """The items with as many examples as fit, and how many items got fewer. Counted with the
    model's vocabulary."""
    room = options.context or shape_of(open_model(path)).train_context
    model = start(replace(bare_settings(path, options), vocab_only=True))
    try:
        found = []
        for item in items:
            try:
                while item.shots and any(
                    model.count(prompt.messages) + prompt.room > room
                    for prompt in prompts(task, item)
                ):
                    item = replace(item, shots=item.shots[1:])
            except ModelError as error:
                raise named(item.where, error) from None
            found.append(item)
    finally:
        model.close()
    return found, sum(len(a.shots) < len(b.shots) for a, b in zip(found, items, strict=True))
