"""The figures of a model in lm-evaluation-harness's format of results.

    {"results": {"ifeval": {"alias": "ifeval", "prompt_level_strict_acc,none": 0.25,
                            "prompt_level_strict_acc_stderr,none": 0.09}}, "n-samples": ..., ...}

For programs that read such files. Measures that both have go by its names, the others by ours.
Values are from 0 to 1, or in the units that `edgemed eval` shows. A standard error is that of a
mean over items; where a figure is none (BLEU, a rate over instructions) it is "N/A", as there.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

from edgemed import __version__
from edgemed.evals.examining import Outcome
from edgemed.evals.figures import figures_of
from edgemed.evals.tasks.task import Task

NAMES: Mapping[str, str] = {
    "prompt-strict": "prompt_level_strict_acc",
    "instruction-strict": "inst_level_strict_acc",
    "prompt-loose": "prompt_level_loose_acc",
    "instruction-loose": "inst_level_loose_acc",
    "text": "acc",
    "text-per-byte": "acc_bytes",
}
"""Our measure, and its name there."""
LESS_IS_BETTER = frozenset(
    ("perplexity", "bits", "kl mean", "kl median", "kl 99.9 %", "claims contradicted",
     "facts omitted")
)  # fmt: skip
NO_DIRECTION = frozenset(("words",))


class ScoredTask(NamedTuple):
    """A task with the outcomes of a model's answers, and how many items its split has."""

    task: Task
    outcomes: Sequence[Outcome]
    whole: int


def harness_form(model: str, answered: Iterable[ScoredTask]) -> dict[str, Any]:
    """The results of one model."""
    every = list(answered)
    return {
        "results": {one.task.name: results_of(one) for one in every},
        "configs": {one.task.name: config_of(one.task) for one in every},
        "versions": {one.task.name: f"edgemed {__version__}" for one in every},
        "n-shot": {one.task.name: shots_of(one.task) for one in every},
        "n-samples": {
            one.task.name: {"original": one.whole, "effective": len(one.outcomes)} for one in every
        },
        "higher_is_better": {one.task.name: directions(one) for one in every},
        "config": {"model": "edgemed", "model_args": model},
    }


def results_of(one: ScoredTask) -> dict[str, Any]:
    """The figures of a task."""
    found: dict[str, Any] = {"alias": one.task.name}
    for figure in figures_of("", one.outcomes):
        name = NAMES.get(figure.measure, figure.measure)
        found[f"{name},none"] = figure.value.value
        found[f"{name}_stderr,none"] = error_of(figure.measure, one.outcomes)
    return found


def error_of(measure: str, outcomes: Sequence[Outcome]) -> float | str:
    """The standard error of a mean over items; "N/A" for any other figure."""
    rows = [outcome.scores.get(measure, ()) for outcome in outcomes]
    if len(rows) < 2 or any(len(row) != 2 or row[1] != 1 for row in rows):
        return "N/A"
    values = [row[0] for row in rows]
    middle = sum(values) / len(values)
    return sqrt(sum((v - middle) ** 2 for v in values) / (len(values) - 1) / len(values))


def directions(one: ScoredTask) -> dict[str, bool | None]:
    """Whether more is better, by measure."""
    names = [figure.measure for figure in figures_of("", one.outcomes)]
    return {
        NAMES.get(name, name): None if name in NO_DIRECTION else name not in LESS_IS_BETTER
        for name in names
    }


def config_of(task: Task) -> dict[str, Any]:
    """What was asked."""
    return {
        "task": task.name,
        "test_split": task.split.name,
        "output_type": "multiple_choice" if task.kind == "choose" else "generate_until",
        "num_fewshot": shots_of(task),
        "doc_to_text": dict(task.prompts),
        "generation_kwargs": {"do_sample": False, "max_gen_toks": task.max_tokens},
    }


def shots_of(task: Task) -> int:
    """How many examples come before each question."""
    return int(task.table["shots"][0]) if "shots" in task.table else 0
