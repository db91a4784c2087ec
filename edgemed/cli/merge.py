"""`edgemed merge A B --t T -o OUT`: plan, show or run it, with a progress bar on a terminal."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from edgemed.adapters.naming import parent_of
from edgemed.cli.load_check import load_check_option
from edgemed.cli.progress import progress_bar
from edgemed.errors import UsageError
from edgemed.local_models.process_memory import resident_bytes
from edgemed.merging.methods.table import METHODS
from edgemed.merging.plan.out_types import type_word
from edgemed.merging.plan.plan import Plan, plan_merge
from edgemed.merging.recipe.chat_templates import FORMATS
from edgemed.merging.recipe.presets import PRESETS
from edgemed.merging.recipe.recipe import Recipe, between, weighted
from edgemed.merging.recipe.recipe_file import is_recipe, parse_settings, read_recipe
from edgemed.merging.run import estimate
from edgemed.merging.run.journal import can_go_on
from edgemed.merging.run.run import (
    Meter,
    Progress,
    Report,
    Result,
    compile_kernels,
    run_plan,
    usable_cores,
)
from edgemed.printable import printable
from edgemed.storage.bounded import read_bounded
from edgemed.storage.output import journal_of
from edgemed.storage.sizes import parse_size, show_size


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed merge`."""
    add = parser.add_argument
    add(
        "models",
        nargs="+",
        type=parent_of,
        metavar="MODEL",
        help="two models (t = 0 and t = 1), or as many as the method takes, or one recipe.yml; "
        "MODEL.gguf+ADAPTER[:strength] is a model with a LoRA adapter",
    )
    add("-o", "--out", type=Path, required=True, help="the file to write")
    recipe_options(parser.add_argument_group("recipe"))
    output_options(parser.add_argument_group("output"))
    add("--threads", type=int, default=usable_cores(), metavar="N", help="default: all cores")
    add(
        "--max-ram",
        metavar="SIZE",
        help="cap on the buffers, such as 500M (default: about 10 MiB a thread)",
    )
    add("--report", type=Path, metavar="FILE", help="measure the result: a .html page, or .json")
    add(
        "--intermediate-dir",
        type=Path,
        metavar="DIR",
        help="where outputs with a name go, of a file with several recipes",
    )
    add("--dry-run", action="store_true", help="print every step and stop")
    add("--force", action="store_true", help="replace the output if it exists")
    add(
        "--resume",
        action="store_true",
        help="keep what is done if this attempt stops, and go on with what an earlier one with "
        "--resume wrote; reads every byte of the inputs first, to see that they are the same",
    )
    load_check_option(parser)


def recipe_options(group: Any) -> None:
    """What is mixed, and how."""
    add = group.add_argument
    add("--t", type=float, help="how far to go from the first model to the second, 0 to 1")
    add("--method", choices=list(METHODS), metavar="NAME", help=f"one of {', '.join(METHODS)}")
    add("--base", type=parent_of, metavar="MODEL", help="the common base of the models")
    add("--weight", type=float, nargs="+", metavar="W", help="one for every model but the base")
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the method, such as density=0.5 or t=[0,0.5,1]; repeatable",
    )
    add("--preset", choices=list(PRESETS), help="a recipe with a name")
    add("--seed", type=int, help="of random masks (default 0)")


def output_options(group: Any) -> None:
    """Types, vocabulary and template of the output."""
    add = group.add_argument
    add("--out-type", metavar="TYPE", help="like-a (default), like-b, max, Q6_K, Q4_K_M, ...")
    add(
        "--type",
        action="append",
        default=[],
        metavar="PART=TYPE",
        help="the type of tensors whose name has this part, or of a group; repeatable",
    )
    add(
        "--no-fallback",
        action="store_true",
        help="refuse (exit 3) a type that some rows do not fit, rather than take another for them",
    )
    add(
        "--imatrix",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an importance matrix of llama-imatrix for the output; several are combined",
    )
    add("--split-max-size", metavar="SIZE", help="several files, none larger, such as 2G")
    add(
        "--tokenizer-from",
        metavar="MODEL",
        help="whose vocabulary, chat template and turn tokens the output has: A, B, ... for the "
        "first, the second, ..., a path, base or union",
    )
    add(
        "--chat-template",
        metavar="FILE",
        help=f"a template to put into the output: a file, or one of {', '.join(FORMATS)}",
    )


