"""`edgemed sweep A B --cases FILE`: merges at several t, each one asked the user's own cases.

With --tasks in place of --cases they are asked published tasks (see sweep_tasks).
"""

import argparse
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgemed.adapters.naming import Parent, parent_of
from edgemed.cli.evals.example_options import configure_shots
from edgemed.cli.evals.sweep_shown import Narrator, cautions, table_of, verdict
from edgemed.cli.merging.options import read_template
from edgemed.cli.options.models import configure_at_once, configure_loading, options_of
from edgemed.cli.options.names import names
from edgemed.cli.options.numbers import positive, seed
from edgemed.cli.terminal.tables import show
from edgemed.errors import EdgemedError, UsageError
from edgemed.evals.cases import read_cases
from edgemed.evals.sweep_file import sweeps_folder
from edgemed.evals.sweeping.budget import seconds_of
from edgemed.evals.sweeping.scores import Examined
from edgemed.evals.sweeping.search import MERGES
from edgemed.evals.sweeping.sweep import Exam, Way, sweep
from edgemed.merging.recipe.recipe import type_word
from edgemed.printable import printable
from edgemed.storage.place import refuse_place
from edgemed.storage.whole import private_folder

TENTHS = tuple(round(0.1 * n, 1) for n in range(11))
METHODS = ("linear", "slerp")
LONGEST = 256  # tokens of an answer to a case
LIKE_A = "like-a"
FOR_TASKS = (
    *("data", "limit", "budget", "report", "keep_text", "json", "beside", "among", "search"),
    *("control", "force_knowledge", "force_broken", "shots", "shots_by", "shots_pool"),
)
"""Options that do nothing without --tasks."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed sweep`."""
    add = parser.add_argument
    add("models", nargs=2, type=parent_of, metavar="MODEL", help="the models at t = 0 and at t = 1")
    add(
        "--cases",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="prompts and what to expect of each answer, one JSON object per line: "
        '{"axis": "NAME", "prompt": "...", "expect": {"facts": ["..."]}}',
    )
    add(
        "-o",
        "--out",
        type=Path,
        help="the file of scores (default: in the folder of sweeps); with --tasks a folder",
    )
    merge_options(add)
    add(
        "--max-tokens",
        type=positive,
        metavar="N",
        help=f"with --cases: the longest answer, in tokens (default: {LONGEST})",
    )
    configure_tasks(parser.add_argument_group("on published tasks").add_argument)
    configure_shots(parser.add_argument_group("examples before each question").add_argument)
    running = parser.add_argument_group("running the models").add_argument
    configure_loading(running)
    configure_at_once(running)


def merge_options(add: Callable[..., Any]) -> None:
    """Which merges are made."""
    add(
        "--t",
        nargs="+",
        type=share,
        default=TENTHS,
        metavar="T",
        help="the values of t to try (default: 0, 0.1, ... 1)",
    )
    add(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        metavar="NAME",
        help="how the models are merged: linear (default) or slerp",
    )
    add(
        "--out-type",
        metavar="TYPE",
        help="types of the merged files: like-a (default), Q6_K, Q4_K_M, ...",
    )
    add(
        "--tokenizer-from",
        metavar="MODEL",
        help="the model whose vocabulary and chat template are used: A or B",
    )
    add(
        "--chat-template",
        type=Path,
        metavar="FILE",
        help="a chat template to put into the merged files",
    )


def configure_tasks(add: Callable[..., Any]) -> None:
    """The options of a sweep on tasks."""
    add(
        "--tasks",
        type=names,
        metavar="TASK,...",
        help="published tasks in place of cases, such as mts-dialog,ifeval",
    )
    add(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="the folder that holds the tasks' files (see `edgemed eval --list`)",
    )
    add(
        "--limit",
        type=positive,
        metavar="N",
        help="ask only N items of each split, drawn by --seed",
    )
    add("--seed", type=seed, default=0, metavar="N", help="the seed of what is drawn (default: 0)")
    add(
        "--budget",
        type=duration,
        metavar="TIME",
        help="the time it may take, such as 2h or 90m: after each round the worse half of the "
        "merges is dropped",
    )
    configure_told(add)
    configure_beside(add)


def configure_told(add: Callable[..., Any]) -> None:
    """What is said of the tasks' figures, and where."""
    add(
        "--report",
        type=Path,
        metavar="FILE",
        help="also write a report: a .html page, or .json",
    )
    add(
        "--keep-text",
        type=positive,
        metavar="N",
        help="show N items of each task in the .html page, with question, reference and answers",
    )
    add("--json", action="store_true", help="print the figures as JSON")


