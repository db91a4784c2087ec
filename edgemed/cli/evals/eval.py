"""`edgemed eval MODEL --tasks ...`: a model on published tasks, from files on this machine."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_models.engine.settings import EngineSettings

from edgemed.amounts import amount
from edgemed.cli.evals.eval_shown import as_data, cautions, differences, listed, note_on, table_of
from edgemed.cli.evals.example_options import (
    configure_shots,
    shots_of,
    shown_items,
)
from edgemed.cli.evals.task_folders import (
    data_folder,
    file_in,
    make_folder,
    refuse_tasks,
    user_folder,
)
from edgemed.cli.options.chat_template import chat_template_option
from edgemed.cli.options.models import configure_at_once, configure_loading, options_of
from edgemed.cli.options.names import names
from edgemed.cli.options.numbers import positive, seed
from edgemed.cli.terminal.printing import clear_line, print_json
from edgemed.cli.terminal.progress import minutes
from edgemed.cli.terminal.tables import show
from edgemed.errors import UsageError
from edgemed.evals.evaluate import Examinee, Tell, evaluate, examinee, refuse_early
from edgemed.evals.examining import READING, WRITING, Outcome
from edgemed.evals.figures import figures, other_outcomes, verdicts
from edgemed.evals.harness_form import ScoredTask, harness_form
from edgemed.evals.scoring import refuse_missing_libraries
from edgemed.evals.shots import shown_task
from edgemed.evals.tasks.items import Item, sampled
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import Task, read_task, task_names
from edgemed.evals.texts import refuse_other_vocabulary
from edgemed.local_models.library import find_model
from edgemed.local_models.loading import Options
from edgemed.printable import printable
from edgemed.storage.place import refuse_place
from edgemed.storage.whole import in_words, write_whole

ASKING = ("out", "limit", "against", "text", "json", "harness")
"""Options about the questions and their results."""
EVERY = 0.2  # seconds between two updates of the line of progress


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed eval`."""
    add = parser.add_argument
    add("model", nargs="?", metavar="MODEL", help="a GGUF file, or the name of one added")
    add("--list", action="store_true", help="list the tasks, and where their files come from")
    add(
        "--tasks",
        type=names,
        default=[],
        metavar="TASK,...",
        help="tasks, each as NAME or NAME:SPLIT: ifeval,medqa,mts-dialog:validation",
    )
    add(
        "--limit", type=positive, metavar="N", help="ask only N items of each task, drawn by --seed"
    )
    add("--seed", type=seed, default=0, metavar="N", help="the seed of what is drawn (default: 0)")
    add(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="the folder that holds the tasks' files (see --list)",
    )
    result_options(add)
    showing = parser.add_argument_group("examples before each question").add_argument
    configure_shots(showing)
    showing(
        "--write-shots",
        type=Path,
        metavar="FILE.jsonl",
        help="write K examples of each task's pool for `edgemed adapt`, and ask nothing",
    )
    running = parser.add_argument_group("running the model").add_argument
    chat_template_option(running)
    configure_loading(running)
    configure_at_once(running)


def result_options(add: Callable[..., Any]) -> None:
    """Where results go, and what they are compared with."""
    add(
        "-o",
        "--out",
        type=Path,
        metavar="FOLDER",
        help="the folder of results, one file per task (default: the model's own, among "
        "edgemed's data)",
    )
    add(
        "--against",
        type=Path,
        metavar="FOLDER",
        help="another model's results, to test whether the two differ on the same items; for the "
        "task divergence the other model itself, a GGUF file",
    )
    add(
        "--text", type=Path, metavar="FILE", help="the text for the tasks perplexity and divergence"
    )
    add("--json", action="store_true", help="print the figures as JSON")
    add(
        "--harness",
        type=Path,
        metavar="FILE.json",
        help="write the figures in lm-evaluation-harness's form, too",
    )


class TaskToAsk(NamedTuple):
    """A task with its items, the file of its results, another model's outcomes, if asked, and how
    many items the whole split has."""

    task: Task
    items: list[Item]
    out: Path
    theirs: list[Outcome]
    whole: int


def run(args: argparse.Namespace) -> int:
    """Refuse what cannot be done for any task, then ask, score and print task by task."""
    if args.list:
        show([listed(map(read_task, task_names()))])
        return 0
    if args.write_shots is not None:
        return write_shots(args)
    refuse_usage(args)
    path = find_model(args.model)
    folder: Path = args.out or user_folder() / "evals" / path.stem
    tasks = [with_text(read_task(name), args.text) for name in args.tasks]
    if args.shots:
        tasks = [shown_task(task, shots_of(args)) for task in tasks]
    other = parent_for(tasks, path, args.against)
    to_ask = [task_to_ask(task, folder, path, args) for task in tasks]
    refuse_missing_libraries()
    make_folder(folder)
    model = replace(examinee(path, options_of(args)), parent=other)
    settings = [refuse_early(model, s.task, s.items, s.out) for s in to_ask]
    found = [measured(model, *pair, args.json) for pair in zip(to_ask, settings, strict=True)]
    tell_together(to_ask, found, args.json)
    if args.harness is not None:
        write_harness(args.harness, path.stem, to_ask, found)
    print(f"results: {printable(str(folder))}", file=sys.stderr)
    return 0


