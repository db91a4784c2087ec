"""The command reference, made from the parsers of the commands themselves."""

import argparse
from collections.abc import Iterator

from edgemed.cli.main import COMMANDS, build_parser


def commands() -> str:
    """A section for every command: what it does, its arguments and its options."""
    return "\n".join(line for name in COMMANDS for line in section(name))


def section(name: str) -> Iterator[str]:
    """One command, and below it its own commands (`models add`)."""
    parser = choices_of(build_parser(name))[name]
    yield from described(parser, f"## edgemed {name}")
    for inner, sub in choices_of(parser).items():
        yield from described(sub, f"### edgemed {name} {inner}")


def choices_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of a command's own commands, by name."""
    return {
        name: sub
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, sub in action.choices.items()
    }


def described(parser: argparse.ArgumentParser, heading: str) -> Iterator[str]:
    yield from (heading, "", sentence(parser.description or ""), "")
    actions = [a for a in parser._actions if shown(a)]
    if actions:
        yield from ("| argument | what it does |", "|---|---|")
        yield from (f"| `{spelling(action)}` | {told(action)} |" for action in actions)
        yield ""


def shown(action: argparse.Action) -> bool:
    """Neither `--help`, nor the list of inner commands, nor what help leaves out."""
    hidden = isinstance(action, argparse._SubParsersAction | argparse._HelpAction)
    return not hidden and action.help != argparse.SUPPRESS


def spelling(action: argparse.Action) -> str:
    """`--t T`, `-o FILE, --out FILE`, `MODEL ...`."""
    values = value_of(action)
    if not action.option_strings:
        return values
    return ", ".join(f"{option} {values}".rstrip() for option in action.option_strings)


def value_of(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    names = action.metavar or (
        "{" + ", ".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    name = " ".join(names) if isinstance(names, tuple) else names
    return f"{name} ..." if action.nargs in ("+", "*", argparse.REMAINDER) else name


def told(action: argparse.Action) -> str:
    """The help text with its fields filled in, safe in a table cell."""
    fields = {**vars(action), "prog": "edgemed"}
    text = (action.help or "") % fields
    return sentence(text).replace("|", "\\|").replace("\n", " ")


def sentence(text: str) -> str:
    """`text` with a capital and a full stop."""
    text = " ".join(text.split())
    if not text:
        return ""
    start = text if text.startswith(("`", "-")) else text[0].upper() + text[1:]
    return start if start.endswith((".", "?")) else f"{start}."
