"""The file of tries: durable, held by one, cut to whole lines, refused if of another run."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from edgemed.errors import EdgemedError, InvalidFile, Refused
from edgemed.instructions.tries import KEPT, Tries, Try

RUN = {"model": "a", "seed": 1, "adapters": [("x", 1.0)]}
ROW = {"instruction": "Explain fever.", "input": "", "output": "It is a sign. µ"}


def begun(path: Path, count: int = 3) -> bytes:
    with Tries(path, anew=False) as tries:
        tries.begin(RUN)
        for n in range(count):
            tries.add(Try(KEPT, ROW | {"n": n}))
            tries.add(Try("instruction too like another"))
    return path.read_bytes()


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    begun(tmp_path / "p")
    with Tries(tmp_path / "p", anew=False) as tries:
        tries.begin(RUN)
        assert tries.tasks == 3 and [row["n"] for row in tries.kept] == [0, 1, 2]
        assert tries.fates == {KEPT: 3, "instruction too like another": 3}
        assert len(tries.in_vain) == 1
    assert (tmp_path / "p").stat().st_mode & 0o777 == 0o600


def test_every_torn_end_is_cut_to_whole_lines(tmp_path: Path) -> None:
    whole = begun(tmp_path / "p")
    lines = whole.splitlines(keepends=True)
    for cut in range(len(whole)):
        (tmp_path / "p").write_bytes(whole[:cut])
        with Tries(tmp_path / "p", anew=False) as tries:
            assert len(tries.all) == max(0, whole[:cut].count(b"\n") - 1)
            tries.begin(RUN)
            assert (tmp_path / "p").read_bytes() == b"".join(lines[: len(tries.all) + 1])


@pytest.mark.parametrize("line", range(7))
@pytest.mark.parametrize("what", ["{", "[]", '{"try": 9, "fate": "kept"}', '{"try": 1}', "5"])
def test_a_damaged_line_is_named(line: int, what: str, tmp_path: Path) -> None:
    lines = begun(tmp_path / "p").splitlines()
    lines[line] = what.encode()
    (tmp_path / "p").write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(InvalidFile, match=f"line {line + 1} is damaged"):
        Tries(tmp_path / "p", anew=False)
    with Tries(tmp_path / "p", anew=True) as tries:
        tries.begin(RUN)
        assert tries.all == []


@pytest.mark.parametrize("data", [b"mine", b"{", b'{"x": 1}', b'{"run": 5', b"mine\n", b"\n"])
def test_a_file_of_something_else_is_left_alone(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(data)
    if data == b"{":  # how a file of tries begins, cut after its first byte
        Tries(tmp_path / "p", anew=False).close()
    else:
        with pytest.raises(InvalidFile):
            Tries(tmp_path / "p", anew=False)
    assert (tmp_path / "p").read_bytes() == data


def test_another_run_is_refused_by_what_differs(tmp_path: Path) -> None:
    before = begun(tmp_path / "p")
    with (
        pytest.raises(Refused, match="was begun with other model, prompts"),
        Tries(tmp_path / "p", anew=False) as tries,
    ):
        tries.begin(RUN | {"model": "b", "prompts": 2})
    assert (tmp_path / "p").read_bytes() == before


def test_anew_keeps_the_old_run_until_the_new_one_begins(tmp_path: Path) -> None:
    before = begun(tmp_path / "p")
    with Tries(tmp_path / "p", anew=True):
        pass
    assert (tmp_path / "p").read_bytes() == before
    with Tries(tmp_path / "p", anew=True) as tries:
        tries.begin(RUN)
    assert (tmp_path / "p").read_bytes().count(b"\n") == 1


def test_one_process_at_a_time_holds_it_and_an_empty_one_is_removed(tmp_path: Path) -> None:
    with Tries(tmp_path / "p", anew=False), pytest.raises(Refused, match="another process"):
        Tries(tmp_path / "p", anew=False)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_leaves_whole_lines_and_says_how_to_go_on(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(tmp_path / "p")
    with Tries(tmp_path / "p", anew=False) as tries:
        tries.begin(RUN)
        before = (tmp_path / "p").read_bytes()
        write = os.write

        def full(fd: int, *data: Any) -> int:
            if data and len(data[0]) > 9:
                return write(fd, data[0][:9])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(os, call, full)
            with pytest.raises(EdgemedError) as refused:
                tries.add(Try(KEPT, ROW))
        assert (
            "No space left" in refused.value.message
            and "go on where it stopped" in refused.value.hint
        )
        assert (tmp_path / "p").read_bytes() == before and tries.tasks == 3
        tries.add(Try(KEPT, ROW))
    last = (tmp_path / "p").read_bytes().splitlines()[-1]
    assert json.loads(last) == {"try": 7, "fate": KEPT, "row": ROW}
