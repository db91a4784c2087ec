"""The screen names no option of the command line: nothing on it takes one."""

import re
from pathlib import Path

import edgemed_tui
import pytest
from edgemed_tui.remedies import ELSEWHERE, OPTION, complaint, remedy

from edgemed.errors import LOG_LINE, Refused

FILES = sorted(Path(edgemed_tui.__file__).parent.rglob("*.py"))
PALETTE = '"--command-palette"'  # what Textual calls it
SHOWS = re.compile(r"\{\w+\.hint\}")


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        ("give a shorter note, or a larger context", "give a shorter note, or a larger context"),
        ("choose another output, or add --force to replace it", "choose another output"),
        (
            "close it or wait, then try again; --no-record does without",
            "close it or wait, then try again",
        ),
        ("name it: the vocabulary with --tokenizer-from A, B or union", ELSEWHERE),
        ("leave --gpu-layers out; ask the doctor", "ask the doctor"),
        (f"give --imatrix{LOG_LINE}load: --x failed", f"{ELSEWHERE}{LOG_LINE}load: --x failed"),
        ("wait -- it takes long", "wait -- it takes long"),
    ],
)
def test_ways_that_need_an_option_are_left_out(hint: str, shown: str) -> None:
    assert remedy(hint) == shown


def test_a_complaint_is_two_lines() -> None:
    fault = Refused("out.gguf exists already", "choose another output, or add --force")
    assert complaint(fault) == "! out.gguf exists already\n  choose another output"


def test_every_remedy_is_shown_through_here_and_no_text_of_the_screen_names_an_option() -> None:
    for path in FILES:
        text = path.read_text("utf-8")
        assert path.name == "remedies.py" or not SHOWS.search(text), path
        assert not OPTION.search(text.replace(PALETTE, "")), path
