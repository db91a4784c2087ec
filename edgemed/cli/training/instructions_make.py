"""`edgemed instructions make -o OUT.jsonl`: seed tasks become new tasks with answers."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgemed_models.base import Message

from edgemed.cli.options.models import configure_model, explain_if_asked, explained, options_of
from edgemed.cli.options.numbers import finite, positive, seed
from edgemed.errors import Refused, UsageError
from edgemed.instructions import asking, likeness, tries
from edgemed.instructions.draws import SHOWN, Draw
from edgemed.instructions.identity import as_begun, identity_of
from edgemed.instructions.make import CONTRADICTED, MakeSettings, make
from edgemed.instructions.output import card_place, write_all
from edgemed.instructions.seeds import own_seeds, read_seeds
from edgemed.instructions.task import Seed
from edgemed.instructions.tries import KEPT, Tries, Try
from edgemed.local_models.library import find_model
from edgemed.local_models.loading import plan_request, settings_for, start, started_ahead
from edgemed.printable import printable
from edgemed.storage.place import refuse_inputs, refuse_place
from edgemed.storage.sha256 import sha256_of

SECONDS_BETWEEN_LINES = 30.0
PLAIN = MakeSettings()
COUNT, MOST = 500, 100


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed instructions make`."""
    add = parser.add_argument
    add(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="OUT.jsonl",
        help="the file to write: one JSON object per line, as `edgemed adapt --examples` reads it",
    )
    add("--alpaca", type=Path, metavar="FILE.json", help="also write them as one "
        "JSON list of instruction, input and output")  # fmt: skip
    add(
        "--seeds",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="seed tasks, JSON Lines or a JSON list of topic, view, type, difficulty, "
        "instruction and input (default: those that ship with edgemed)",
    )
    add(
        "--count",
        type=positive,
        default=COUNT,
        metavar="N",
        help=f"how many tasks to make (default: {COUNT})",
    )
    add(
        "--check",
        action="store_true",
        help="drop answers that contradict their input, by the checks of check-draft",
    )
    again_options(add)
    sampling_options(parser)
    configure_model(parser)


def again_options(add: Callable[..., Any]) -> None:
    """When a run gives up, and what happens to a stopped one."""
    add(
        "--tries",
        type=positive,
        default=MOST,
        metavar="N",
        help=f"give up after N tries in a row without a new task (default: {MOST})",
    )
    add("--resume", action="store_true", help="continue a run that was stopped")
    add("--finish", action="store_true", help="end a run that was stopped: write its tasks so far")
    add("--force", action="store_true", help="replace the output, or start a stopped run over")


def sampling_options(parser: argparse.ArgumentParser) -> None:
    """How the model writes."""
    add = parser.add_argument_group("writing").add_argument
    add(
        "--seed",
        type=seed,
        default=PLAIN.seed,
        metavar="N",
        help=f"the seed of everything random (default: {PLAIN.seed})",
    )
    add(
        "--temperature",
        type=finite,
        default=PLAIN.temperature,
        metavar="X",
        help="how freely the model writes; at 0 it repeats itself more (default: "
        f"{PLAIN.temperature})",
    )
    for name, number in (("task", PLAIN.task_tokens), ("answer", PLAIN.answer_tokens)):
        add(
            f"--{name}-tokens",
            type=positive,
            default=number,
            metavar="N",
            help=f"the longest {name}, in tokens; a longer one is dropped (default: {number})",
        )


def run(args: argparse.Namespace) -> int:
    """Refuse what cannot work, make the tasks, write them."""
    if args.temperature < 0:
        raise UsageError("--temperature is below 0", "give 0 or more, such as 0.8")
    likeness.require()
    seeds = read_seeds(args.seeds) if args.seeds else own_seeds()
    progress = tries.place(args.out)
    refuse_places(args, progress)
    with Tries(progress, anew=args.force and not (args.resume or args.finish)) as tried:
        refuse_run(args, tried)
        if not args.finish:
            made(args, seeds, tried)
        elif not tried.tasks:
            raise Refused("the stopped run has no task yet", "continue it with --resume")
        write_all(args.out, args.alpaca, tried, args.force)
        tried.remove()
        told(args.out, tried)
    return 0


