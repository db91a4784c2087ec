"""`edgemed judge MODEL --by JUDGE --tasks ...`: a local model judges what another one writes.

With --versus OTHER the two models are compared, answer by answer and in both orders; without it
the judge gives scores on four axes.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.amounts import amount
from edgemed.cli.evals.eval import EVERY
from edgemed.cli.evals.eval_shown import table_of
from edgemed.cli.evals.task_folders import data_folder, make_folder, user_folder
from edgemed.cli.options.chat_template import chat_template_option
from edgemed.cli.options.models import configure_at_once, configure_loading, options_of
from edgemed.cli.options.names import names
from edgemed.cli.options.numbers import positive, seed
from edgemed.cli.terminal.printing import clear_line, print_json
from edgemed.cli.terminal.tables import show
from edgemed.errors import UsageError
from edgemed.evals.evaluate import examinee
from edgemed.evals.examining import Outcome
from edgemed.evals.intervals import FEW
from edgemed.evals.judging.family import kinship
from edgemed.evals.judging.judge import (
    Judging,
    Loading,
    figures_said,
    judge_items,
    refuse_early,
    refuse_unjudged,
)
from edgemed.evals.tasks.items import Item, sampled
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import Task, read_task
from edgemed.local_models.library import find_model
from edgemed.printable import printable


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed judge`."""
    add = parser.add_argument
    configure_judged(add)
    add("--data", type=Path, metavar="FOLDER", help="the folder that holds the tasks' files")
    add(
        "-o",
        "--out",
        type=Path,
        metavar="FOLDER",
        help="the folder of results, one file per task (default: in the folder of evals)",
    )
    add(
        "--max-tokens",
        type=positive,
        metavar="N",
        help="the longest answer that is judged, in tokens (default: the task's)",
    )
    add("--json", action="store_true", help="print the figures as JSON")
    configure_running(parser.add_argument_group("running the models").add_argument)


def configure_judged(add: Callable[..., Any]) -> None:
    """Which models, and on which items."""
    add("model", metavar="MODEL", help="the model that is judged: a GGUF file, or one added")
    add("--by", required=True, metavar="JUDGE", help="the model that judges")
    add(
        "--versus",
        metavar="OTHER",
        help="a second judged model: the two are compared, in both orders",
    )
    add(
        "--tasks",
        type=names,
        required=True,
        metavar="TASK,...",
        help="clinical tasks with written answers: mts-dialog, meqsum, aci-bench:valid",
    )
    add(
        "--limit",
        type=positive,
        metavar="N",
        help="judge only N items of each task, drawn by --seed",
    )
    add("--seed", type=seed, default=0, metavar="N", help="the seed of what is drawn (default: 0)")


def configure_running(running: Callable[..., Any]) -> None:
    """How the models are run."""
    chat_template_option(running, "a Jinja template for the turns of the judged")
    configure_loading(running)
    configure_at_once(running)


class TaskToJudge(NamedTuple):
    """A task with its items, and the file of its verdicts."""

    task: Task
    items: list[Item]
    out: Path


def run(args: argparse.Namespace) -> int:
    """Refuse what cannot be done for any task, then have each task answered and judged."""
    if args.data is not None and not args.data.is_dir():
        raise UsageError(f"there is no folder {args.data}", "name the folder with the files")
    tasks = [shortened(read_task(name), args.max_tokens) for name in args.tasks]
    for task in tasks:
        refuse_unjudged(task)
    judging = judging_of(args)
    folder: Path = args.out or user_folder() / "evals" / f"judged by {judging.judge.path.stem}"
    make_folder(folder)
    to_judge = [task_to_judge(task, judging, folder, args) for task in tasks]
    kin = warnings(judging)
    for line in kin:
        print(f"warning: {line}", file=sys.stderr)
    loadings = [refuse_early(judging, s.task, s.items, s.out) for s in to_judge]
    found = [judged(judging, *pair) for pair in zip(to_judge, loadings, strict=True)]
    told = list(zip(to_judge, found, strict=True))
    if args.json:
        print_json(as_data(judging, told, kin))
    else:
        for each, outcomes in told:
            show([table_of(each.task, figures_said(outcomes))])
            for line in (*cautions(outcomes), *kin):
                print(line)
            print()
    print(f"results: {printable(str(folder))}", file=sys.stderr)
    return 0


