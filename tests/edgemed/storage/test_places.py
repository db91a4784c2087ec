"""Names that others may have planted something under, modes, and names that two want at once."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgemed.cli.main import main
from edgemed.errors import Refused
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import between
from edgemed.merging.run import unfinished
from edgemed.merging.run.run import run_plan
from edgemed.storage import held, positional, whole
from edgemed.storage.held import Busy, hold
from edgemed.storage.output import Output
from tests.edgemed.merge_pairs import weights, write_pair_member
from tests.faults import shim

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX modes, links and pipes")

SECRET = b"what must not be written over"


@pytest.fixture
def open_umask() -> Iterator[None]:
    """No umask: what is written has the mode it was given."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write_pair_member(tmp_path / "a.gguf", weights(1), "Q4_K"),
        write_pair_member(tmp_path / "b.gguf", weights(2), "Q4_K"),
    )


def merge(pair: tuple[Path, Path], out: Path, *options: str) -> int:
    return main(["merge", *map(str, pair), "--t", "0.5", "-o", str(out), *options])


def link(place: Path, victim: Path) -> None:
    place.symlink_to(victim)


def dangling(place: Path, victim: Path) -> None:
    place.symlink_to(victim.with_name("not-there-yet"))


def second_name(place: Path, victim: Path) -> None:
    place.hardlink_to(victim)


def pipe(place: Path, victim: Path) -> None:
    os.mkfifo(place)


def folder(place: Path, victim: Path) -> None:
    place.mkdir()


PLANTED = (link, dangling, second_name, pipe, folder)
Plant = Callable[[Path, Path], None]


def snapshot(folder: Path) -> dict[str, object]:
    return {
        p.name: p.read_bytes()
        if stat.S_ISREG(p.lstat().st_mode)
        else stat.S_IFMT(p.lstat().st_mode)
        for p in folder.iterdir()
    }


@pytest.mark.parametrize("options", [(), ("--resume",), ("--force",)], ids=str)
@pytest.mark.parametrize("name", ["out.gguf.part", "out.gguf.journal"])
@pytest.mark.parametrize("plant", PLANTED)
def test_what_is_planted_under_a_name_on_the_way_is_refused_and_not_touched(
    plant: Plant, name: str, options: tuple[str, ...], pair, tmp_path, capsys
):
    victim = tmp_path / "victim"
    victim.write_bytes(SECRET)
    plant(tmp_path / name, victim)
    before = snapshot(tmp_path)
    assert merge(pair, tmp_path / "out.gguf", *options) == 3
    said = capsys.readouterr().err
    assert f"{name} is" in said
    assert "remove it, or choose another output" in said
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("options", [(), ("--force",)], ids=str)
@pytest.mark.parametrize("plant", [link, dangling, pipe, folder])
@pytest.mark.parametrize("command", ["merge", "quantize", "report"])
def test_an_output_that_is_no_plain_file_is_refused(
    command: str, plant: Plant, options: tuple[str, ...], pair, tmp_path, capsys
):
    victim, out = tmp_path / "victim", tmp_path / "out.gguf"
    victim.write_bytes(SECRET)
    place = tmp_path / "report.html" if command == "report" else out
    plant(place, victim)
    before = snapshot(tmp_path)
    words = {
        "merge": ["merge", *map(str, pair), "--t", "0.5", "-o", str(out)],
        "quantize": ["quantize", str(pair[0]), str(out), "--out-type", "Q8_0"],
        "report": [
            *"merge --t 0.5".split(),
            *map(str, pair),
            "-o",
            str(out),
            "--report",
            str(place),
        ],
    }
    assert main([*words[command], *options]) == 3
    assert "the output" in capsys.readouterr().err
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("command", ["merge", "quantize"])
def test_no_shard_of_an_input_is_written_over(command, pair, tmp_path, capsys):
    split = ["--split-max-size", "500K"]
    assert (
        main(["quantize", str(pair[0]), str(tmp_path / "s.gguf"), "--out-type", "F16", *split]) == 0
    )
    first, second = sorted(tmp_path.glob("s-*.gguf"))[:2]
    before = snapshot(tmp_path)
    words = {
        "merge": ["merge", str(first), str(pair[1]), "--t", "0.5", "-o", str(second)],
        "quantize": ["quantize", str(first), str(second), "--out-type", "Q8_0"],
    }
    assert main([*words[command], "--force"]) == 3
    assert "is one of the inputs" in capsys.readouterr().err
    assert snapshot(tmp_path) == before


