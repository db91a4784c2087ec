"""`edgemed models get CARD`: says what it will fetch and from where, asks, fetches, adds.

The only command that uses the network.
"""

import argparse
import sys
from pathlib import Path

from edgemed_models.catalog import Card

from edgemed.cli.options.keep_hash import keep_hash
from edgemed.cli.terminal.printing import clear_line
from edgemed.errors import Refused, UsageError
from edgemed.local_models import adding, library
from edgemed.local_models.getting.get import FileToGet, find_card, get, have, wanted_of
from edgemed.local_models.getting.partner import fold_partner
from edgemed.local_models.getting.places import in_words
from edgemed.printable import printable
from edgemed.storage.sizes import show_size


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed models get`."""
    add = parser.add_argument
    add("name", metavar="CARD", help="a name from `models cards`, or a card file of your own")
    add("--yes", action="store_true", help="do not ask (for scripts)")
    add(
        "--from",
        dest="stick",
        type=Path,
        metavar="FOLDER",
        help="copy the file from a folder, such as a stick, instead of fetching it",
    )
    add(
        "--merge", action="store_true", help="merge the card's two models; the merge is the default"
    )


def run(args: argparse.Namespace) -> int:
    """Show, ask, fetch, add; with --merge also check and merge.

    Models that a partner adapter in the package makes are always made: that needs no network.
    """
    found = find_card(args.name)
    if args.merge and found.clinical is None and found.partner is None:
        raise UsageError(f"{found.name} is a single model: nothing to merge", "leave out --merge")
    wanted = wanted_of(found)
    missing = [each for each in wanted if not have(each)]
    for each in wanted:
        tell(each, each in missing, args.stick)
    if missing and args.stick is None and not args.yes:
        ask(sum(each.fetched for each in missing))
    for each in missing:
        entry = get(each, args.stick, Bar(each))
        keep_hash(entry)
        print(printable(f"added {entry.name}: {entry.path}"))
    paths = {each.part: library.find_model(each.name) for each in wanted}
    if found.partner is not None and (missing or not have_made(found)):
        entry = fold_partner(found, paths["instruct"], lambda said: print(printable(said)))
        keep_hash(entry)
        paths["clinical"] = Path(entry.path)
    if "clinical" in paths and (args.merge or found.partner is not None):
        merge_both(found, paths["clinical"], paths["instruct"])
    print(printable(f"default: {library.read_library().default}"))
    return 0


def tell(wanted: FileToGet, missing: bool, stick: Path | None) -> None:
    """Print what the file is, where it comes from, its size and its licence."""
    source, size = printable(wanted.source.source), show_size(wanted.file.bytes)
    print(f"{printable(wanted.name)}: {source}, {size}")
    print(printable(f"  licence: {wanted.source.licence}; terms: {wanted.source.terms}"))
    if not missing:
        print("  you have it already")
    elif stick is None:
        where = printable(in_words(wanted.place))
        print(f"  from: {where} ({show_size(wanted.fetched)} to fetch)")
    print(f"  sha256 {wanted.file.sha256}", flush=True)


def ask(nbytes: int) -> None:
    """Wait for a yes. UsageError if nobody can be asked, Refused on a no."""
    if not sys.stdin.isatty():
        raise UsageError("the download needs a yes, but input is not a terminal", "add --yes")
    if input(f"fetch {show_size(nbytes)} over the network? [y/N] ").strip().lower() not in (
        "y",
        "yes",
    ):
        raise Refused("nothing was fetched", "answer y, or take the file from a stick with --from")


class Bar:
    """A progress line, on a terminal."""

    def __init__(self, wanted: FileToGet) -> None:
        self.total = wanted.file.bytes

    def __call__(self, done: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == self.total else ""
            clear_line(sys.stderr)
            sys.stderr.write(f"{100 * done // self.total} % of {show_size(self.total)}{end}")
            sys.stderr.flush()


def have_made(card: Card) -> bool:
    """Whether the two models that are made from the fetched one are here."""
    entries = [
        library.read_library().find(f"{card.name}-{made}") for made in ("clinical", "merged")
    ]
    return all(entry is not None and Path(entry.path).is_file() for entry in entries)


def merge_both(card: Card, clinical: Path, instruct: Path) -> None:
    """Check and merge the two models; the merge becomes the default."""
    from edgemed_models.machine import logical_cores

    from edgemed.merging.plan.plan import plan_merge
    from edgemed.merging.recipe.recipe import between
    from edgemed.merging.run.run import run_plan

    name = f"{card.name}-merged"
    out = library.folder() / f"{name}.gguf"
    recipe = between(clinical, instruct, card.t, tokenizer="B")
    result = run_plan(plan_merge(recipe, out, logical_cores(), None, replace=True))
    sha256 = adding.digest(out, lambda nbytes: None)
    keep_hash(adding.take_in(name, out, sha256))
    adding.set_default(name)
    print(f"added {printable(name)}: merged at t = {card.t:g} in {result.seconds:.0f} s")
