"""`edgemed models get|add|alias|list|...`: the models that were added, and cards of others."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from edgemed_models.catalog import Card, card_text, read_cards

from edgemed.adapters.naming import use_of
from edgemed.amounts import amount
from edgemed.cli.local_models import models_get
from edgemed.cli.options.keep_hash import keep_hash
from edgemed.cli.options.load_check import load_check_option
from edgemed.cli.terminal.printing import clear_line, print_json
from edgemed.cli.terminal.tables import show
from edgemed.errors import UsageError
from edgemed.gguf import open_model
from edgemed.local_models import adding, library
from edgemed.local_models.getting.get import find_card
from edgemed.printable import printable, printable_text
from edgemed.storage.sizes import show_size
from edgemed.tables import Table

ADDED = "the name of an added model"


def configure(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    models_get.configure(actions.add_parser("get", help="fetch a model (uses the network)"))
    adding = actions.add_parser("add", help="check a GGUF file and add it to your models")
    adding.add_argument("file", type=Path, metavar="FILE", help="a GGUF file, in any folder")
    adding.add_argument(
        "--name", metavar="NAME", help="its name in the list (default: the file's name)"
    )
    adding.add_argument("--link", action="store_true", help="use the file where it is, do not copy")
    load_check_option(adding)
    naming = actions.add_parser("alias", help="a second name for a model; its file is not copied")
    naming.add_argument("name", metavar="M", help=ADDED)
    naming.add_argument(
        "second", metavar="NAME", help="the second name; it may have an adapter of its own"
    )
    listing = actions.add_parser("list", help="the models that were added")
    listing.add_argument("--json", action="store_true", help="print JSON for programs")
    showing = actions.add_parser("show", help="one model: file, hash, licence, chat template")
    showing.add_argument("name", metavar="M", help=ADDED)
    tuning = actions.add_parser("tune", help="find and save the fastest settings on this machine")
    tuning.add_argument("name", metavar="M", help="the name of an added model, or a GGUF file")
    beside = actions.add_parser("adapter", help="keep an adapter that runs beside a model")
    adapter_options(beside)
    choosing = actions.add_parser("default", help="choose the model to use when none is named")
    choosing.add_argument("name", metavar="M", help=ADDED)
    removing = actions.add_parser("remove", help="remove a model; a copied file is deleted")
    removing.add_argument("name", metavar="M", help=ADDED)
    carding = actions.add_parser("cards", help="pairs of public models that can be merged")
    carding.add_argument(
        "name", nargs="?", metavar="CARD", help="one of them, in full (default: list all)"
    )
    carding.add_argument("--toml", action="store_true", help="print the card's file, to copy it")


def adapter_options(parser: argparse.ArgumentParser) -> None:
    """Which adapter is kept with which model, or none."""
    parser.add_argument("name", metavar="M", help=ADDED)
    which = parser.add_mutually_exclusive_group(required=True).add_argument
    which(
        "adapter",
        nargs="?",
        type=use_of,
        metavar="ADAPTER[:STRENGTH]",
        help="a LoRA adapter: a GGUF file or a PEFT folder; it stays where it is",
    )
    which("--none", action="store_true", help="run the model without an adapter again")


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    actions = {
        "get": models_get.run,
        "add": add,
        "alias": add_name,
        "list": list_all,
        "show": show_one,
        "tune": tune_one,
        "adapter": keep_beside,
        "default": choose,
        "remove": remove,
        "cards": cards,
    }
    return actions[args.action](args)


def add(args: argparse.Namespace) -> int:
    """Add a model; shows progress on stderr if that is a terminal."""
    total = args.file.stat().st_size if args.file.is_file() else 0
    done = 0

    def progress(nbytes: int) -> None:
        nonlocal done
        done += nbytes
        if sys.stderr.isatty():
            clear_line(sys.stderr)
            sys.stderr.write(f"{100 * done // max(total, 1)} % of {show_size(total)}")
            sys.stderr.flush()

    entry = adding.add(args.file, args.name, args.link, progress, args.load_check)
    clear_line(sys.stderr)
    keep_hash(entry)
    name = printable(entry.name)
    print(f"added {name}: {printable(entry.path)}")
    print(f"sha256 {entry.sha256}")
    print(f"licence: {printable(entry.licence)}")
    if entry.has_template:
        print(f"chat template: in the file, `edgemed models show {name}` prints it")
    else:
        print("no chat template in the file: give one with --chat-template FILE", file=sys.stderr)
    if library.read_library().default == entry.name:
        print(f"default: {name}")
    return 0


def add_name(args: argparse.Namespace) -> int:
    """Give a model a second name."""
    entry = adding.alias(args.name, args.second)
    print(f"added {printable(entry.name)}: the file of {printable(args.name)}, not copied")
    return 0


def template_of(entry: library.AddedModel) -> str:
    """The chat template in a model's file; empty if it has none."""
    return str(open_model(entry.path).metadata.get("tokenizer.chat_template", ""))