def run(args: argparse.Namespace) -> int:
    """Plan, then print the plan or carry it out."""
    if args.report:
        from edgemed.cli.reports import refuse_name

        refuse_name(args.report)
    if is_recipe(args.models[0]):
        from edgemed.cli import merge_stages

        stages = merge_stages.stages_of(args)
        if len(stages) > 1:
            return merge_stages.run(args, stages)
    return carry_out(args, planned(args, recipe_of(args), args.out))


def planned(args: argparse.Namespace, recipe: Recipe, out: Path, replace: bool = False) -> Plan:
    """The plan of one recipe, under the limits that were given; only the last output is split."""
    max_ram = parse_size(args.max_ram) if args.max_ram else None
    split = args.split_max_size if out == args.out else None
    threads, fallback = max(1, args.threads), not args.no_fallback
    size = parse_size(split) if split else None
    return plan_merge(recipe, out, threads, max_ram, args.force or replace, size, fallback)


def carry_out(args: argparse.Namespace, plan: Plan) -> int:
    """Print a plan, or run it and say what came of it."""
    if args.dry_run:
        print_plan(plan)
        return 0
    for note in plan.notes:
        print(printable(note), file=sys.stderr)
    for line in begun_before(plan.out, args.resume):
        print(printable(line), file=sys.stderr)
    with progress_report(plan.weights) as report:
        result = run_plan(plan, report, args.resume, args.load_check)
    print_result(result)
    if args.report and plan.out == args.out:
        measure(plan, args.report)
    return 0


def begun_before(out: Path, resume: bool) -> Iterator[str]:
    """What becomes of an earlier attempt, and why a resumable merge begins with reading."""
    if can_go_on(out) and not resume:
        yield "an unfinished merge is begun anew; --resume would go on with it"
    elif resume and journal_of(out).is_file() and not can_go_on(out):
        yield "the unfinished merge was made without --resume, so it is begun anew"
    if resume:
        yield "reading every byte of the inputs first, to know them again"


