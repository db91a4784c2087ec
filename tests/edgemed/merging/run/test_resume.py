"""A merge that was killed, stopped or robbed of its disk: what stands there, and how it goes on."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from edgemed.cli.main import main
from edgemed.errors import EdgemedError, InvalidFile, Refused
from edgemed.gguf import open_model
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import between
from edgemed.merging.run.chunk import Blender
from edgemed.merging.run.journal import (
    Journal,
    WrittenPiece,
    WrittenPieces,
    can_go_on,
    checked,
    lines_of,
)
from edgemed.merging.run.run import run_plan
from edgemed.storage.output import journal_of
from tests.edgemed.merge_pairs import weights, write_pair_member

SLOW = (
    "import sys, time, edgemed.merging.run.run as run\n"
    "write = run.Blender.write\n"
    "def slowly(*a):\n    time.sleep(0.004); return write(*a)\n"
    "run.Blender.write = slowly\n"
    "from edgemed.cli.main import main; print('ready', flush=True); sys.exit(main(sys.argv[1:]))"
)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write_pair_member(tmp_path / "a.gguf", weights(1), "Q4_K"),
        write_pair_member(tmp_path / "b.gguf", weights(2), "Q4_K"),
    )


def merge(pair: tuple[Path, Path], out: Path, resume: bool = False, t: float = 0.5):
    """A merge in chunks of a few rows, so that there is something to resume."""
    return run_plan(plan_merge(between(*pair, t), out, 2, max_ram=30_000), resume=resume)


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stopped(pair, out, after: int, monkeypatch) -> None:
    """A merge with --resume that fails after some chunks, and leaves what it wrote."""
    left, write = [after], Blender.write

    def until(self, chunk):
        if not left[0]:
            raise EdgemedError("stopped here")
        left[0] -= 1
        return write(self, chunk)

    with monkeypatch.context() as patch:
        patch.setattr(Blender, "write", until)
        with pytest.raises(EdgemedError, match="stopped here"):
            merge(pair, out, resume=True)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_killed_at_random_moments_the_resumed_output_is_the_same(pair, tmp_path):
    merge(pair, tmp_path / "whole.gguf")
    out, moments = tmp_path / "out.gguf", random.Random(7)
    words = [sys.executable, "-c", SLOW, "merge", *map(str, pair), "--t", "0.5", "-o", str(out)]
    words += ["--max-ram", "30000", "--threads", "2", "--resume"]
    kills = 0
    for _ in range(8):
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            assert child.stdout is not None
            child.stdout.readline()
            try:
                child.wait(moments.uniform(0.3, 0.9))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                kills += 1
        assert out.exists() == (child.returncode == 0)
        if child.returncode == 0:
            break
    if not out.exists():
        merge(pair, out, resume=True)
    assert kills > 0
    assert sha(out) == sha(tmp_path / "whole.gguf")
    assert names(tmp_path) == ["a.gguf", "b.gguf", "out.gguf", "whole.gguf"]


@pytest.mark.parametrize("after", [0, 1, 17, 60])
def test_what_was_written_is_not_made_again(after, pair, tmp_path, monkeypatch):
    merge(pair, tmp_path / "whole.gguf")
    out = tmp_path / "out.gguf"
    stopped(pair, out, after, monkeypatch)
    assert not out.exists()
    written, write = [0], Blender.write

    def counted(self, chunk):
        written[0] += chunk.rows
        return write(self, chunk)

    monkeypatch.setattr(Blender, "write", counted)
    plan = plan_merge(between(*pair, 0.5), out, 2, max_ram=30_000)
    rows = sum(step.sources[0].rows for step in plan.steps)
    run_plan(plan, resume=True)
    assert written[0] <= rows - after
    assert sha(out) == sha(tmp_path / "whole.gguf")


def test_another_number_of_threads_and_size_of_chunks_goes_on_as_well(pair, tmp_path, monkeypatch):
    merge(pair, tmp_path / "whole.gguf")
    out = tmp_path / "out.gguf"
    stopped(pair, out, 30, monkeypatch)
    run_plan(plan_merge(between(*pair, 0.5), out, 1, max_ram=100_000), resume=True)
    assert sha(out) == sha(tmp_path / "whole.gguf")


def test_bytes_that_a_power_cut_lost_are_made_again(pair, tmp_path, monkeypatch):
    merge(pair, tmp_path / "whole.gguf")
    out = tmp_path / "out.gguf"
    stopped(pair, out, 60, monkeypatch)
    part, book = tmp_path / "out.gguf.part", tmp_path / "out.gguf.journal"
    size = part.stat().st_size
    with part.open("r+b") as file:
        file.truncate(size // 3)
        file.truncate(size)
    book.write_bytes(book.read_bytes()[:-5])
    merge(pair, out, resume=True)
    assert sha(out) == sha(tmp_path / "whole.gguf")


@pytest.mark.parametrize("change", ["recipe", "inputs"])
def test_another_recipe_or_other_inputs_are_refused_by_name(change, pair, tmp_path, monkeypatch):
    out = tmp_path / "out.gguf"
    stopped(pair, out, 10, monkeypatch)
    before = (tmp_path / "out.gguf.part").read_bytes()
    if change == "inputs":
        write_pair_member(pair[1], weights(3), "Q4_K")
    with pytest.raises(Refused, match=f"begun with other .*{change}"):
        merge(pair, out, resume=True, t=0.5 if change == "inputs" else 0.6)
    assert (tmp_path / "out.gguf.part").read_bytes() == before
    assert not out.exists()


def places_to_flip(path: Path) -> dict[str, int]:
    """One byte of the header, of a tensor that was merged early and of one that was not."""
    found = open_model(path).tensors
    return {
        "header": path.read_bytes().index(b"word7"),
        "done": found["token_embd.weight"].offset + 3,
        "not done": found["blk.1.ffn_down.weight"].offset + 5,
        "last byte": path.stat().st_size - 1,
    }


@pytest.mark.parametrize("place", ["header", "done", "not done", "last byte"])
@pytest.mark.parametrize("which", [0, 1])
def test_one_byte_of_an_input_changed_under_its_old_size_and_times_is_refused(
    place, which, pair, tmp_path, monkeypatch
):
    out, path = tmp_path / "out.gguf", pair[which]
    stopped(pair, out, 12, monkeypatch)
    state, data, at = path.stat(), bytearray(path.read_bytes()), places_to_flip(path)[place]
    kept = {p: p.read_bytes() for p in tmp_path.glob("out.gguf.*")}
    data[at] ^= 2
    path.write_bytes(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    why = (
        "do not match"
        if place == "header"
        else f"other inputs .{path.name}: their bytes have changed"
    )
    with pytest.raises(Refused, match=why):
        merge(pair, out, resume=True)
    assert not out.exists()
    assert {p: p.read_bytes() for p in tmp_path.glob("out.gguf.*")} == kept
    data[at] ^= 2
    path.write_bytes(data)
    merge(pair, out, resume=True)
    merge(pair, tmp_path / "whole.gguf")
    assert sha(out) == sha(tmp_path / "whole.gguf")


def test_nothing_is_taken_over_from_a_merge_that_was_killed_without_resume(pair, tmp_path, capsys):
    """Nobody knows from which bytes its pieces come."""
    out = tmp_path / "out.gguf"
    words = [sys.executable, "-c", SLOW, "merge", *map(str, pair), "--t", "0.5", "-o", str(out)]
    with subprocess.Popen([*words, "--max-ram", "30000"], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        while not (tmp_path / "out.gguf.journal").exists() and child.poll() is None:
            time.sleep(0.01)
        child.kill()
    assert journal_of(out).exists()
    assert not can_go_on(out)
    assert main(["merge", *map(str, pair), "--t", "0.5", "-o", str(out), "--resume"]) == 0
    assert "was made without --resume; starting over" in capsys.readouterr().err
    assert names(tmp_path) == ["a.gguf", "b.gguf", "out.gguf"]


def test_without_resume_a_stopped_merge_leaves_nothing(pair, tmp_path, monkeypatch):
    def fail(self, chunk):
        raise EdgemedError("stopped here")

    monkeypatch.setattr(Blender, "write", fail)
    with pytest.raises(EdgemedError, match="stopped here"):
        merge(pair, tmp_path / "out.gguf")
    assert names(tmp_path) == ["a.gguf", "b.gguf"]


def test_without_resume_what_a_killed_merge_left_is_not_trusted(pair, tmp_path, monkeypatch):
    merge(pair, tmp_path / "whole.gguf")
    out = tmp_path / "out.gguf"
    stopped(pair, out, 60, monkeypatch)
    part = tmp_path / "out.gguf.part"
    part.write_bytes(os.urandom(part.stat().st_size + 999))
    merge(pair, out)
    assert sha(out) == sha(tmp_path / "whole.gguf")


def test_an_input_changed_while_it_is_merged_stops_the_merge(pair, tmp_path, monkeypatch):
    write, once = Blender.write, [True]

    def touching(self, chunk):
        if once:
            once.clear()
            os.utime(pair[1], ns=(1, 1))
        return write(self, chunk)

    monkeypatch.setattr(Blender, "write", touching)
    with pytest.raises(EdgemedError, match=r"b\.gguf changed while it was read"):
        merge(pair, tmp_path / "out.gguf")
    assert names(tmp_path) == ["a.gguf", "b.gguf"]


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of one MiB, where mounting one is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_too_small_for_the_output_is_refused_before_work(pair, small_disk):
    (small_disk / "filler").write_bytes(bytes(900_000))
    with pytest.raises(Refused, match="bytes free, the output takes"):
        merge(pair, small_disk / "out.gguf")
    assert names(small_disk) == ["filler"]


def test_a_disk_filled_by_others_meanwhile_is_a_clear_error(pair, small_disk):
    plan = plan_merge(between(*pair, 0.5), small_disk / "out.gguf", 2)
    (small_disk / "filler").write_bytes(bytes(1_000_000))
    with pytest.raises(EdgemedError, match="No space left on device") as error:
        run_plan(plan)
    assert "inputs are untouched" in error.value.hint
    assert names(small_disk) == ["filler"]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 50),
    spans=st.lists(st.tuples(st.integers(0, 49), st.integers(1, 9)), max_size=12),
)
def test_missing_rows_are_those_that_no_piece_covers(rows, spans):
    inside = [(first, min(n, rows - first)) for first, n in spans if first < rows]
    pieces = [WrittenPiece(1000 + 7 * first, 7 * n, 0) for first, n in inside]
    covered = np.zeros(rows, bool)
    for first, n in inside:
        covered[first : first + n] = True
    found = np.ones(rows, bool)
    for first, n in WrittenPieces(pieces).missing_rows(1000, 7, rows):
        assert not covered[first : first + n].any()
        found[first : first + n] = False
    np.testing.assert_array_equal(found, covered)


@pytest.mark.parametrize("damage", [b"", b"9 9", b"9 9 deadbeef\t00000000\n", b"\xff\xfe\n"])
def test_a_journal_is_read_up_to_its_first_damaged_line(damage, tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(
        (checked("one") + checked("two")).encode() + damage + checked("three").encode()
    )
    assert list(lines_of(path))[:2] == ["one", "two"]
    assert len(list(lines_of(path))) == (3 if not damage else 2)


def test_a_journal_says_what_it_belongs_to_in_its_first_line(pair, tmp_path, monkeypatch):
    stopped(pair, tmp_path / "out.gguf", 5, monkeypatch)
    first, *pieces = lines_of(tmp_path / "out.gguf.journal")
    assert {"recipe", "inputs", "layout"} <= json.loads(first).keys()
    part = (tmp_path / "out.gguf.part").read_bytes()
    for line in pieces:
        offset, nbytes, checksum = line.split()
        piece = part[int(offset) : int(offset) + int(nbytes)]
        assert xxhash.xxh64_intdigest(piece) == int(checksum, 16)
    assert len(pieces) == 5
    assert journal_of(tmp_path / "out.gguf").exists()


def test_a_dry_run_says_every_step_the_size_and_the_time_and_writes_nothing(pair, tmp_path, capsys):
    words = ["merge", *map(str, pair), "--t", "0.5", "-o", str(tmp_path / "out.gguf")]
    assert main([*words, "--dry-run", "--max-ram", "30000", "--threads", "1"]) == 0
    said = capsys.readouterr().out
    merge(pair, tmp_path / "out.gguf")
    size = (tmp_path / "out.gguf").stat().st_size
    assert "blend (linear)   blk.0.ffn_down.weight                   512 x 256  Q4_K" in said
    assert f"output: {size:,} bytes" in said
    chunks = re.search(r"ffn_down.* (\d+) chunk", said)
    assert chunks is not None
    assert int(chunks[1]) > 20
    assert re.search(r"time: about [\d.]+ s of computing", said)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["5 70 x"], "does not name a piece"),
        (["1 2"], "does not name a piece"),
        (["-5 70 " + "0" * 16], "does not name a piece"),
        ([f"{'9' * 5000} 70 " + "0" * 16], "does not name a piece"),
        ([f"0 {1 << 40} " + "0" * 16], "1,099,511,627,776 bytes, more than 1,073,741,824"),
        ([f"{1 << 40} 70 " + "0" * 16], "outside this output"),
        ([f"0 {1 << 29} " + "0" * 16], "outside this output"),
        (["0 200000 " + "0" * 16] * 400, "bytes as written, more than"),
    ],
    ids=["kind", "short", "negative", "long", "large", "behind", "beyond", "again and again"],
)
def test_what_a_journal_claims_is_bounded(lines, said, pair, tmp_path, monkeypatch):
    out = tmp_path / "out.gguf"
    stopped(pair, out, 1, monkeypatch)
    journal = journal_of(out)
    before = journal.read_bytes() + "".join(map(checked, lines)).encode()
    journal.write_bytes(before)
    with pytest.raises(InvalidFile, match=said):
        merge(pair, out, resume=True)
    assert journal.read_bytes() == before


def test_pieces_and_bytes_of_a_journal_are_counted(pair, tmp_path, monkeypatch):
    out = tmp_path / "out.gguf"
    stopped(pair, out, 9, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(f"{Journal.__module__}.MOST_PIECES", 8)
        with pytest.raises(InvalidFile, match="more than 8 pieces"):
            merge(pair, out, resume=True)
    with journal_of(out).open("ab") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    with pytest.raises(InvalidFile, match="larger than 67,108,864 bytes, the most for one journal"):
        merge(pair, out, resume=True)


@pytest.mark.parametrize(
    "first", ["[]", '"x"', "[" * 5000, '{"sha256": 5}', '{"sha256": [[]]}', ""]
)
def test_a_journal_that_begins_with_something_else_is_refused_or_begun_anew(
    first, pair, tmp_path, capsys
):
    out = tmp_path / "out.gguf"
    journal_of(out).write_text(checked(first))
    words = ["merge", *map(str, pair), "--t", "0.5", "-o", str(out)]
    assert main([*words, "--resume"]) == (3 if first else 0)
    said = capsys.readouterr().err
    assert "internal" not in said
    assert not first or "is not as edgemed writes journals" in said
    assert main([*words, "--force"]) == 0
