"""`edgemed templates list|show|check`: the kinds of draft, and the user's own template files."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edgemed.amounts import amount
from edgemed.cli.terminal.printing import data, print_json, shown_hint
from edgemed.cli.terminal.tables import show
from edgemed.clinic.summarizing.template import Template
from edgemed.clinic.summarizing.template_files import (
    BrokenTemplate,
    find_templates,
    load_template,
    own_folder,
    packaged,
    read_template,
    read_templates,
)
from edgemed.errors import EdgemedError, InvalidFile
from edgemed.printable import printable
from edgemed.storage.whole import private_folder
from edgemed.tables import Table


def configure(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="every template, yours included")
    listing.add_argument("--json", action="store_true", help="print JSON for programs")
    showing = actions.add_parser("show", help="the file of one template, to read or to copy")
    showing.add_argument("name", metavar="T", help="its name, or a template file")
    checking = actions.add_parser("check", help="check a template, or all of them")
    checking.add_argument(
        "template",
        nargs="?",
        metavar="T",
        help="its name, or a template file (default: all of them)",
    )
    for action in (showing, checking):
        action.epilog = "T is the name of a template, or a .toml file."


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    match args.action:
        case "list":
            return list_all(args.json)
        case "show":
            return show_file(args.name)
        case _:
            return check(args.template)


def list_all(as_json: bool) -> int:
    """Print all templates as a table or as JSON, and where to put your own."""
    found, broken = read_templates()
    if as_json:
        print_json([table_of(template) for template in found])
        return refuse(broken, len(found) + len(broken))
    rows = [(t.name, t.title, t.form, str(t.version), whose(t)) for t in found]
    show([Table(("name", "title", "form", ">version", "from"), rows)])
    with suppress(OSError):  # the next line names the folder even if it cannot be created
        private_folder(own_folder())
    print(f"put your own .toml files into {own_folder()}", file=sys.stderr)
    return refuse(broken, len(found) + len(broken))


def refuse(broken: Sequence[BrokenTemplate], count: int) -> int:
    """Name the files that cannot be used, of `count` in all, and raise InvalidFile; return 0 if
    there is none. A folder that cannot be read is an error by itself."""
    for path, fault in broken:
        if path == own_folder():
            raise fault
        print(f"{printable(path.name)}: {printable(fault.message)}", file=sys.stderr)
        print(f"    {shown_hint(fault.hint)}", file=sys.stderr)
    if broken:
        raise InvalidFile(
            f"{len(broken)} of {amount(count, 'template')} cannot be used",
            "correct what is said above",
        )
    return 0


def table_of(template: Template) -> dict[str, object]:
    """A template as JSON."""
    return {
        "name": template.name,
        "title": template.title,
        "purpose": template.purpose,
        "form": template.form,
        "version": template.version,
        "sections": list(template.sections),
        "max_tokens": template.max_tokens,
        "hash": template.hash,
        "source": template.source,
    }


def whose(template: Template) -> str:
    """Whether a template is edgemed's or the user's."""
    return template.source if template.source == "edgemed" else "you"


def show_file(name: str) -> int:
    """Print the file unchanged, and its hash on stderr."""
    template = load_template(name)
    path = Path(name) if name.endswith(".toml") else find_templates()[name][1]
    data().write(path.read_text(encoding="utf-8"))
    print(f"sha256 {template.hash}", file=sys.stderr)
    return 0


def check(template: str | None) -> int:
    """Read each file, and try schemas with the converter that drafting uses."""
    broken: list[BrokenTemplate] = []
    files = [file_of(template)] if template else files_to_check(broken)
    for path in sorted(files):
        try:
            check_file(path)
            print(f"{printable(path.name)}: ok")
        except EdgemedError as error:
            broken.append(BrokenTemplate(path, error))
    return refuse(broken, len(files))


def files_to_check(broken: list[BrokenTemplate]) -> list[Path]:
    """The file of every template; into `broken` goes the user's folder if it cannot be read."""
    try:
        files = find_templates()
    except EdgemedError as error:
        broken.append(BrokenTemplate(own_folder(), error))
        files = packaged()
    return [path for _, path in files.values()]


def file_of(name: str) -> Path:
    """The file of the template called `name`, or the file at that path."""
    found = None if name.endswith(".toml") else find_templates().get(name)
    return found[1] if found else Path(name)


def check_file(path: Path) -> None:
    """Raise if a template cannot be read or its schema cannot be turned into a grammar."""
    from edgemed_models.base import ModelError
    from edgemed_models.engine.probe import check_schema

    template = read_template(str(path), path)
    if template.schema_text is None:
        return
    try:
        check_schema(template.schema_text)
    except ModelError as error:
        raise InvalidFile(error.message, error.hint) from None
