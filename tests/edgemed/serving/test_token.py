"""The file of a token: it takes the place of an earlier token, and of nothing else."""

import stat
from pathlib import Path

import pytest

from edgemed.errors import Refused
from edgemed.serving.listening import new_token, write_token


def test_a_new_token_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "token"
    first, second = new_token(), new_token()
    for token in (first, second):
        write_token(path, token)
        assert path.read_text() == f"{token}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first != second


@pytest.mark.parametrize(
    "text",
    ["", "Patient takes warfarin.\n", "x" * 43, f"{'x' * 43}\nmore\n", "x" * 43 + "!\n"],
)
def test_a_file_that_holds_anything_else_is_refused_and_stays(text: str, tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text(text)
    with pytest.raises(Refused, match="holds no token"):
        write_token(path, new_token())
    assert path.read_text() == text
