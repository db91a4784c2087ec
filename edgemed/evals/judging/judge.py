"""A judge reads what one or two models answer to a task's items, a group of items at a time.

For each group the judged models answer one after the other, then the judge is loaded: never two
models at once, so a laptop can do it. Answers stay in memory. What is kept is what `edgemed eval`
keeps: keys, hashes and scores. A run that was stopped continues after its last whole group.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgemed_models.base import Message, Request
from edgemed_models.engine.settings import EngineSettings

from edgemed.errors import UsageError
from edgemed.evals.answers import texts
from edgemed.evals.asking import settings_holding
from edgemed.evals.evaluate import Examinee, identity_of, planned, settled
from edgemed.evals.examining import ItemPrompt, Outcome, request_of, turns
from edgemed.evals.figures import Figure
from edgemed.evals.judging import questions
from edgemed.evals.measures import measured
from edgemed.evals.results import Identity, held, known_results, write_results
from edgemed.evals.scoring import Scores
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.task import Task
from edgemed.storage.place import refuse_place

GROUP = 32
"""Items that are answered before the judge is loaded."""
ROOM = 1.5
"""A judge may need so many tokens for one that the judged model wrote."""


Tell = Callable[[str, int, int], None]
"""Is called with the model at work, its answers done, and all of them."""


@dataclass(frozen=True, slots=True)
class Judging:
    """The judge, and whom it judges: one model by axes, or ours and another as a pair."""

    judge: Examinee
    judged: tuple[Examinee, ...]

    @property
    def kind(self) -> str:
        """The table of `questions.toml`."""
        return "pairs" if len(self.judged) > 1 else "axes"


@dataclass(frozen=True, slots=True)
class Loading:
    """How the models are loaded: every judged one, then the judge."""

    judged: tuple[EngineSettings, ...]
    judge: EngineSettings


def refuse_unjudged(task: Task) -> None:
    """UsageError for a task without written answers to compare with a clinician's."""
    if task.kind != "write" or task.axis != "clinical":
        raise UsageError(
            f"the answers to {task.name} are verified by a program, not judged",
            "name a clinical task that is written: see `edgemed eval --list`",
        )


def refuse_early(judging: Judging, task: Task, items: Sequence[Item], out: Path) -> Loading | None:
    """How to load the models for what `out` lacks; None if it lacks nothing.

    Raises Refused before any question where an item does not fit into a model's context (the
    judge's with the longest answers included), or where `out` holds something else.
    """
    refuse_place(out, replace=True)
    before, found = known_results(out, identity(judging, task), {item.key: item for item in items})
    if all(item.key in found for item in items):
        return None
    loading = loading_of(judging, task, items)
    settled_all(out, loading, before)
    return loading


def loading_of(judging: Judging, task: Task, items: Sequence[Item]) -> Loading:
    """How to load every model so that all prompts fit."""
    judged = tuple(planned(model, task, items) for model in judging.judged)
    longest = round(ROOM * len(judged) * task.max_tokens)
    prompts = [
        ItemPrompt(request.messages, item.where, longest + request.max_tokens)
        for item in items
        for request in asked(judging, task, item, [""] * len(judged))[:1]
    ]
    rooms = [prompt.room for prompt in prompts]
    judge = judging.judge
    return Loading(judged, settings_holding(judge.path, prompts, judge.options, rooms))


def judge_items(
    judging: Judging,
    task: Task,
    items: Sequence[Item],
    out: Path,
    tell: Tell = lambda who, done, total: None,
    loading: Loading | None = None,
) -> list[Outcome]:
    """The judge's verdicts on `items` in order; those in `out` are not asked for again.

    `loading`: what `refuse_early` has found. Raises what it raises; EdgemedError where an engine
    breaks, with all whole groups so far in `out`.
    """
    by_key, whole = {item.key: item for item in items}, identity(judging, task)
    with held(out):
        before, found = known_results(out, whole, by_key)
        missing = [item for item in items if item.key not in found]
        if missing:
            loading = loading or loading_of(judging, task, items)
            whole = {**whole, **settled_all(out, loading, before)}
            for at in range(0, len(missing), GROUP):
                group = missing[at : at + GROUP]
                said = verdicts(judging, loading, task, group, tell)
                for item, outcome in zip(group, said, strict=True):
                    found[item.key] = item.digest, outcome
                write_results(out, whole, by_key, found)
    return [found[item.key][1] for item in items]


def verdicts(
    judging: Judging, loading: Loading, task: Task, items: Sequence[Item], tell: Tell
) -> Iterator[Outcome]:
    """What the judge says of each item of a group."""
    places = [item.where for item in items]
    requests = [request_of(task, item) for item in items]
    written = [
        texts(settings, places, requests, partial(tell, model.path.stem))
        for model, settings in zip(judging.judged, loading.judged, strict=True)
    ]
    answers = list(zip(*written, strict=True))
    each = [asked(judging, task, *pair) for pair in zip(items, answers, strict=True)]
    width = len(each[0])
    flat = [request for requests in each for request in requests]
    repeated = [place for place in places for _ in range(width)]
    replies = texts(loading.judge, repeated, flat, partial(tell, "judge"))
    for number, pair in enumerate(answers):
        said = replies[number * width : (number + 1) * width]
        yield Outcome(SCORED[judging.kind](said, pair))


def asked(judging: Judging, task: Task, item: Item, answers: Sequence[str]) -> Sequence[Request]:
    """What the judge is asked of an item with these answers."""
    (message,) = turns(task, task.kind, item)
    return ASKED[judging.kind](message, str(item.wanted).strip(), answers)


def figures_said(outcomes: Sequence[Outcome]) -> list[Figure]:
    """Every measure over the items on which the judge has said something, and their number."""
    found = []
    for measure in outcomes[0].scores:
        rows = [o.scores[measure] for o in outcomes if o.scores[measure] != questions.NOTHING]
        if (value := measured(measure, rows)) is not None:
            found.append(Figure(measure, "", value, len(rows)))
    return found


def identity(judging: Judging, task: Task) -> Identity:
    """What two verdicts must have in common to be in one file."""
    judged = [identity_of(model, task) for model in judging.judged]
    return {
        "judge": identity_of(judging.judge, task)["model"],
        "judge's options": identity_of(judging.judge, task)["options of loading"],
        "judge's question": dict(questions.questions()[judging.kind]),
        **{name: value for name, value in judged[0].items() if name != "model"},
        "model": [one["model"] for one in judged],
        "options of loading": [one["options of loading"] for one in judged],
        "adapters": [one["adapters"] for one in judged],
    }


def settled_all(out: Path, loading: Loading, before: Identity) -> Identity:
    """The settings of this run as part of the identity; Refused if earlier ones were others."""
    every = (*loading.judged, loading.judge)
    names = [f"model {n + 1}" for n in range(len(loading.judged))] + ["judge"]
    return {
        "loaded": {
            name: settled(out, settings, before.get(name, {}))["loaded"]
            for name, settings in zip(names, every, strict=True)
        }
    }


ASKED: dict[str, Callable[[Message, str, Sequence[str]], Sequence[Request]]] = {
    "pairs": lambda task, reference, pair: questions.of_pair(task.content, reference, *pair),
    "axes": lambda task, reference, one: questions.of_axes(task.content, reference, *one),
}
SCORED: dict[str, Callable[[Sequence[str], Sequence[str]], Scores]] = {
    "pairs": lambda said, pair: questions.scored_pair((said[0], said[1]), *pair),
    "axes": lambda said, one: questions.scored_axes(said[0], *one),
}
"""By kind of judging."""
