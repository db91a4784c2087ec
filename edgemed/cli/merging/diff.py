"""`edgemed diff A B`: how two models differ, and how much of that a merge would keep."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgemed_native.codecs import CODECS

from edgemed.adapters.naming import model_file, parent_of
from edgemed.cli.merging.plans import progress_report
from edgemed.cli.options.numbers import finite
from edgemed.cli.options.threads import threads_option
from edgemed.cli.terminal.printing import print_json
from edgemed.cli.terminal.tables import show
from edgemed.gguf import Model, printable
from edgemed.merging.parents.opening import open_parents
from edgemed.merging.plan.plan import Target, decide
from edgemed.merging.recipe.recipe import between
from edgemed.merging.report import report
from edgemed.merging.report.report_file import refuse_name, write_report
from edgemed.merging.report.survey import TensorFigures, survey
from edgemed.tables import Table


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed diff`."""
    add = parser.add_argument
    help = (
        "a GGUF file or a checkpoint's folder, or one with a LoRA adapter: MODEL+ADAPTER[:strength]"
    )
    add("a", type=parent_of, metavar="A", help=help)
    add("b", type=parent_of, metavar="B", help="another model of the same architecture")
    add(
        "--t",
        type=finite,
        default=0.5,
        metavar="T",
        help="the t of the merge to measure, 0 to 1 (default: 0.5)",
    )
    add(
        "--out-type",
        metavar="TYPE",
        default="like-a",
        help="the types of the merge to measure (default: like A's)",
    )
    add("--report", type=Path, metavar="FILE", help="also write a .html page with plots, or .json")
    threads_option(add)
    add("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """Measure a merge without writing it, and print the figures."""
    if args.report:
        refuse_name(args.report)
    models = open_parents([args.a, args.b])
    recipe = replace(
        between(args.a, args.b, args.t), out_type=writable(args.out_type, models[0]), tokenizer="A"
    )
    out = model_file(args.a).resolve().with_name(f"{args.a.name} and {args.b.name}")
    plan = decide(recipe, Target(out, args.threads))
    with progress_report(plan.weights) as say:
        measures = survey(plan, finished=False, on_progress=say)
    title = f"{args.a.name} and {args.b.name}, a linear merge at t = {args.t:g}"
    keys = other_keys(*models)
    if args.report:
        write_report(args.report, title, measures)
    if args.json:
        print_json(report.as_json(title, measures) | {"metadata": keys})
    else:
        print_report(measures)
        if keys:
            print(f"Metadata that differ: {', '.join(map(printable, keys))}")
    return 0


def print_report(measures: Sequence[TensorFigures]) -> None:
    """The table on stdout, then the summary in words."""
    titles = ("tensor", "how", "types", *(f">{c.title}" for c in report.COLUMNS))
    show([Table(titles, [report.cells(m) for m in measures])])
    print()
    for line in report.summary(measures):
        print(line)


def writable(out_type: str, a: Model) -> str:
    """F32 instead of like-a, where A has a type that cannot be written: then there is no
    rounding."""
    unknown = any(CODECS[t.type.name].encoder is None for t in a.tensors.values())
    return "F32" if out_type == "like-a" and unknown else out_type


def other_keys(a: Model, b: Model) -> list[str]:
    """The metadata keys whose values differ."""
    ours, theirs = ({k: m.metadata.raw(k) for k in m.metadata} for m in (a, b))
    return [k for k in dict.fromkeys([*ours, *theirs]) if ours.get(k) != theirs.get(k)]
