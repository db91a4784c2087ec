"""`edgemed sweep A B --cases FILE`: merges along t, each one asked cases of the user's own."""

import argparse
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgemed.cli.merge_options import read_template
from edgemed.cli.model_options import configure_loading, options_of, positive
from edgemed.cli.sweep_shown import Narrator, cautions, table_of, verdict
from edgemed.cli.tables import show
from edgemed.errors import EdgemedError, UsageError
from edgemed.evals.cases import read_cases
from edgemed.evals.scores import Examined
from edgemed.evals.sweep import Exam, Way, sweep
from edgemed.evals.sweep_file import sweeps_folder
from edgemed.merging.plan.out_types import type_word
from edgemed.printable import printable
from edgemed.storage.place import refuse_place
from edgemed.storage.whole import private_folder

TENTHS = tuple(round(0.1 * n, 1) for n in range(11))
METHODS = ("linear", "slerp")
LIKE_A = "like-a"


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed sweep`."""
    add = parser.add_argument
    add("models", nargs=2, type=Path, metavar="MODEL", help="the models at t = 0 and at t = 1")
    add(
        "--cases",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="prompts, each with what its answer must hold: README, Sweeps",
    )
    add("-o", "--out", type=Path, help="the file of scores (default: in the data folder's sweeps)")
    add(
        "--t",
        nargs="+",
        type=share,
        default=TENTHS,
        metavar="T",
        help="values to try (default: 0, 0.1, ... 1)",
    )
    add("--method", choices=METHODS, default=METHODS[0], help="linear (default) or slerp")
    add("--out-type", metavar="TYPE", help="of the merges: like-a (default), Q6_K, Q4_K_M, ...")
    add("--tokenizer-from", metavar="MODEL", help="whose vocabulary and chat template: A or B")
    add("--chat-template", type=Path, metavar="FILE", help="a template to put into the merges")
    add(
        "--max-tokens",
        type=positive,
        default=256,
        metavar="N",
        help="the longest answer, in tokens (256)",
    )
    configure_loading(parser.add_argument_group("how they are run").add_argument)


def share(text: str) -> float:
    """A number from 0 to 1 of four decimals at most, for argparse."""
    number = float(text)
    if not 0 <= number <= 1 or round(number, 4) != number:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1 with four decimals at most")
    return number + 0.0  # -0.0 is 0


def run(args: argparse.Namespace) -> int:
    """Ask every point, then say which t is best and what it keeps."""
    cases, way, out = read_cases(args.cases), way_of(args), out_of(args)
    exam = Exam(cases, args.max_tokens, replace(options_of(args), chat_template=None))
    ts = sorted(set(args.t))
    narrator = Narrator(len(ts))
    found: list[Examined] = []
    try:
        for point in sweep(way, ts, exam, out, narrator):
            found.append(narrator.told(point))
    except EdgemedError:
        if found:
            show([table_of(found)])  # what was measured is shown, whatever broke after it
        raise
    finally:
        narrator.clear()
    show([table_of(found)])
    for line in (*verdict(found, way), *cautions(found, args.max_tokens)):
        print(line)
    print(f"scores: {printable(str(out))}", file=sys.stderr)
    return 0


def way_of(args: argparse.Namespace) -> Way:
    """From which model to which, and how."""
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


def out_of(args: argparse.Namespace) -> Path:
    """The file of scores."""
    a, b = args.models
    out: Path = args.out or sweeps_folder() / f"{a.stem}-{b.stem}.jsonl"
    if out.suffix != ".jsonl":
        raise UsageError(f"{out} does not end in .jsonl", "scores are one JSON object a line")
    if args.out is None:
        with suppress(OSError):  # the next line says that it is not there
            private_folder(out.parent)
    refuse_place(out, replace=True)
    return out