def measure(plan: Plan, path: Path) -> None:
    """Hold the finished output against its parents, write the report, print its words."""
    from edgemed.cli.reports import write_report
    from edgemed.merging.report.report import summary
    from edgemed.merging.report.survey import survey

    with progress_report(plan.weights) as say:
        measures = survey(plan, finished=True, report=say)
    write_report(path, f"{plan.out.name}, merged by {plan.recipe.method}", measures)
    for line in summary(measures):
        print(line, file=sys.stderr)


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The recipe that the command line asks for."""
    return changed(args, asked_for(args))


def changed(args: argparse.Namespace, recipe: Recipe) -> Recipe:
    """A recipe, with what the command line says of the output instead of what it says itself."""
    changes: dict[str, Any] = {}
    if args.out_type is not None:
        changes["out_type"] = type_word(args.out_type)
    if args.type:
        parts = (pair(text) for text in args.type)
        changes["types"] = tuple((part, type_word(word)) for part, word in parts)
    if args.imatrix:
        changes["imatrix"] = tuple(args.imatrix)
    if args.seed is not None:
        changes["seed"] = args.seed
    if args.tokenizer_from is not None:
        changes["tokenizer"] = args.tokenizer_from
    if args.chat_template is not None:
        changes["chat_template"] = read_template(args.chat_template)
    return replace(recipe, **changes)


def read_template(given: str | Path) -> str:
    """The text of a template file; where there is none, the format of that name."""
    word = str(given)
    if word in FORMATS and not Path(word).exists():
        return FORMATS[word].template
    try:
        return read_bounded(Path(word), "chat template").decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read the chat template {word}",
            f"name a text file, or one of {', '.join(FORMATS)}",
        ) from error


def asked_for(args: argparse.Namespace) -> Recipe:
    """From a file, a preset, t alone, or a method with its parameters."""
    if is_recipe(args.models[0]):
        refuse_beside_recipe(args)
        return read_recipe(args.models[0])
    if args.preset:
        refuse(args, "a preset says how to merge", "t", "method", "base", "weight", "set")
        return PRESETS[args.preset](args.models)
    settings = parse_settings([pair(text) for text in args.set])
    if args.t is not None and len(args.models) == 2 and args.base is None and not settings:
        refuse(args, "two models are mixed by --t", "weight")
        a, b = args.models
        return between(a, b, args.t, args.method or "linear")
    if args.t is not None:
        settings["t"] = args.t
    return weighted(args.models, args.method or "linear", args.base, args.weight, settings)


def refuse_beside_recipe(args: argparse.Namespace) -> None:
    """A recipe file names its models and says how they are merged."""
    options = ("t", "method", "base", "weight", "set", "preset")
    refuse(args, "a recipe file says how to merge", *options)
    if len(args.models) > 1:
        raise UsageError("a recipe file names its models", "give the recipe alone")


def refuse(args: argparse.Namespace, why: str, *options: str) -> None:
    """UsageError if one of these options was given as well."""
    for option in options:
        if getattr(args, option) not in (None, []):
            raise UsageError(f"{why}: --{option} has no place beside it", f"leave out --{option}")


def pair(text: str) -> tuple[str, str]:
    """`name=value` as two words."""
    name, found, value = text.partition("=")
    if not (name and found and value):
        raise UsageError(f"{text!r} is not NAME=VALUE", "put one = between name and value")
    return name, value


def print_plan(plan: Plan) -> None:
    """One line a tensor on stdout, then what the whole will take."""
    for step in plan.steps:
        types = " + ".join(source.type.name for source in step.sources)
        shape = " x ".join(str(n) for n in step.sources[0].shape)
        how = f"{step.action} ({step.method})" if step.action == "blend" else step.action
        print(
            f"{how:16} {printable(step.name):32} {shape:>16}  "
            f"{types} -> {step.type.name}  {step.nbytes:,} bytes  "
            f"{estimate.chunks(plan, step)} chunk(s)"
            f"{'  columns weighed' if step.importances is not None else ''}"
        )
    actions = Counter(step.action for step in plan.steps)
    print(", ".join(f"{n} to {action}" for action, n in actions.items()))
    for path, sha256 in zip(plan.recipe.imatrix, plan.imatrix, strict=True):
        weighed = sum(step.importances is not None for step in plan.steps)
        name = printable(path.name)
        print(f"importance matrix: {name}, sha256 {sha256}, {weighed} tensors weighed")
    total, shards = plan.placement.total_bytes, plan.placement.shards
    files = f" in {len(shards)} files" if len(shards) > 1 else ""
    print(f"output: {total:,} bytes ({show_size(total)}){files}")
    print(f"buffers: {show_size(plan.buffers.nbytes)} for {plan.buffers.threads} threads")
    with progress_report(plan.weights) as report:
        compile_kernels(plan, Meter(plan.weights, report))
    print(
        f"memory: about {show_size(resident_bytes() + plan.buffers.nbytes)} at most, "
        "this process and its buffers"
    )
    print(
        f"time: about {estimate.seconds(plan):,.1f} s of computing, from rates measured just now; "
        "a slow disk takes longer"
    )
    for note in plan.notes:
        print(printable(note))


def print_result(result: Result) -> None:
    """What was written and how fast, on stderr."""
    rate = result.weights / max(result.seconds, 1e-9) / 1e6
    print(
        f"{printable(str(result.out))}: {show_size(result.nbytes)}, "
        f"{result.weights / 1e6:,.1f} M weights in "
        f"{result.seconds:.1f} s ({rate:,.0f} M/s), synced in {result.sync_seconds:.1f} s",
        file=sys.stderr,
    )
    for line in fact_lines(result):
        print(line, file=sys.stderr)
    if result.rows_kept:
        print(
            f"{result.rows_kept:,} rows are the same in both models and kept as they are",
            file=sys.stderr,
        )


def fact_lines(result: Result) -> Iterator[str]:
    """What the method found, over all tensors: least, median, most."""
    names = dict.fromkeys(name for facts in result.facts.values() for name in facts)
    for name in names:
        found = [facts[name] for facts in result.facts.values() if name in facts]
        yield (
            f"{name}: median {median(found):.3g}, from {min(found):.3g} to {max(found):.3g} "
            f"({len(found)} tensors)"
        )


@contextmanager
def progress_report(total: int) -> Iterator[Report]:
    """What a merge reports, shown on stderr."""
    with progress_bar("merging", total) as (show, say):

        def report(done: Progress) -> None:
            if done.compiling:
                say(done.compiling)
            show(done.done)

        yield report
