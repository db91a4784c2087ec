"""Two programs that change the list of models at once: no model is lost, no file is another's."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgemed.errors import Refused, UsageError
from edgemed.local_models import adding, library
from edgemed.storage.held import give_up, hold
from tests.edgemed.merge_pairs import weights, write_pair_member

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [write_pair_member(tmp_path / f"{n}.gguf", weights(n)) for n in range(2)]


def quiet(nbytes: int) -> None:
    """No progress."""


def meanwhile(act: Callable[[], object]) -> Callable[[int], None]:
    """A progress that lets another program `act` once, while a model is being copied."""
    waiting = [act]

    def progress(nbytes: int) -> None:
        if waiting:
            waiting.pop()()

    return progress


@pytest.mark.parametrize("link", [True, False])
def test_a_model_added_while_another_is_copied_stays(files: list[Path], link: bool) -> None:
    other = meanwhile(lambda: adding.add(files[1], "b", link, quiet))
    adding.add(files[0], "a", link, other)
    assert [entry.name for entry in library.read_library().entries] == ["b", "a"]


def test_a_name_taken_meanwhile_keeps_its_file(files: list[Path]) -> None:
    def taken() -> None:
        entry = adding.add(files[1], "b", True, quiet)
        target = library.folder() / "a.gguf"
        target.write_bytes(files[1].read_bytes())
        library.write_library(
            library.Library((library.AddedModel(**{**as_table(entry), "name": "a"}),), "a")
        )

    with pytest.raises(UsageError, match="called 'a' already"):
        adding.add(files[0], "a", False, meanwhile(taken))
    entry = library.read_library().find("a")
    assert entry is not None
    found = hashlib.sha256((library.folder() / "a.gguf").read_bytes()).hexdigest()
    assert found == entry.sha256
    assert not list(library.folder().glob("*.part"))


def as_table(entry: library.AddedModel) -> dict[str, object]:
    return {name: getattr(entry, name) for name in entry.__dataclass_fields__}


@needs_fork
def test_many_changes_at_once_are_all_kept(files: list[Path]) -> None:
    children = []
    for number in range(4):
        if (pid := os.fork()) == 0:
            code = 1
            try:
                for turn in range(5):
                    adding.enlist(listed(files[0], f"m{number}-{turn}"), lambda: None)
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4
    assert len(library.read_library().entries) == 20


def listed(file: Path, name: str) -> library.AddedModel:
    return library.AddedModel(name, str(file), f"00 {name}", False, "none", False)


def test_a_list_that_another_holds_for_long_is_said(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PATIENCE", 0.05)
    library.make_folder()
    lock = library.folder() / "library.json.lock"
    fd = hold(lock)
    with pytest.raises(Refused, match="another program is changing"):
        adding.add(files[0], "a", True, quiet)
    give_up(lock, fd)
    adding.add(files[0], "a", True, quiet)
    assert not lock.exists()
