"""`edgemed`: the table of commands, and the one place where errors become exit codes.

A command is a module `edgemed.cli.<room>.<name>` with `configure(parser)` and `run(args) -> int`.
Only the module of the command asked for is imported, so `edgemed --help` loads no numba.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from types import ModuleType
from typing import NamedTuple

from edgemed import __version__
from edgemed.cli.options.named import with_options
from edgemed.cli.options.old import refuse_old
from edgemed.cli.terminal import standard
from edgemed.cli.terminal.printing import cleaned, shown_hint
from edgemed.errors import EdgemedError, UsageError
from edgemed.printable import printable
from edgemed.storage.names import ANOTHER, REFUSED
from edgemed.storage.system_errors import FULL, worded

INTERRUPTED = 130
UNHEARD = "send standard output to a file or a pipe, or to /dev/null"
ROOM = "the output is incomplete: free some disk space and run the command again"


class Command(NamedTuple):
    """The room of a command's module, what it is for, and its actions (`*`: all) that may open
    internet sockets. `serve` opens the one that listens, and then gives up that right itself."""

    room: str
    help: str
    internet: tuple[str, ...] = ()


COMMANDS: dict[str, Command] = {
    "tui": Command("clinic", "open the screen: from a note to a signed summary"),
    "summarize": Command("clinic", "draft a document from a note, offline"),
    "check-draft": Command("clinic", "check a draft against the note it was made from"),
    "chat": Command("clinic", "ask a model a question, without a note or a template"),
    "templates": Command("clinic", "list, show and check the templates of documents"),
    "models": Command(
        "local_models", "get, add, list, choose and remove models", internet=("get",)
    ),
    "doctor": Command("local_models", "see what this machine can run, and what is missing"),
    "check": Command("merging", "see from their headers whether models can be merged"),
    "merge": Command("merging", "merge GGUF models into one, by options or by a recipe"),
    "sweep": Command(
        "evals", "find the t at which a merge keeps both skills, on your cases or on tasks"
    ),
    "eval": Command("evals", "measure a model on published clinical and other tasks"),
    "judge": Command("evals", "have a local model judge what another one writes"),
    "diff": Command("merging", "measure how two models differ, and what a merge would keep"),
    "verify": Command("merging", "make a file again from its recipe and compare the two"),
    "recipe": Command("merging", "show a merge recipe in its normal form"),
    "convert": Command("files", "write a Hugging Face checkpoint as a GGUF model, in any type"),
    "quantize": Command("files", "write a GGUF model in smaller types"),
    "adapt": Command("training", "train a LoRA adapter on your own examples"),
    "instructions": Command("training", "make tasks to train on, and report on them"),
    "fold": Command("files", "write a LoRA adapter into its model, keeping its types"),
    "extract": Command("files", "extract a fine-tune's change as a LoRA adapter"),
    "audit": Command("clinic", "check or print the log of who did what"),
    "demo": Command("local_models", "try a merge of two embedded models (not for patients)"),
    "serve": Command(
        "local_models", "let other programs on this machine use a model", internet=("*",)
    ),
    "inspect": Command("files", "show what is in a GGUF file, a checkpoint or an adapter"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0 done, 1 failed, 2 usage, 3 refused, 130 stopped.

    Without `argv` this process belongs to the program: it gives up core dumps and, unless the
    command's row says otherwise, internet sockets. A caller's process keeps its rights.
    """
    standard.open_missing()
    if isinstance(sys.stdout, TextIOWrapper):  # escapes for what its encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments and sys.stdin.isatty() and sys.stdout.isatty():
        arguments = ["tui"]
    name = command_named(arguments)
    try:
        if argv is None and name is not None:
            shield(COMMANDS[name], arguments)
        with cleaned():
            return run(name, arguments)
    except RuntimeError as error:  # while a command's module is loaded
        if has_home():
            raise
        return complain(unforeseen(error, False))
    except KeyboardInterrupt:  # also while a command's module is loaded
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def run(name: str | None, arguments: Sequence[str]) -> int:
    """Read the arguments and run the command called `name`; its exit code."""
    try:
        refuse_old(name, arguments)
    except UsageError as error:
        return complain(error)
    try:
        parser = build_parser(name)
        args = parser.parse_args(arguments)
    except EdgemedError as error:  # an impossible file name, or a site's word list
        return complain(error)
    if args.command is None:
        parser.print_help()
        return 0
    if any("\0" in word for word in arguments):
        return complain(UsageError("an argument holds a NUL character", "leave it out"))
    return guarded(args)