def shortened(task: Task, most: int | None) -> Task:
    """The task with this token limit for answers; its file of results is a different one."""
    if most is None:
        return task
    return replace(task, max_tokens=most, table={**task.table, "max_tokens": most})


def judging_of(args: argparse.Namespace) -> Judging:
    """The models: the judged ones have the chat template that is named, MODEL the adapters."""
    options = options_of(args)
    other = replace(options, adapters=())
    judge = examinee(find_model(args.by), replace(other, chat_template=None))
    judged = [examinee(find_model(args.model), options)]
    if args.versus is not None:
        judged.append(examinee(find_model(args.versus), other))
    return Judging(judge, tuple(judged))


def task_to_judge(
    task: Task, judging: Judging, folder: Path, args: argparse.Namespace
) -> TaskToJudge:
    """What a task needs from the disk."""
    items = sampled(load(task, args.data or data_folder()), task.name, args.seed, args.limit)
    who = " against ".join(model.path.stem for model in judging.judged)
    return TaskToJudge(task, items, folder / f"{who}.{task.name}.{task.split.name}.jsonl")


def warnings(judging: Judging) -> list[str]:
    """Warnings about a judge of the judged models' family."""
    judge, found = judging.judge.path, []
    for model in judging.judged:
        if why := kinship(judge, model.path):
            found.append(
                f"{judge.name} judges {model.path.name}, of its own family ({why}): such a judge "
                "favours its kind"
            )
    return found


def judged(judging: Judging, task_to_judge: TaskToJudge, loading: Loading | None) -> list[Outcome]:
    """The verdicts on a task, with progress on a terminal."""
    task, items, out = task_to_judge
    print(f"{task.name}: {amount(len(items), 'item')}", file=sys.stderr)
    try:
        return judge_items(judging, task, items, out, progress(task.name), loading)
    finally:
        clear_line(sys.stderr)


def progress(name: str) -> Any:
    """Shows which model is at work, on a terminal only."""
    shown_at = 0.0

    def tell(who: str, done: int, total: int) -> None:
        nonlocal shown_at
        if sys.stderr.isatty() and time.monotonic() - shown_at > EVERY:
            shown_at = time.monotonic()
            clear_line(sys.stderr)
            sys.stderr.write(printable(f"{name}: {who}, {done} of {total}"))
            sys.stderr.flush()

    return tell


def cautions(outcomes: Sequence[Outcome]) -> list[str]:
    """What to know about the figures."""
    lost = round(sum(outcome.scores["unparsable"][0] for outcome in outcomes))
    told = [f"replies without a verdict: {lost} of {amount(len(outcomes), 'item')}, left out"]
    if len(outcomes) < FEW:
        told.append(f"only {amount(len(outcomes), 'item')}; the intervals may be too narrow")
    return told


def as_data(
    judging: Judging, told: Sequence[tuple[TaskToJudge, Sequence[Outcome]]], kin: Sequence[str]
) -> dict[str, Any]:
    """The figures for programs: shares from 0 to 1, scores from 1 to 5."""
    return {
        "judge": judging.judge.path.name,
        "judged": [model.path.name for model in judging.judged],
        "warnings": list(kin),
        "tasks": [
            {
                "task": each.task.name,
                "split": each.task.split.name,
                "items": len(outcomes),
                "figures": [
                    {"measure": f.measure, "items": f.items} | f.value._asdict()
                    for f in figures_said(outcomes)
                ],
            }
            for each, outcomes in told
        ],
    }
