"""`edgemed merge A B --t T -o OUT`: plan, show or run it, with a progress bar on a terminal."""

import argparse
import sys
from pathlib import Path

from edgemed.cli.merge_options import configure, recipe_of
from edgemed.cli.merge_shown import begun_before, print_plan, print_result, progress_report
from edgemed.merging.plan.plan import Plan, plan_merge
from edgemed.merging.recipe.recipe import Recipe
from edgemed.merging.recipe.recipe_file import is_recipe
from edgemed.merging.run.run import run_plan
from edgemed.printable import printable
from edgemed.storage.sizes import parse_size

__all__ = ["configure", "run"]


def run(args: argparse.Namespace) -> int:
    """Plan, then print the plan or carry it out."""
    if args.report:
        from edgemed.merging.report.report_file import refuse_name

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


def measure(plan: Plan, path: Path) -> None:
    """Hold the finished output against its parents, write the report, print its words."""
    from edgemed.merging.report.report import summary
    from edgemed.merging.report.report_file import write_report
    from edgemed.merging.report.survey import survey

    with progress_report(plan.weights) as say:
        measures = survey(plan, finished=True, report=say)
    write_report(path, f"{plan.out.name}, merged by {plan.recipe.method}", measures)
    for line in summary(measures):
        print(line, file=sys.stderr)
