"""`edgemed verify OUT [--inputs A B]`: make a file again from its recipe and compare."""

import argparse
from dataclasses import asdict
from pathlib import Path

from edgemed.cli.merging.plans import progress_report
from edgemed.cli.options.threads import threads_option
from edgemed.cli.terminal.printing import print_json
from edgemed.gguf import open_model, printable
from edgemed.merging.report.verify import verify

EXIT = {"same": 0, "different": 1, "cannot compare": 3}
SHOWN = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed verify`."""
    add = parser.add_argument
    add("out", type=Path, metavar="OUT", help="a file that edgemed merged or quantized")
    add(
        "--inputs",
        type=Path,
        nargs="+",
        metavar="MODEL",
        help="the models it was made from, in the recipe's order (default: beside OUT, by name)",
    )
    add(
        "--imatrix",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="the importance matrices that were used (default: beside OUT, by name)",
    )
    threads_option(add)
    add("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """0 the same, 1 different, 3 cannot compare."""
    with progress_report(open_model(args.out).weights) as report:
        answer = verify(args.out, args.inputs, max(1, args.threads), report, args.imatrix)
    if args.json:
        print_json(asdict(answer))
    else:
        print(f"{printable(args.out.name)}: {answer.state}")
        for line in answer.lines[:SHOWN]:
            print(f"  {printable(line)}")
        if len(answer.lines) > SHOWN:
            print(f"  and {len(answer.lines) - SHOWN} more")
    return EXIT[answer.state]