def list_all(args: argparse.Namespace) -> int:
    """List every model and mark the default."""
    found = library.read_library()
    if args.json:
        print_json(asdict(found))
        return 0
    rows = [
        ("*" if e.name == found.default else "", e.name, e.licence, file_of(e, found), e.adapter)
        for e in found.entries
    ]
    many = 5 if any(e.adapter for e in found.entries) else 4
    columns = ("", "name", "licence", "file", "adapter")
    show([Table(columns[:many], [row[:many] for row in rows])])
    tell_copies(found)
    if not rows:
        print("no models yet: edgemed models add FILE.gguf", file=sys.stderr)
    return 0


def file_of(entry: library.AddedModel, found: library.Library) -> str:
    """The path of its file; for a second name, the model that has the file."""
    first = next(other for other in found.entries if other.path == entry.path)
    return entry.path if first is entry else f"the same file as {first.name}"


def tell_copies(found: library.Library) -> None:
    """Models whose files are copies of each other: earlier versions accepted them."""
    for entry in found.entries:
        first = library.twin_of(entry.sha256, found)
        if first is not None and first.path != entry.path:
            print(
                printable(
                    f"{entry.name} is a copy of {first.name}: edgemed models remove {entry.name}"
                ),
                file=sys.stderr,
            )


def show_one(args: argparse.Namespace) -> int:
    """Print one model with its licence and its full chat template."""
    entry = library.read_library().find(args.name)
    if entry is None:
        raise library.no_model(args.name)
    rows = [(key.replace("_", " "), str(value)) for key, value in asdict(entry).items()]
    show([Table(("", ""), rows)])
    if template := template_of(entry):
        print(f"\nchat template:\n{printable_text(template)}")
    return 0


def tune_one(args: argparse.Namespace) -> int:
    """Try settings, print each on stderr once it is measured, save the best."""
    from edgemed.local_models.tuning import busy, is_usual, shown, tune

    path = library.find_model(args.name)
    best = tune(path, lambda trial: print(shown(trial), file=sys.stderr), lambda: False)
    kept = "no setting is faster than the default" if is_usual(best) else "used from now on"
    print(f"{amount(best.threads, 'thread')}, batch {best.batch}: {kept}")
    if busy(best):
        print(busy(best), file=sys.stderr)
    return 0


def keep_beside(args: argparse.Namespace) -> int:
    """Keep an adapter with a model, after a try, or none."""
    from edgemed.local_models.beside import keep_adapter

    entry = keep_adapter(args.name, None if args.none else args.adapter)
    runs = f"runs with the adapter {entry.adapter}" if entry.adapter else "runs without an adapter"
    print(printable(f"{entry.name} {runs}"))
    return 0


def choose(args: argparse.Namespace) -> int:
    """Make a model the default."""
    adding.set_default(args.name)
    print(f"default: {printable(args.name)}")
    return 0


def remove(args: argparse.Namespace) -> int:
    """Remove a model; if it was the default, print the new default."""
    before = library.read_library().default
    entry = adding.remove(args.name)
    file = " and its file" if entry.own else "; its file stays"
    print(f"removed {printable(entry.name)}{file}")
    if before == entry.name:
        print(f"default: {printable(library.read_library().default or 'none')}")
    return 0


def cards(args: argparse.Namespace) -> int:
    """Print all cards, or one in full."""
    if args.toml:
        if args.name is None:
            raise UsageError("--toml prints one card", "name a card")
        print(card_text(find_card(args.name).name), end="")
        return 0
    if args.name is None:
        rows = [card_row(card) for card in read_cards()]
        show([Table(("card", "size", "instruct", "clinical", "get"), rows)])
        return 0
    show([Table(("", ""), card_rows(find_card(args.name)))])
    return 0


def card_row(card: Card) -> tuple[str, ...]:
    """A card's row in the list of cards."""
    clinical = card.clinical.source if card.clinical else ""
    return (card.name, card.weights, card.instruct.source, clinical, "yes" if can_get(card) else "")


def can_get(card: Card) -> bool:
    """Whether every file of the card can be fetched by name."""
    return all(source.file is not None for source in card.sources.values())


def card_rows(card: Card) -> list[tuple[str, str]]:
    """A card as rows of labels and values."""
    rows = [("card", card.name), ("size", card.weights), ("architecture", card.architecture)]
    for role, source in card.sources.items():
        rows += [(role, source.source), ("  licence", source.licence), ("  terms", source.terms)]
        if source.file is not None:
            rows += [("  file", source.file.name), ("  sha256", source.file.sha256)]
    rows += [("file types", ", ".join(card.file_types)), ("note", card.note)]
    got = f"edgemed models get {card.name}" if can_get(card) else "by hand: its hash is not known"
    tried = "yes" if card.tried else "no: the facts come from the models' public pages"
    return [*rows, ("to get it", got), ("tried here", tried)]