def write_shots(args: argparse.Namespace) -> int:
    """Write the examples of every task's pool, and ask nothing."""
    from edgemed.evals.shots import rows_to_learn

    refuse_tasks(args)
    if idle := [f"--{name}" for name in ASKING if getattr(args, name)]:
        raise UsageError("--write-shots asks nothing", f"leave out {', '.join(idle)}")
    if args.model is not None:
        raise UsageError("--write-shots asks no model", f"leave out {args.model}")
    if not args.shots or args.shots_by == "likeness":
        raise UsageError(
            "--write-shots needs a number of examples, drawn at random", "give --shots K"
        )
    refuse_place(args.write_shots, replace=False)
    data: Path = args.data or data_folder()
    tasks = map(read_task, args.tasks)
    rows = [row for task in tasks for row in rows_to_learn(task, data, shots_of(args))]
    with in_words(args.write_shots):
        write_whole(args.write_shots, "".join(json.dumps(row) + "\n" for row in rows).encode())
    print(f"{amount(len(rows), 'example')}: {printable(str(args.write_shots))}", file=sys.stderr)
    return 0


def with_text(task: Task, text: Path | None) -> Task:
    """The task with the user's text as its file, if it takes one."""
    if task.loader != "text":
        return task
    if text is None:
        raise UsageError(f"the task {task.name} needs a text", "name a text file with --text")
    return replace(task, split=replace(task.split, files=(str(text.absolute()),)))


def parent_for(tasks: Sequence[Task], path: Path, against: Path | None) -> Examinee | None:
    """The other model, if one of the tasks is a divergence; `against` names it then."""
    if not any(task.kind == "diverge" for task in tasks):
        return None
    if against is None or against.is_dir():
        raise UsageError("the task divergence needs another model", "name it with --against")
    if len(tasks) > sum(task.kind in READING for task in tasks):
        raise UsageError(
            "--against names a model for divergence, and a folder of results for other tasks",
            "run divergence and perplexity on their own",
        )
    parent = find_model(str(against))
    refuse_other_vocabulary(path, parent)
    return examinee(parent, Options())


def task_to_ask(task: Task, folder: Path, path: Path, args: argparse.Namespace) -> TaskToAsk:
    """What a task needs from the disk."""
    data: Path = args.data or data_folder()
    every = load(task, data)
    items = sampled(every, task.name, args.seed, args.limit)
    if args.shots:
        items = shown_items(task, items, path, data, args)
    other = None if args.against is None or args.against.is_file() else args.against
    theirs = other_outcomes(file_in(other, task), task, items) if other else []
    return TaskToAsk(task, items, file_in(folder, task), theirs, len(every))


def tell_together(
    to_ask: Sequence[TaskToAsk], found: Sequence[list[Outcome]], as_json: bool
) -> None:
    """Print what concerns all tasks: whether two models differ; as JSON, everything."""
    pairs = list(zip(to_ask, found, strict=True))
    compared = verdicts({s.task.name: (ours, s.theirs) for s, ours in pairs if s.theirs})
    if as_json:
        every = [(s.task, figures(s.task, s.items, ours), ours) for s, ours in pairs]
        print_json(as_data(every, compared))
    elif compared:
        show([differences(compared)])
        print(note_on(compared))


def write_harness(
    out: Path, name: str, to_ask: Sequence[TaskToAsk], found: Sequence[list[Outcome]]
) -> None:
    """The figures in lm-evaluation-harness's form."""
    answered = [
        ScoredTask(s.task, outcomes, s.whole) for s, outcomes in zip(to_ask, found, strict=True)
    ]
    with in_words(out):
        write_whole(out, (json.dumps(harness_form(name, answered), indent=1) + "\n").encode())


def refuse_usage(args: argparse.Namespace) -> None:
    """UsageError unless a model is named, and what `refuse_tasks` asks for."""
    if args.model is None:
        raise UsageError("no model is named", "name a GGUF file, or use --list to see the tasks")
    refuse_tasks(args)
    if args.harness is not None:
        refuse_place(args.harness, replace=True)


def measured(
    model: Examinee, asked: TaskToAsk, settings: EngineSettings | None, as_json: bool
) -> list[Outcome]:
    """The outcomes of a task, with progress on a terminal; its figures, unless as JSON later."""
    task, items, out = asked.task, asked.items, asked.out
    together = settings is not None and task.kind in WRITING and settings.sequences > 1
    many = f", up to {settings.sequences} at once" if settings and together else ""
    print(f"{task.name}: {len(items)} items{many}", file=sys.stderr)
    try:
        outcomes = evaluate(model, task, items, out, progress(task.name, len(items)), settings)
    finally:
        clear_line(sys.stderr)
    if not as_json:
        show([table_of(task, figures(task, items, outcomes))])
        for line in cautions(task, outcomes):
            print(line)
        print()
    return outcomes


def progress(name: str, total: int) -> Tell:
    """Shows how many items are done, and how long the others may take, on a terminal only."""
    shown, first, began = 0.0, 0, time.monotonic()

    def tell(done: int) -> None:
        nonlocal shown, first, began
        now = time.monotonic()
        if not first:
            first, began = done, now
        if sys.stderr.isatty() and now - shown > EVERY:
            shown = now
            left = (now - began) / (done - first) * (total - done) if done > first else 0
            clear_line(sys.stderr)
            more = f" ({minutes(left)} to go)" if left else ""
            sys.stderr.write(f"{name}: {done} of {total}{more}")
            sys.stderr.flush()

    return tell
