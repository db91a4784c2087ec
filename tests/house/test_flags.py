"""Rooms below the command line name a setting in words: a reader in Python has no `--flag`.

The command line adds the option (`edgemed.cli.options.named`). A whole command that one types
(`edgemed quantize IN OUT --out-type Q8_0`) may stand anywhere.
"""

import argparse
import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgemed.cli.main import COMMANDS, build_parser
from edgemed.cli.options.named import OPTIONS

ROOT = Path(__file__).parents[2]
FLAG = re.compile(r"(?<![\w-])(--[a-z]|-o\b)")
COMMAND = re.compile(r"\b(edgemed|llama-quantize|hf) .*-", re.DOTALL)
WORD = re.compile(r"(=={} )?--[a-z-]+(=\S+)?\s*")  # by itself: an argument for another program
ROOMS = [
    path
    for room in ("edgemed", "native/edgemed_native", "models/edgemed_models")
    for path in sorted((ROOT / room).rglob("*.py"))
    if "cli" not in path.relative_to(ROOT).parts
]


def named_in(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of the strings that name an option; docstrings are for who reads the code."""
    tree = ast.parse(source)
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            parts = [p for p in node.values if isinstance(p, ast.Constant)]
            inside |= {id(part) for part in parts}
            text = "{}".join(str(part.value) for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value if id(node) not in inside else ""
        else:
            continue
        if FLAG.search(text) and not WORD.fullmatch(text) and not COMMAND.search(text):
            yield node.lineno, text


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise Refused("no", "give --force")', 1),
        ('raise Refused(f"--max-ram {n} is little")', 1),
        ('"""Options of --force."""', 0),
        ('hint = "edgemed fold M A --out-type T -o OUT"', 0),
        ('hint = f"edgemed convert {name} -o {out}.gguf " "--out-type Q4_K_M"', 0),
        ('run("pip", "--quiet")', 0),
    ],
)
def test_a_planted_flag_is_found(source: str, found: int) -> None:
    assert len(list(named_in(source))) == found


def test_no_room_below_the_command_line_names_a_flag() -> None:
    named = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in ROOMS
        for line, text in named_in(path.read_text("utf-8"))
    ]
    assert not named, "\n".join(named)


def test_every_setting_of_a_remedy_is_spoken_of_somewhere() -> None:
    said = "\n".join(path.read_text("utf-8") for path in ROOMS)
    said = re.sub(r'"\s*\n\s*f?"', "", said)
    for setting, _, how in OPTIONS:
        assert re.search(rf"\b{setting}", said), how


VARIES = {
    "--control": "a random change of equal norm: written as an adapter, or tested in a sweep",
    "--data": "where the tasks are listed differs",
    "--chat-template": "merge and sweep put it into what they write; the others use it for a run",
    "--dry-run": "what is printed differs; nothing is written",
    "--finish": "a run of training or of making: what it has so far is written",
    "--force": "the output is replaced; where a run can be stopped, it also starts over",
    "--imatrix": "verify is told where those are that were used",
    "--json": "what is printed differs",
    "--limit": "a sweep has two splits of each task",
    "--max-tokens": "of a draft, or of an answer with another default",
    "--method": "ways of merging; of adapt, ways of training",
    "--out": "what is written differs",
    "--out-type": "the words a command takes and its default differ",
    "--rank": "extract can choose it by itself",
    "--report": "what is in the page differs",
    "--resume": "an output, or a run",
    "--seed": "what is random differs",
    "--t": "a sweep tries several; diff has a default",
    "--tasks": "eval may name a split; sweep has its own splits",
    "--temperature": "making tasks needs one above 0",
    "--template": "of one note, or of the notes of a folder",
    "--threads": "what runs a model takes the number that was tuned",
    "--tokenizer-from": "check only says what would be; a sweep has two models",
}
"""Options that one command words differently from another, and why; each means one thing."""


def options_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    """Every option of a command and of its actions."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in {id(p): p for p in action.choices.values()}.values():
                yield from options_of(inner)
        for name in action.option_strings:
            if name.startswith("--"):
                yield name, action


def command_of(name: str) -> argparse.ArgumentParser:
    """The parser of the command called `name`."""
    every = build_parser(name)
    actions = next(a for a in every._actions if isinstance(a, argparse._SubParsersAction))
    found: argparse.ArgumentParser = actions.choices[name]
    return found


def test_an_option_means_one_thing_to_every_command_that_has_it() -> None:
    said: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for command in COMMANDS:
        for name, action in options_of(command_of(command)):
            value = "" if action.nargs == 0 else action.metavar or action.dest
            said[name][f"{value}: {action.help}"].add(command)
    several = {name: dict(kinds) for name, kinds in said.items() if len(kinds) > 1}
    assert several.keys() == VARIES.keys(), several.keys() ^ VARIES.keys()


def test_a_value_has_one_name_in_every_command() -> None:
    values: dict[str, set[str]] = defaultdict(set)
    for command in COMMANDS:
        for name, action in options_of(command_of(command)):
            if action.nargs != 0 and not action.choices:
                values[name].add(str(action.metavar or action.dest))
    several = {name: found for name, found in values.items() if len(found) > 1}
    assert several.keys() == {"--out"}, several


def parsers_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A command's parser, and those of its actions."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers_of(inner)


def test_every_option_and_argument_says_what_it_is_for() -> None:
    for command in COMMANDS:
        for parser in parsers_of(command_of(command)):
            for action in parser._actions:
                said = re.sub(r"\(.*?\)", "", action.help or "")
                inner = isinstance(action, argparse._SubParsersAction)
                assert inner or len(said.split()) > 1, (command, action.dest, action.help)
