"""`edgemed doctor [MODEL]`: checks this machine, and prints problems and remedies."""

import argparse
from dataclasses import asdict

from edgemed import __version__
from edgemed.cli.terminal.printing import print_json, shown_hint
from edgemed.cli.terminal.tables import show
from edgemed.local_models.library import find_model, read_library
from edgemed.machine.check import Check
from edgemed.machine.model import model_checks
from edgemed.machine.system import machine_checks
from edgemed.tables import Table


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed doctor`."""
    add = parser.add_argument
    add(
        "model",
        nargs="?",
        metavar="MODEL",
        help="also check the memory and speed of this model: a GGUF file or an added model",
    )
    add("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """Run all checks; returns 1 if one fails."""
    checks = list(machine_checks())
    if args.model or read_library().default:
        checks += model_checks(find_model(args.model))
    else:
        remedy = "edgemed models add FILE.gguf; `edgemed models cards` lists suitable models"
        checks.append(Check("model", "warning", "no model has been added yet", remedy))
    if args.json:
        print_json({"version": __version__, "checks": [asdict(c) for c in checks]})
    else:
        rows = [(c.state, c.name, c.found) for c in checks]
        show([Table(("", "checked", "found"), rows)])
        for check in checks:
            if check.remedy:
                print(f"{check.state}: {check.name}: {shown_hint(check.remedy)}")
    return int(any(check.state == "failure" for check in checks))