def refuse_places(args: argparse.Namespace, progress: Path) -> None:
    """Refuse names that cannot be written, before any work."""
    if args.out.suffix != ".jsonl":
        raise UsageError(f"{args.out} does not end in .jsonl", "give the tasks that ending")
    if args.alpaca and args.alpaca.suffix != ".json":
        raise UsageError(f"{args.alpaca} does not end in .json", "give the list that ending")
    outputs = [args.out, card_place(args.out), *([args.alpaca] if args.alpaca else [])]
    if len(set(outputs)) < len(outputs):
        raise UsageError(f"{args.alpaca} is the name of the card", "give another name")
    refuse_inputs(args.out, [*outputs, progress], args.seeds or [])
    going_on = args.resume or args.finish
    for path in outputs:
        refuse_place(path, args.force or going_on)


def refuse_run(args: argparse.Namespace, tried: Tries) -> None:
    """Refuse to continue a run that was never started, and to start over one that was."""
    going_on = args.resume or args.finish
    if going_on and tried.run is None:
        raise Refused(
            f"there is no run to continue in {tried.path}", "leave out --resume and --finish"
        )
    if tried.run is not None and not going_on:
        raise Refused(
            f"{tried.path} is from a run that was stopped",
            "add --resume to continue it, --finish to write its tasks, --force to start over",
        )


def made(args: argparse.Namespace, seeds: tuple[Seed, ...], tried: Tries) -> None:
    """Load the model and try until there are enough tasks. A stop says how to go on."""
    settings = MakeSettings(
        args.seed, args.temperature, args.task_tokens, args.answer_tokens, args.check
    )
    path, options = find_model(args.model), as_begun(options_of(args), tried.run)
    sha256 = sha256_of(path)
    room = settings.task_tokens + settings.answer_tokens
    with started_ahead() as process:
        with explained(args):
            plan, _ = plan_request(path, options, longest(seeds), range(room, room + 1), process)
        explain_if_asked(args, plan)
        model = start(settings_for(path, options, plan), process)
        try:
            tried.begin(identity_of(model, sha256, seeds, settings))
            tell = shower(args.count, tried)
            make(model, seeds, settings, sha256, tried, args.count, args.tries, tell)
        except KeyboardInterrupt:
            print(f"stopped: {so_far(tried)}; --resume continues", file=sys.stderr)
            raise
        finally:
            model.close()


def longest(seeds: tuple[Seed, ...]) -> tuple[Message, ...]:
    """The longest possible prompt: it must fit into the context."""
    by_length = sorted(seeds, key=lambda s: -len(asking.as_json(s).encode()))
    return asking.task_messages(Draw(tuple(by_length[:SHOWN]), 0, 0))


def shower(count: int, tried: Tries) -> Callable[[Try], None]:
    """What prints how far a run is, not too often."""
    begun = shown = time.monotonic()
    before = tried.tasks

    def show(_: Try) -> None:
        nonlocal shown
        now, got = time.monotonic(), tried.tasks
        if now - shown >= SECONDS_BETWEEN_LINES:
            shown = now
            left = (now - begun) / (got - before) * (count - got) / 60 if got > before else None
            rest = "" if left is None else f", about {left:.0f} min left"
            print(f"{got} of {count} tasks; tries: {len(tried.all)}{rest}", file=sys.stderr)

    return show


def so_far(tried: Tries) -> str:
    """How many tasks there are, after how many tries."""
    return f"tasks: {tried.tasks}, tries: {len(tried.all)}"


def told(out: Path, tried: Tries) -> None:
    """Print what was made, and what happened to the other tries."""
    print(f"{printable(str(out))}: {so_far(tried)}", file=sys.stderr)
    for fate, times in tried.fates.most_common():
        if fate != KEPT:
            print(f"  {times:>6,}  {fate}", file=sys.stderr)
    run = tried.run or {}
    if run.get("check") and not tried.fates[CONTRADICTED]:
        print(f"  {0:>6}  {CONTRADICTED}", file=sys.stderr)
