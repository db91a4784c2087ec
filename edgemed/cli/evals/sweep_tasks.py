"""`edgemed sweep A B --tasks ...`: t chosen on published tasks, reported on their test splits."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edgemed.adapters.naming import Use, model_file
from edgemed.amounts import amount
from edgemed.cli.evals.example_options import refuse_shots, shots_of, shown_items
from edgemed.cli.evals.sweep_shown import Narrator, command_for, shown
from edgemed.cli.evals.sweep_tasks_shown import (
    beside_table,
    choice_table,
    on_choice,
    on_surprise,
    on_test,
    test_table,
)
from edgemed.cli.options.models import options_of
from edgemed.cli.terminal.printing import print_json
from edgemed.cli.terminal.tables import show
from edgemed.errors import EdgemedError, UsageError
from edgemed.evals.scoring import refuse_missing_libraries
from edgemed.evals.shots import shown_task
from edgemed.evals.sweep_file import sweeps_folder
from edgemed.evals.sweeping.budget import Clock
from edgemed.evals.sweeping.page import page
from edgemed.evals.sweeping.point import ByRecipe, refuse_same_names, row_of
from edgemed.evals.sweeping.report import as_data, in_harness_form, retained
from edgemed.evals.sweeping.search import require as require_search
from edgemed.evals.sweeping.sweep import Way
from edgemed.evals.sweeping.task_rounds import sweep_tasks
from edgemed.evals.sweeping.task_sweep import (
    ENDS,
    Swept,
    SweptTask,
    TaskSweep,
    curve_rows,
    development_of,
    refuse_axes,
)
from edgemed.evals.tasks.items import Item, sampled
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import Task, read_task, task_names
from edgemed.gguf import open_model
from edgemed.merging.recipe.writing import recipe_yaml
from edgemed.merging.report.report_file import refuse_name
from edgemed.printable import printable
from edgemed.storage.whole import in_words, private_folder, write_whole

REPEATED = (
    *("data", "limit", "seed", "method", "out_type", "tokenizer_from", "shots", "shots_by"),
    *("shots_pool", "control", "search", "keep_text", "threads", "context", "gpu_layers"),
    *("kv_type", "batch", "at_once", "chat_template"),
)
SEVERAL = ("beside", "among", "adapter")
FLAGS = ("force_knowledge", "force_broken", "no_repack")
"""Options that the command to repeat a sweep must name: with one value, with several, with none."""
TEMPLATE = "tokenizer.chat_template"
READ_ONLY = ("read", "diverge")


def run_tasks(args: argparse.Namespace, way: Way, name: str) -> int:
    """Refuse early, sweep, print what was found even if the work ends with an error."""
    import json
    from dataclasses import replace

    plan, clock = plan_of(args, way, name), Clock(args.budget)
    plan = replace(plan, options=replace(options_of(args), chat_template=None))
    if args.report is not None:
        refuse_name(args.report)
    narrator = Narrator(0)
    swept = Swept()
    try:
        for swept in sweep_tasks(plan, clock, narrator):
            narrator.note(line_on(swept))
    except EdgemedError:
        narrator.clear()
        if swept.rounds and not args.json:
            show([choice_table(plan, swept)])
        raise
    finally:
        narrator.clear()
    made = command_to_make(plan, swept)
    data = as_data(plan, swept, clock, made)
    as_text = json.dumps(data, indent=1) + "\n"
    keep(plan.folder / "sweep.json", as_text)
    keep_curve(plan, swept, name)
    for point, told in in_harness_form(plan, swept):
        keep(plan.folder / f"results-{point}.json", json.dumps(told, indent=1) + "\n")
    if args.report is not None:
        is_page = args.report.suffix.lower() == ".html"
        again = shown(sys.argv[:1] + command_again(args))
        keep(args.report, page(data, again, swept.examples) if is_page else as_text)
    if args.json:
        print_json(data)
    else:
        tell(plan, swept, made)
    print(f"results: {printable(str(plan.folder))}", file=sys.stderr)
    return 0


def command_to_make(plan: TaskSweep, swept: Swept) -> str:
    """The command that makes the chosen merge; its recipe is written if it has no single t."""
    if swept.choice is None:
        return ""
    point = swept.choice.point
    if not isinstance(point, ByRecipe):
        return shown(command_for(plan.way, point))
    path = plan.folder / "recipe.yml"
    keep(path, recipe_yaml(point.recipe))
    return shown(["edgemed", "merge", str(path), "-o", "merged.gguf"])


def tell(plan: TaskSweep, swept: Swept, made: str) -> None:
    """Print the tables and what they mean."""
    for line in on_surprise(plan, swept):
        print(line)
    if swept.rounds:
        show([choice_table(plan, swept)])
    for line in on_choice(plan, swept):
        print(line)
    rows = retained(plan, swept)
    if rows:
        show([test_table(rows)])
    if others := beside_table(plan, swept):
        show([others])
    for line in on_test(plan, swept, rows):
        print(line)
    if made:
        print(f"to make it: {made}")


def line_on(swept: Swept) -> str:
    """How far the sweep is."""
    if swept.tests:
        return "test: done"
    if not swept.rounds:
        return "parents: " + ("checked" if swept.surprise else "known")
    last = swept.rounds[-1]
    items = ", ".join(f"{count} of {name}" for name, count in last.items.items())
    return f"round {len(swept.rounds)}: {amount(len(last.points), 'point')}, {items}"


def plan_of(args: argparse.Namespace, way: Way, name: str) -> TaskSweep:
    """What is to be done, with the items of every task."""
    tasks = [read_task(word) for word in args.tasks]
    refuse_odd(args, tasks)
    sections = sections_of(args, tasks, way)
    folder: Path = args.out or sweeps_folder().parent / "evals" / "sweeps" / name
    rows, among = tuple(map(row_of, args.beside)), tuple(map(row_of, args.among))
    refuse_same_names([*rows, *among])
    return TaskSweep(
        way,
        tuple(sorted(set(args.t))),
        sections,
        options_of(args),
        folder,
        args.limit,
        args.seed,
        force_broken=args.force_broken,
        beside=rows,
        control=args.control,
        among=among,
        search=args.search or 0,
        examples=args.keep_text or 0,
    )


def refuse_odd(args: argparse.Namespace, tasks: Sequence[Task]) -> None:
    """UsageError for tasks or options that make no sweep; EdgemedError for a missing library."""
    if any(task.kind in READ_ONLY for task in tasks):
        raise UsageError("a sweep takes tasks with answers", f"one of {', '.join(task_names())}")
    if any(":" in word for word in args.tasks):
        raise UsageError(
            "a sweep takes each task's own splits", "name the task without a split: mts-dialog"
        )
    refuse_axes(tasks, args.force_knowledge)
    refuse_shots(args)
    if args.search:
        require_search()
    if not set(ENDS) <= set(args.t) or len(set(args.t)) + len(args.among) < 3:
        raise UsageError(
            "a sweep on tasks needs t = 0, t = 1 and one between, or a recipe",
            "give them, such as --t 0 0.5 1",
        )
    refuse_missing_libraries()
    if args.keep_text and (args.report is None or args.report.suffix.lower() != ".html"):
        raise UsageError("--keep-text is for a .html page", "name one, such as --report sweep.html")


def sections_of(args: argparse.Namespace, tasks: Sequence[Task], way: Way) -> list[SweptTask]:
    """Every task with the items of its splits."""
    data = args.data or sweeps_folder().parent / "tasks"
    sections = []
    for task in tasks:
        early = development_of(task)
        asked, items = asked_items(args, task, data, way)
        chosen, some = asked_items(args, early, data, way) if early else (None, [])
        sections.append(SweptTask(asked, items, chosen, some))
    return sections


def asked_items(
    args: argparse.Namespace, task: Task, data: Path, way: Way
) -> tuple[Task, list[Item]]:
    """A task and its items, each with as many of the requested examples as fit."""
    items = sampled(load(task, data), task.name, args.seed, args.limit)
    if not args.shots:
        return task, items
    shown = shown_task(task, shots_of(args))
    return shown, shown_items(shown, items, counting_model(way), data, args)


def counting_model(way: Way) -> Path:
    """The parent that counts tokens: the one whose vocabulary the merges have, or the other if that
    one has no chat template."""
    parents = (way.b, way.a) if way.changes.get("tokenizer") == "B" else (way.a, way.b)
    paths = [path for path in map(model_file, parents) if path.suffix.lower() == ".gguf"]
    if not paths:
        raise UsageError("--shots needs a GGUF file to count tokens with", "convert a parent")
    templates = (path for path in paths if TEMPLATE in open_model(path).metadata)
    return next(templates, paths[0])


def keep(path: Path, text: str) -> None:
    """Write a file of the sweep, whole."""
    with in_words(path):
        write_whole(path, text.encode())


def keep_curve(plan: TaskSweep, swept: Swept, name: str) -> None:
    """The points of the last round among the sweeps that the screen draws."""
    import json

    rows = curve_rows(plan, swept)
    out = sweeps_folder() / f"{name}.tasks.jsonl"
    if rows:
        with suppress(OSError):  # the next line reports that it is missing
            private_folder(out.parent)
        keep(out, "".join(json.dumps(row) + "\n" for row in rows))


def command_again(args: argparse.Namespace) -> list[str]:
    """The words that repeat this sweep."""
    words = ["sweep", *map(str, args.models), "--tasks", ",".join(args.tasks)]
    for option in REPEATED:
        value = getattr(args, option)
        if value is not None:
            words += [f"--{option.replace('_', '-')}", str(value)]
    for option in SEVERAL:
        for value in getattr(args, option):
            text = f"{value.path}{value.suffix}" if isinstance(value, Use) else value
            words += [f"--{option}", text]
    words += [f"--{flag.replace('_', '-')}" for flag in FLAGS if getattr(args, flag)]
    words += ["--t", *(f"{t:g}" for t in sorted(set(args.t)))]
    return words + ([f"--budget={args.budget:g}"] if args.budget else [])
