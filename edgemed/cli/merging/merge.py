"""`edgemed merge A B --t T -o OUT`: plan, show or run it, with a progress bar on a terminal."""

import argparse
import sys
from pathlib import Path

from edgemed.cli.merging.options import configure, recipe_of
from edgemed.cli.merging.plans import carry_out, progress_report, target_of
from edgemed.cli.merging.shown import print_plan
from edgemed.errors import UsageError
from edgemed.merging.plan.plan import Plan, plan_merge
from edgemed.merging.recipe.recipe import Recipe
from edgemed.merging.recipe.recipe_file import is_recipe

__all__ = ["configure", "run"]


def run(args: argparse.Namespace) -> int:
    """Plan, then print the plan or carry it out."""
    if args.report:
        from edgemed.merging.report.report_file import refuse_name

        refuse_name(args.report)
    if is_recipe(args.models[0]):
        from edgemed.cli.merging import stages as staged

        stages = staged.stages_of(args)
        if len(stages) > 1:
            return staged.run(args, stages)
    if args.intermediate_dir:
        raise UsageError("--intermediate-dir is for a file with several recipes", "leave it out")
    return show_or_run(args, planned(args, recipe_of(args), args.out))


def planned(args: argparse.Namespace, recipe: Recipe, out: Path, replace: bool = False) -> Plan:
    """The plan of one recipe, under the limits that were given; only the last output is split."""
    target = target_of(args, out, args.force or replace, split=out == args.out)
    return plan_merge(recipe, *target)


def show_or_run(args: argparse.Namespace, plan: Plan, verb: str = "merging") -> int:
    """Print a plan, or run it and print the result."""
    if args.dry_run:
        print_plan(plan)
        return 0
    carry_out(args, plan, verb)
    if args.report and plan.out == args.out:
        measure(plan, args.report)
    return 0


def measure(plan: Plan, path: Path) -> None:
    """Compare the finished output with its parents, write the report, print its summary."""
    from edgemed.merging.report.report import summary
    from edgemed.merging.report.report_file import write_report
    from edgemed.merging.report.survey import survey

    with progress_report(plan.weights) as say:
        measures = survey(plan, finished=True, on_progress=say)
    write_report(path, f"{plan.out.name}, merged by {plan.recipe.method}", measures)
    for line in summary(measures):
        print(line, file=sys.stderr)
