"""`edgemed merge` of a file with several recipes: all are planned first, then merged in turn.

Planning needs only headers, and the header of an output is known from its plan: a rehearsal with
files that have only headers finds every refusal before any work.
"""

import argparse
import sys
from collections.abc import Sequence

from edgemed.cli.merging.merge import planned, show_or_run
from edgemed.cli.merging.options import changed, refuse_beside_recipe
from edgemed.errors import UsageError
from edgemed.merging.plan.made import is_made
from edgemed.merging.plan.placement import Placement, refuse_output
from edgemed.merging.plan.provenance import inputs_of
from edgemed.merging.recipe.recipe import Recipe
from edgemed.merging.recipe.stages import Outputs, Stage, read_stages, recipe_of
from edgemed.storage.names import refuse_odd_name
from edgemed.storage.scratch import scratch_folder


def stages_of(args: argparse.Namespace) -> list[Stage]:
    """The recipes in the file on the command line."""
    refuse_beside_recipe(args)
    return read_stages(args.models[0])


def run(args: argparse.Namespace, stages: Sequence[Stage]) -> int:
    """Rehearse all stages, then print their plans or carry them out."""
    folder = args.intermediate_dir
    if folder is not None:
        refuse_odd_name(folder)
    if folder is None or not folder.is_dir():
        raise UsageError(
            f"{args.models[0]} holds {len(stages)} recipes: their outputs need a folder",
            "name an existing folder: --intermediate-dir DIR",
        )
    outputs = {stage.name: folder / f"{stage.name}.gguf" for stage in stages[:-1]}
    done = finished(args, stages, outputs) if args.resume else []
    rehearse(args, stages, outputs, done)
    if args.dry_run:
        return 0
    for number, stage in enumerate(stages, 1):
        out = outputs.get(stage.name, args.out)
        print(f"recipe {number} of {len(stages)}: {out}", file=sys.stderr)
        if stage in done:
            print("it exists, made from the same bytes: kept", file=sys.stderr)
            continue
        show_or_run(args, planned(args, recipe_for(args, stage, outputs), out))
    return 0


def finished(args: argparse.Namespace, stages: Sequence[Stage], outputs: Outputs) -> list[Stage]:
    """The first stages whose outputs an earlier attempt already made, from the inputs as they are
    now.

    Every byte of their inputs is read: an output counts only if its header, which holds the recipe
    and the inputs' hashes, is the one that would be written.
    """
    done: list[Stage] = []
    for stage in stages[:-1]:
        out = outputs[stage.name]
        if not out.is_file():
            break
        plan = planned(args, recipe_for(args, stage, outputs), out, replace=True)
        if not is_made(plan):
            break
        done.append(stage)
    return done


def rehearse(
    args: argparse.Namespace,
    stages: Sequence[Stage],
    outputs: Outputs,
    done: Sequence[Stage] = (),
) -> None:
    """Plan every stage, on headers of the outputs before it; with --dry-run, print the plans.

    Stages that are `done` are not written again.
    """
    with scratch_folder(args.intermediate_dir, "planning") as folder:
        ghosts = {name: folder / path.name for name, path in outputs.items()}
        for number, stage in enumerate(stages, 1):
            recipe, final = recipe_for(args, stage, ghosts), stage is stages[-1]
            out = args.out if final else outputs[stage.name]
            refuse_output(inputs_of(recipe), out, args.force or stage in done)
            plan = planned(args, recipe, args.out if final else ghosts[stage.name])
            if args.dry_run:
                print(f"recipe {number} of {len(stages)}: {out}")
                show_or_run(args, plan)
            if not final:
                write_headers(plan.placement)


def recipe_for(args: argparse.Namespace, stage: Stage, outputs: Outputs) -> Recipe:
    """A stage's recipe; output options of the command line apply to the last stage."""
    recipe = recipe_of(stage, args.models[0], outputs)
    return recipe if stage.name in outputs else changed(args, recipe)


def write_headers(placement: Placement) -> None:
    """Write files with the headers of a planned output, sparse after that."""
    for shard in placement.shards:
        with shard.path.open("wb") as file:
            file.write(shard.layout.header)
            file.truncate(shard.layout.total_bytes)