def shield(command: Command, arguments: Sequence[str]) -> None:
    """Give up rights that no command needs, before libraries that may see a note are loaded."""
    from edgemed_models.privacy.dumps import forbid_dumps
    from edgemed_models.privacy.sockets import give_up_internet

    os.umask(0o077)  # files that libraries write can be read by the user only, too
    forbid_dumps()
    words = [word for word in arguments if not word.startswith("-")]
    if not {*words[1:2], "*"} & set(command.internet):
        give_up_internet()


def command_named(arguments: Sequence[str]) -> str | None:
    """The command that `arguments` name, if they name one: the first word that is not an option."""
    word = next((a for a in arguments if not a.startswith("-")), None)
    return word if word in COMMANDS else None


def build_parser(loaded: str | None) -> argparse.ArgumentParser:
    """A parser that knows every command by name, and the options of `loaded` alone."""
    parser = argparse.ArgumentParser(
        prog="edgemed", description="Merge, run and check GGUF models."
    )
    parser.add_argument("--version", action="version", version=f"edgemed {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.help)
        if name == loaded:
            module_of(name).configure(sub)
    return parser


def module_of(name: str) -> ModuleType:
    """Load the module of the command called `name`: `check-draft` is `clinic/check_draft`."""
    return import_module(f"edgemed.cli.{COMMANDS[name].room}.{name.replace('-', '_')}")


def guarded(args: argparse.Namespace) -> int:
    """Run the command; print an error as what and remedy, without a traceback unless asked."""
    module = module_of(args.command)
    try:
        code = int(module.run(args))
        sys.stdout.flush()
        return code
    except EdgemedError as error:
        if args.debug:
            traceback.print_exc()
        error.hint = with_options(error.hint, args)
        return complain(error)
    except BrokenPipeError:
        drop_output()
        return 1
    except OSError as error:
        if error.errno in REFUSED:  # a name made from a given one can be too long as well
            return complain(UsageError(f"a file cannot have that name: {error.strerror}", ANOTHER))
        if error.errno not in (*FULL, standard.CLOSED):
            return complain(worded(error) or unforeseen(error, args.debug))
        drop_output()
        if error.errno == standard.CLOSED:
            return complain(EdgemedError("standard output is closed", UNHEARD))
        return complain(
            EdgemedError(f"the output could not be written completely: {error.strerror}", ROOM)
        )
    except Exception as error:  # last resort: the error's text could quote a note, its place cannot
        return complain(unforeseen(error, args.debug))


def drop_output() -> None:
    """Standard output is closed: drop the rest, so that Python does not write it again at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def unforeseen(error: Exception, debug: bool) -> EdgemedError:
    """An unexpected error, by type and place; with `debug`, its traceback is printed."""
    if isinstance(error, RuntimeError) and not has_home():
        return EdgemedError("this user has no home folder", "set HOME to a folder to write in")
    frames = traceback.extract_tb(error.__traceback__)
    if debug:
        print("".join(traceback.format_list(frames)), end="", file=sys.stderr)
    place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}"  # noqa: PTH119
    return EdgemedError(
        f"internal error: {type(error).__name__} in {place}",
        "please report this line; `edgemed --debug COMMAND ...` shows the traceback",
    )


def has_home() -> bool:
    """Whether this user has a home folder: services may have none."""
    from pathlib import Path

    try:
        Path.home()
    except RuntimeError:
        return False
    return True


def complain(error: EdgemedError) -> int:
    """Print `error` in two lines on stderr; returns its exit code."""
    print(f"edgemed: {printable(error.message)}", file=sys.stderr)
    if error.hint:
        print(f"         {shown_hint(error.hint)}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
