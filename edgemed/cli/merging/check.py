"""`edgemed check A B [...]`: can these models be merged? One line per check, from headers only."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgemed.adapters.naming import parent_of
from edgemed.cli.terminal.printing import print_json
from edgemed.errors import UsageError
from edgemed.gguf import Model, printable
from edgemed.merging.parents.chat import TokenizerChoice
from edgemed.merging.parents.compatibility import CheckResult, compatibility
from edgemed.merging.parents.opening import open_parents
from edgemed.merging.parents.sentencepieces import first_difference, read_pieces

REFUSED = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed check`."""
    add = parser.add_argument
    add(
        "models",
        type=parent_of,
        nargs="+",
        metavar="MODEL",
        help="two or more GGUF files, or folders of checkpoints",
    )
    add(
        "--tokenizer-from",
        metavar="MODEL",
        help="whose vocabulary, chat template and turn tokens the merge would have: "
        "A, B, ... for the first, the second, ..., a path, or union",
    )
    add(
        "--tokenizer-model",
        type=Path,
        metavar="FILE",
        help="a SentencePiece tokenizer.model to compare every vocabulary with",
    )
    add("--json", action="store_true", help="print JSON for programs")


def run(args: argparse.Namespace) -> int:
    """0 if the models can be merged, 3 if not."""
    if len(args.models) < 2:
        raise UsageError("check needs at least two models", "name two or more GGUF files")
    models = open_parents(args.models)
    found = compatibility(models, choice=TokenizerChoice(args.tokenizer_from)).results
    if args.tokenizer_model:
        found = (*found, *held_against(args.tokenizer_model, models))
    refused = any(result.level == "refuse" for result in found)
    if args.json:
        lines = [result._asdict() for result in found]
        print_json({"fit": not refused, "checks": lines})
    else:
        for result in found:
            print(shown(result))
        print("These models cannot be merged." if refused else "These models can be merged.")
    return REFUSED if refused else 0


def held_against(path: Path, models: Sequence[Model]) -> Iterator[CheckResult]:
    """Whether every vocabulary begins with the pieces of a SentencePiece model."""
    pieces = read_pieces(path)
    reasons = [reason for m in models if (reason := first_difference(pieces, m))]
    remedy = f"{path.name} belongs to another model, or the file was converted with another one"
    yield from (CheckResult("SentencePiece", "refuse", reason, remedy) for reason in reasons)
    if not reasons:
        yield CheckResult("SentencePiece", "ok", f"every vocabulary has its {len(pieces):,} pieces")


def shown(result: CheckResult) -> str:
    """A result on one line, its remedy below."""
    line = f"{result.level:7} {result.check + ':':16} {printable(result.what)}"
    return f"{line}\n{'':25}{printable(result.remedy)}" if result.remedy else line