def test_an_input_is_not_written_over_by_way_of_the_part_or_the_journal(pair, tmp_path, capsys):
    for name in ("out.gguf.part", "out.gguf.journal"):
        pair[1].rename(tmp_path / name)
        before = snapshot(tmp_path)
        assert merge((pair[0], tmp_path / name), tmp_path / "out.gguf", "--force") == 3
        assert "overwrite the input" in capsys.readouterr().err
        assert snapshot(tmp_path) == before
        (tmp_path / name).rename(pair[1])


def modes(folder: Path) -> dict[str, str]:
    return {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in folder.rglob("*")}


def wider(folder: Path) -> list[str]:
    """Files and folders that group or others may use."""
    return [name for name, mode in modes(folder).items() if int(mode, 8) & 0o077]


def test_everything_written_is_the_users_alone_whatever_the_umask(
    open_umask, pair, tmp_path, monkeypatch
):
    home, out = tmp_path / "home", tmp_path / "out"
    out.mkdir(mode=0o700)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    plan = plan_merge(between(*pair, 0.5), out / "m.gguf", 2, max_ram=30_000)
    run_plan(plan, resume=True)
    whole.write_whole(out / "whole", b"x")
    whole.write_new(out / "new", b"x")
    whole.private_folder(out / "deep" / "er")
    unfinished.remember({"out": "x"})
    monkeypatch.setattr(os, "umask", lambda mask: 0)  # so that nothing hides behind main's own
    name = ("--name", "m")
    assert main(["models", "add", str(pair[0]), *name]) == 0
    assert main(["models", "default", "m"]) == 0
    assert main(["templates", "list"]) == 0
    quantize = ["quantize", str(pair[0]), str(out / "q.gguf"), "--out-type", "Q8_0"]
    assert main(quantize) == 0
    report = ["--report", str(out / "r.json")]
    assert merge(pair, out / "n.gguf", *report) == 0
    logs = [name for name in wider(home) if "audit." in name]
    assert wider(out) == []
    assert sorted(wider(home)) == sorted(logs)


def test_a_part_left_by_an_older_version_is_closed_to_others(pair, tmp_path):
    part = tmp_path / "out.gguf.part"
    part.write_bytes(b"left by a kill")
    part.chmod(0o666)
    with Output([(tmp_path / "out.gguf", 10)]):
        assert stat.S_IMODE(part.stat().st_mode) == 0o600


def test_a_name_that_moved_while_its_lock_was_waited_for_is_let_go(tmp_path, monkeypatch):
    """The first writer finishes between the second's opening and locking: the second would hold the
    finished output."""
    part, lock = tmp_path / "x.part", positional.lock
    first = hold(part)
    os.write(first, b"finished")

    def late(fd: int) -> bool:
        if not (tmp_path / "x").exists():
            part.rename(tmp_path / "x")
            os.close(first)
        return lock(fd)

    monkeypatch.setattr(positional, "lock", late)
    second = hold(part)
    os.write(second, b"half")
    assert (tmp_path / "x").read_bytes() == b"finished"
    assert part.read_bytes() == b"half"
    held.give_up(part, second)


def test_what_another_has_is_neither_taken_nor_removed(tmp_path):
    part = tmp_path / "x.part"
    fd = hold(part)
    with pytest.raises(Busy, match="being written by another process"):
        hold(part)
    with pytest.raises(Busy):
        held.remove(part)
    part.unlink()
    other = hold(part)
    held.give_up(part, fd)  # its name is another's by now
    assert part.exists()
    held.give_up(part, other)
    assert not part.exists()


