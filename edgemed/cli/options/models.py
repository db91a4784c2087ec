"""The options of every command that runs a model, and the running model they ask for."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edgemed_models.engine.memory_plan import MemoryPlan, explain

from edgemed.adapters.naming import use_of
from edgemed.cli.options.chat_template import chat_template_option
from edgemed.cli.options.numbers import natural, positive, threads
from edgemed.local_models.at_once import MOST
from edgemed.local_models.loading import Options, Unfit
from edgemed.printable import printable


def configure_model(parser: argparse.ArgumentParser) -> None:
    """Which model, and how it is loaded; settings that are not given are planned."""
    add = parser.add_argument_group("the model").add_argument
    add("--model", metavar="M", help="a GGUF file, or the name of one added (default: yours)")
    chat_template_option(add)
    configure_loading(add)
    add("--explain", action="store_true", help="print the memory plan's arithmetic")


def configure_loading(add: Callable[..., Any]) -> None:
    """How a model is loaded; `add` is a parser's or a group's add_argument."""
    add(
        "--context",
        type=positive,
        metavar="N",
        help="room for prompt and answer together, in tokens (default: what fits)",
    )
    add(
        "--threads",
        type=threads,
        metavar="N",
        help="processor threads (default: as tuned, else the physical cores)",
    )
    add(
        "--gpu-layers",
        type=natural,
        metavar="N",
        help="layers on the GPU, the output counted as the first (default: as many as fit)",
    )
    add(
        "--adapter",
        action="append",
        default=[],
        type=use_of,
        metavar="FILE[:STRENGTH]",
        help="run a LoRA adapter beside the model: a GGUF file or a PEFT folder; repeatable",
    )
    memory_options(add)


def memory_options(add: Callable[..., Any]) -> None:
    """What a model keeps in memory."""
    add(
        "--kv-type",
        choices=("f16", "q8_0", "q4_0"),
        help="the type of the KV cache (default: what fits)",
    )
    add(
        "--batch",
        type=positive,
        metavar="N",
        help="tokens read at a time (default: as tuned, else 128)",
    )
    add(
        "--no-repack",
        action="store_true",
        help="keep no faster copy of the weights, to save memory",
    )


def configure_at_once(add: Callable[..., Any]) -> None:
    """How many requests are answered together, for commands that have many."""
    add(
        "--at-once",
        type=positive,
        metavar="N",
        help=f"answers written at the same time (default: as many as fit, up to {MOST})",
    )


def options_of(args: argparse.Namespace) -> Options:
    """What the user has set."""
    return Options(
        context=args.context,
        threads=args.threads,
        gpu_layers=args.gpu_layers,
        kv_type=args.kv_type,
        batch=args.batch,
        repack=False if args.no_repack else None,
        chat_template=args.chat_template,
        adapters=tuple(args.adapter),
        at_once=getattr(args, "at_once", None),
    )


def take_kept_adapter(args: argparse.Namespace) -> None:
    """Without --adapter, use the one that is kept with the model, and say so."""
    from edgemed.local_models.beside import kept_adapter

    if not args.adapter and (kept := kept_adapter(args.model)):
        args.adapter = list(kept)
        print(
            printable(f"note: with the adapter {kept[0].name}, kept with the model"),
            file=sys.stderr,
        )


@contextmanager
def explained(args: argparse.Namespace) -> Iterator[None]:
    """Where a model is refused because it does not fit: its arithmetic first, for --explain."""
    try:
        yield
    except Unfit as error:
        explain_if_asked(args, error.plan)
        raise


def explain_if_asked(args: argparse.Namespace, plan: MemoryPlan) -> None:
    """The plan's arithmetic on stderr, for --explain."""
    if args.explain:
        print("\n".join(explain(plan)), file=sys.stderr)
