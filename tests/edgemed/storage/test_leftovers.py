"""What a process that is killed leaves behind goes with the next one that works there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgemed.cli.main import main
from edgemed.storage import whole
from edgemed.storage.scratch import scratch_folder
from tests.edgemed.merge_pairs import weights, write_pair_member

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills itself by a signal")

DIE = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
DIES_IN_A_FOLDER = f"""
import sys; from pathlib import Path; from edgemed.storage.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]), "trial") as folder:
    (folder / "what.txt").write_text("left")
    {DIE}
"""
DIES_IN_A_FILE = f"""
import sys; from pathlib import Path; from edgemed.storage import whole
def die(*_): {DIE}
whole.name_all = die
whole.write_new(Path(sys.argv[1]) / "summary.txt", b"left")
"""
DIES_BETWEEN_RECIPES = f"""
import sys; from edgemed.cli.merging import stages; from edgemed.cli.main import main
def die(*_): {DIE}
stages.write_headers = die
main(sys.argv[1:])
"""
DIES_BETWEEN_NAMES = f"""
import sys; from pathlib import Path; from edgemed.storage import whole
def die(*_): {DIE}
whole.positional.sync_folder = die
names = [Path(sys.argv[1]) / f"m-{{n}}.gguf" for n in (1, 2)]
parts = [path.with_name(path.name + ".part") for path in names]
for path in (*names, *parts):
    path.write_bytes(b"old" if path in names else b"new")
whole.name_all(list(zip(parts, names)), True)
"""


def killed(program: str, *words: str) -> None:
    done = subprocess.run([sys.executable, "-c", program, *words], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_of_a_dead_process_goes_and_one_of_a_living_stays(tmp_path: Path) -> None:
    killed(DIES_IN_A_FOLDER, str(tmp_path))
    assert len(names_in(tmp_path)) == 1
    with scratch_folder(tmp_path, "trial") as first:
        assert names_in(tmp_path) == [first.name]
        assert first.stat().st_mode & 0o777 == 0o700
        with scratch_folder(tmp_path, "trial") as second:
            assert names_in(tmp_path) == sorted([first.name, second.name])
    assert names_in(tmp_path) == []


def test_nothing_of_others_is_taken_for_a_leftover(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    strange = [beside / f".edgemed-trial-{'a' * 16}", beside / f".edgemed-trial-{'b' * 15}"]
    for folder in (beside, tmp_path / "elsewhere", strange[1]):
        folder.mkdir()
    (tmp_path / "elsewhere" / "mine.txt").write_text("mine")
    strange[0].symlink_to(tmp_path / "elsewhere")
    with scratch_folder(beside, "trial"):
        pass
    assert names_in(beside) == sorted(path.name for path in strange)
    assert names_in(tmp_path / "elsewhere") == ["mine.txt"]


def test_a_file_that_a_dead_process_was_writing_goes_with_the_next(tmp_path: Path) -> None:
    killed(DIES_IN_A_FILE, str(tmp_path))
    assert [name[:9] for name in names_in(tmp_path)] == [".edgemed-"]
    whole.write_new(tmp_path / "other.txt", b"whole")
    assert names_in(tmp_path) == ["other.txt"]


def test_a_file_that_a_living_process_writes_stays(tmp_path: Path) -> None:
    part, fd = whole._begun(tmp_path)
    whole.write_whole(tmp_path / "other.txt", b"whole")
    assert names_in(tmp_path) == sorted([part.name, "other.txt"])
    os.close(fd)
    whole.write_whole(tmp_path / "other.txt", b"whole")
    assert names_in(tmp_path) == ["other.txt"]


def test_several_recipes_leave_nothing_once_they_are_planned_again(tmp_path: Path) -> None:
    for number, name in enumerate("ab", 1):
        write_pair_member(tmp_path / f"{name}.gguf", weights(number), "Q4_K")
    recipe = tmp_path / "two.yml"
    one = "name: {}\nmerge_method: linear\nparameters: {{weight: 1}}\nmodels:\n"
    first = one.format("half") + "- model: a.gguf\n- model: b.gguf\n"
    recipe.write_text(first + "---\n" + one.format("whole") + "- model: half\n- model: a.gguf\n")
    between = tmp_path / "between"
    between.mkdir()
    words = ["merge", str(recipe), "-o", str(tmp_path / "out.gguf"), "--dry-run"]
    words += ["--intermediate-dir", str(between)]
    killed(DIES_BETWEEN_RECIPES, *words)
    assert len(names_in(between)) == 1
    assert main(words) == 0
    assert names_in(between) == []


def test_shards_that_a_kill_left_aside_go_with_the_next_set(tmp_path: Path) -> None:
    killed(DIES_BETWEEN_NAMES, str(tmp_path))
    assert len([name for name in names_in(tmp_path) if ".old-" in name]) == 2
    mine = tmp_path / "m-1.gguf.old-versions"
    mine.write_bytes(b"mine")
    names = [tmp_path / f"m-{n}.gguf" for n in (1, 2)]
    parts = [path.with_name(path.name + ".part") for path in names]
    for part in parts:
        part.write_bytes(b"newer")
    whole.name_all(list(zip(parts, names, strict=True)), True)
    assert names_in(tmp_path) == sorted([mine.name, *(path.name for path in names)])