def test_a_second_merge_to_one_output_does_not_replace_the_first_ones(pair, tmp_path):
    plan = plan_merge(between(*pair, 0.5), tmp_path / "out.gguf", 2)
    run_plan(plan)
    first = (tmp_path / "out.gguf").read_bytes()
    with pytest.raises(Refused, match="exists already"):
        run_plan(plan)
    assert (tmp_path / "out.gguf").read_bytes() == first


@pytest.mark.parametrize("replace", [False, True])
def test_of_several_files_all_get_their_names_or_none(replace: bool, tmp_path, monkeypatch):
    pairs = [(tmp_path / f"{n}.part", tmp_path / str(n)) for n in range(3)]
    for part, path in pairs:
        part.write_bytes(b"new")
        if replace:
            path.write_bytes(b"old")
    before, named, left = snapshot(tmp_path), positional.name_new, [0]

    def full(part: Path, path: Path) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        named(part, path)

    monkeypatch.setattr(positional, "name_new", full)
    for at in range(1, 3 + 3 * replace + 1):
        left[0] = at
        with pytest.raises(OSError, match="No space"):
            whole.name_all(pairs, replace)
        assert snapshot(tmp_path) == before
    left[0] = 0
    whole.name_all(pairs, replace)
    assert snapshot(tmp_path) == {str(n): b"new" for n in range(3)}


@pytest.mark.parametrize("way", ["one step", "second name", "no second names"])
def test_a_new_name_never_replaces(way: str, tmp_path, monkeypatch):
    part, path = tmp_path / "p", tmp_path / "q"
    part.write_bytes(b"new")
    if way != "one step":
        monkeypatch.setattr(positional, "_renamed_new", lambda *names: False)
    if way == "no second names":

        def forbidden(*names: object, **how: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", forbidden)
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        positional.name_new(part, path)
    assert snapshot(tmp_path) == {"p": b"new", "q": b"old"}
    path.unlink()
    positional.name_new(part, path)
    assert snapshot(tmp_path) == {"q": b"new"}


@pytest.mark.skipif(bool(shim.missing()), reason=shim.missing() or "faults can be injected")
@pytest.mark.parametrize(
    "words",
    [
        ("race_merge", "8"),
        ("full_disk", "--most", "3", "merge", "merge --resume", "models add", "models remove"),
        ("full_disk", "--most", "3", "quantize", "settings of the screen", "line mode", "sweep"),
        ("full_disk", "--most", "3", "eval"),
    ],
    ids=str,
)
def test_faults_at_random_calls(words: tuple[str, ...]):
    """A small part of what `python -m tests.bench.race_merge` and `full_disk` try."""
    program = [sys.executable, "-m", f"tests.bench.{words[0]}", *words[1:]]
    root = Path(__file__).parents[3]
    done = subprocess.run(program, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


EXTRACT = ["extract", "b.gguf", "a.gguf", "--rank", "1", "--without-vectors", "--threads", "1"]


@pytest.mark.parametrize("name", ["out.gguf", "out"])
def test_an_output_that_the_system_refuses_is_named(
    pair, tmp_path, monkeypatch, capsys, name
) -> None:
    def refused(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(whole, "_begun", refused)
    assert main([*EXTRACT, "-o", name]) == 1
    said = capsys.readouterr().err
    assert f"cannot write {name}: Permission denied" in said and "internal error" not in said
    assert snapshot(tmp_path).keys() == {"a.gguf", "b.gguf"}


@pytest.mark.parametrize(
    "words",
    [
        [*EXTRACT, "-o", "out.gguf"],
        ["fold", "a.gguf", "lora.gguf", "-o", "out.gguf"],
        ["merge", "a.gguf", "b.gguf", "--t", "0.5", "-o", "out.gguf"],
        ["quantize", "a.gguf", "out.gguf", "--out-type", "Q8_0"],
    ],
    ids=lambda words: words[0],
)
def test_a_folder_that_one_may_not_write_in_is_refused_before_the_work(
    pair, tmp_path, monkeypatch, capsys, words
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert main(words) == 3
    assert "you may not write in the folder ." in capsys.readouterr().err
    assert snapshot(tmp_path).keys() == {"a.gguf", "b.gguf"}