def configure_beside(add: Callable[..., Any]) -> None:
    """What else is tested on the tasks, and what may be chosen."""
    add(
        "--beside",
        action="append",
        default=[],
        metavar="RECIPE|MODEL",
        help="test this too: a merge by its recipe (any method), or MODEL[+ADAPTER]; repeatable",
    )
    add(
        "--among",
        action="append",
        default=[],
        metavar="RECIPE|MODEL",
        help="choose among this too: a merge by its recipe (any method), or MODEL[+ADAPTER]; "
        "repeatable",
    )
    add(
        "--search",
        type=positive,
        nargs="?",
        const=MERGES,
        metavar="MERGES",
        help="then search a t for attention, feed-forward and the rest, by depth, with so many "
        f"merges (default: {MERGES})",
    )
    add(
        "--control",
        type=seed,
        metavar="SEED",
        help="test a change by chance too, as large as that of the chosen merge",
    )
    add(
        "--force-knowledge",
        action="store_true",
        help="choose t even without a clinical and an instruction task",
    )
    add("--force-broken", action="store_true", help="go on even if a parent seems broken")


def duration(text: str) -> float:
    """Seconds, for argparse."""
    try:
        return seconds_of(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a time such as 2h, 90m or 1h30m") from None


def share(text: str) -> float:
    """A number from 0 to 1 with at most four decimals, for argparse."""
    number = float(text)
    if not 0 <= number <= 1 or round(number, 4) != number:
        raise argparse.ArgumentTypeError(
            f"{text} is not a number from 0 to 1 with at most four decimals"
        )
    return number + 0.0  # -0.0 is 0


def run(args: argparse.Namespace) -> int:
    """Measure every point, then print the best t and what it keeps."""
    if (args.cases is None) == (args.tasks is None):
        raise UsageError("a sweep needs cases or tasks", "give one of --cases and --tasks")
    if args.tasks is not None:
        from edgemed.cli.evals.sweep_tasks import run_tasks

        if args.max_tokens is not None:
            raise UsageError(
                "--max-tokens is for --cases: each task has a longest answer of its own",
                "leave it out",
            )

        a, b = args.models
        return run_tasks(args, way_of(args), f"{short(a)}-{short(b)}")
    refuse_task_options(args)
    cases, way, out = read_cases(args.cases), way_of(args), out_of(args)
    most = args.max_tokens or LONGEST
    exam = Exam(cases, most, replace(options_of(args), chat_template=None))
    ts = sorted(set(args.t))
    narrator = Narrator(len(ts))
    found: list[Examined] = []
    try:
        for point in sweep(way, ts, exam, out, narrator):
            found.append(narrator.told(point))
    except EdgemedError:
        if found:
            show([table_of(found)])  # show what was measured before the error
        raise
    finally:
        narrator.clear()
    show([table_of(found)])
    for line in (*verdict(found, way), *cautions(found, most)):
        print(line)
    print(f"scores: {printable(str(out))}", file=sys.stderr)
    return 0


def refuse_task_options(args: argparse.Namespace) -> None:
    """UsageError for an option that would do nothing without --tasks."""
    for option in FOR_TASKS:
        given = getattr(args, option)
        if given or (given is not None and option == "control"):  # its seed may be 0
            raise UsageError(f"--{option.replace('_', '-')} is for --tasks", "leave it out")


def way_of(args: argparse.Namespace) -> Way:
    """The two models, the method, and the options of the merges."""
    changes: dict[str, Any] = {}
    options: dict[str, str] = {}
    if args.out_type not in (None, LIKE_A):
        changes["out_type"] = options["--out-type"] = type_word(args.out_type)
    if args.tokenizer_from is not None:
        changes["tokenizer"] = options["--tokenizer-from"] = args.tokenizer_from
    if args.chat_template is not None:
        changes["chat_template"] = read_template(args.chat_template)
        options["--chat-template"] = str(args.chat_template)
    a, b = args.models
    return Way(a, b, args.method, changes, options)


def short(parent: Parent) -> str:
    """A parent's name as a part of a file's name."""
    name = parent.resolve().name if isinstance(parent, Path) else parent.name
    return re.sub(r"\.gguf(?=$|\+|:)", "", name, flags=re.IGNORECASE).replace(":", "-")


def out_of(args: argparse.Namespace) -> Path:
    """The file of scores."""
    a, b = args.models
    out: Path = args.out or sweeps_folder() / f"{short(a)}-{short(b)}.jsonl"
    if out.suffix != ".jsonl":
        raise UsageError(f"{out} does not end in .jsonl", "give the file of scores that ending")
    if args.out is None:
        with suppress(OSError):  # the next line reports that it is missing
            private_folder(out.parent)
    refuse_place(out, replace=True)
    return out
