"""Lists of files: folders first, up and down by keys, paths, hostile names, drives that hang."""

import os
import threading
import time
from pathlib import Path

import pytest
from edgemed_tui import folders
from edgemed_tui.folders import WAITING, Listing, folder_with, listed, shown_path
from edgemed_tui.literal import Words
from edgemed_tui.screens.ask_path import AskPath
from edgemed_tui.screens.files import FilePicker
from edgemed_tui.screens.notes import NotePicker
from edgemed_tui.screens.picker import Choice, Picker
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from edgemed.storage import media, networked
from tests.tui.driving import case_of, drafted, press, started
from tests.tui.scripted import app


def rows(pilot: Pilot[None]) -> list[str]:
    return [str(row.prompt) for row in pilot.app.screen.query_one(OptionList).options]


def words(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#empty", Words).content)


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """A folder with two folders and three files; what is hidden is not counted."""
    top = tmp_path / "top"
    for name in ("ward b", "Ward A", ".cache"):
        (top / name).mkdir(parents=True)
    for age, name in enumerate(("newest.txt", "older.TXT", "oldest.txt", ".hidden.txt", "x.pdf")):
        (top / name).write_text("Seen today for a cough. No fever. Home with advice.")
        os.utime(top / name, (1e9 - age, 1e9 - age))
    (top / "Ward A" / "inside.txt").write_text("Seen today for a rash. No fever. Home.")
    return top


async def test_folders_come_first_then_files_and_typing_narrows(ward: Path) -> None:
    async with started(app(folder=ward.parent)) as pilot:
        pilot.app.push_screen(FilePicker("Open", ward, (".txt",)))
        await pilot.pause()
        names = [row.split("  ")[0].strip() for row in rows(pilot)]
        assert names == ["↑ ..", "Ward A/", "ward b/", "newest.txt", "older.TXT", "oldest.txt"]
        assert pilot.app.screen.query_one(OptionList).highlighted == 1
        await press(pilot, *"old")
        await pilot.pause(0.1)
        assert [row.split()[0] for row in rows(pilot)] == ["older.TXT", "oldest.txt"]
        await press(pilot, *["backspace"] * 3, ".", "h")
        await pilot.pause(0.1)
        assert [row.split()[0] for row in rows(pilot)] == [".hidden.txt", ".cache/"]


async def test_keys_alone_go_into_a_folder_and_up_again(ward: Path) -> None:
    answers: list[Path | None] = []
    async with started(app(folder=ward.parent)) as pilot:
        pilot.app.push_screen(FilePicker("Open", ward, (".txt",)), answers.append)
        await press(pilot, "enter")
        assert "Ward A" in str(pilot.app.screen.query_one("#picker").border_title)
        await press(pilot, "backspace")
        assert len(rows(pilot)) == 6
        await press(pilot, *"war", "tab", "enter")
        assert answers == [ward / "Ward A" / "inside.txt"]


async def test_a_path_is_typed_with_its_folder_listed_and_completed(ward: Path) -> None:
    answers: list[Path | None] = []
    async with started(app(folder=ward.parent)) as pilot:
        pilot.app.push_screen(FilePicker("Open", ward.parent, (".txt",)), answers.append)
        await press(pilot, *"top/new")
        await pilot.pause(0.1)
        assert [row.split()[0] for row in rows(pilot)] == ["newest.txt"]
        await press(pilot, "tab")
        assert pilot.app.screen.query_one("#search", Input).value == str(ward / "newest.txt")
        await press(pilot, "enter")
        picker = FilePicker("Open", ward.parent, (".txt",))
        pilot.app.push_screen(picker, answers.append)
        await pilot.pause()
        picker.query_one("#search", Input).value = str(ward / "x.pdf")  # of no listed ending
        await press(pilot, "enter")
        picker = FilePicker("Open", ward.parent, (".txt",))
        pilot.app.push_screen(picker, answers.append)
        await press(pilot, *"top/", "enter")
        await press(pilot, "escape")
    assert answers == [ward / "newest.txt", ward / "x.pdf", None]


async def test_a_note_of_another_folder_is_opened(ward: Path) -> None:
    async with started(app(folder=ward.parent)) as pilot:
        await press(pilot, "ctrl+n", *"top", "enter", *"ward", "enter", "enter")
        assert case_of(pilot).session.source.startswith("Seen today for a rash")


async def test_hostile_names_are_shown_as_signs_and_do_not_go_into_the_line(tmp_path: Path) -> None:
    odd = ("esc\x1b]52;c;eA==\x07.txt", "rtl\u202etxt.exe.txt", "two\nlines.txt", "[b]bold[b].txt")
    for name in odd:
        (tmp_path / name).write_text("x")
    (tmp_path / os.fsdecode(b"latin\xe9.txt")).write_text("x")
    async with started(app(folder=tmp_path)) as pilot:
        picker = FilePicker("Open", tmp_path, (".txt",))
        pilot.app.push_screen(picker)
        await pilot.pause()
        shown = "".join(rows(pilot))
        assert "[b]bold[b].txt" in shown and "two␊lines.txt" in shown
        assert not any(c in shown for c in "\x1b\x07\u202e\n\udce9")
        for at in range(picker.query_one(OptionList).option_count):
            picker.query_one(OptionList).highlighted = at
            if picker._shown[at].value.is_file():
                picker.action_complete()
                assert picker.query_one("#search", Input).value in ("", "[b]bold[b].txt")
                picker._fill("")


async def test_where_a_file_goes_is_chosen_by_folders_and_its_name_goes_along(ward: Path) -> None:
    answers: list[str | None] = []
    async with started(app(folder=ward.parent)) as pilot:
        pilot.app.push_screen(AskPath("Export", "about", f"{ward}/letter.txt"), answers.append)
        await pilot.pause()
        assert [row.split("  ")[0] for row in rows(pilot)] == ["↑ ..", "Ward A/", "ward b/"]
        await press(pilot, "down", "down", "enter")
        line = pilot.app.screen.query_one("#path", Input)
        assert line.value == f"{ward}/Ward A/letter.txt"
        await press(pilot, "down", "up", "enter")
    assert answers == [f"{ward}/Ward A/letter.txt"]


async def test_a_drive_that_does_not_answer_holds_up_nobody(
    ward: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def slow(folder: Path, endings: object) -> Listing:
        if folder.name == "ward b":
            answers.wait(20)
        return listed(folder, (".txt",))

    monkeypatch.setattr(folders, "listed", slow)
    monkeypatch.setattr(folders, "PATIENCE", 0.05)
    async with started(app(folder=ward.parent)) as pilot:
        pilot.app.push_screen(FilePicker("Open", ward, (".txt",)))
        await pilot.pause()
        while len(rows(pilot)) != 6:
            await pilot.pause(0.02)
        await press(pilot, *"ward", "down", "tab")
        assert words(pilot) == WAITING
        await press(pilot, "backspace")  # up again, meanwhile
        while len(rows(pilot)) != 6:
            await pilot.pause(0.02)
        await press(pilot, *"ward", "down", "tab")
        (ward / "ward b" / "late.txt").write_text("x")
        answers.set()
        while not any(row.startswith("late.txt") for row in rows(pilot)):
            await pilot.pause(0.02)


def test_a_drive_of_the_network_is_said_and_never_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a share" / "below").mkdir(parents=True)
    (tmp_path / "stick").mkdir()
    mounts = tmp_path / "mounts"
    mounts.write_text(f"srv:/x {tmp_path}/a\\040share nfs4 rw 0 0\n/dev/sda {tmp_path}/stick vfat")
    monkeypatch.setattr(networked, "MOUNTS", mounts)
    about = {entry.path.name: entry.about for entry in listed(tmp_path, ()).entries}
    assert about == {"a share": "folder, on the network", "stick": "folder"}
    asked: list[str] = []
    monkeypatch.setattr(media, "PLACES", (str(tmp_path),))
    monkeypatch.setattr(os.path, "ismount", lambda path: asked.append(Path(path).name) or True)
    assert list(media.media()) == [tmp_path / "mounts", tmp_path / "stick"]
    assert "a share" not in asked and "below" not in asked


def test_what_is_gone_a_folder_or_a_pipe_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nothing")
    (tmp_path / "here.txt").write_text("a note")
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    found = [(e.path.name, e.is_folder) for e in listed(tmp_path, (".txt",)).entries]
    assert found == [("folder.txt", True), ("here.txt", False)]
    assert listed(tmp_path / "nowhere", ()).words == "No such file or directory."
    assert listed(Path("/\0"), ()).words


def test_a_long_path_shows_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert shown_path(tmp_path / "notes", 50) == "~/notes"
    assert shown_path(Path("/a") / ("b" * 60) / "end", 20) == "…" + "b" * 15 + "/end"


def test_a_folder_of_many_is_listed_in_part_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MOST", 3)
    for at in range(5):
        (tmp_path / f"{at}.txt").write_text("x")
    found = listed(tmp_path, (".txt",))
    assert len(found.entries) == 3 and found.words.startswith("2 more are here")
    assert time.strftime("%Y") in found.entries[0].about


async def test_a_note_picker_stays_where_it_is_when_a_note_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "odd.txt").write_bytes(b"\0\0\0\0")
    async with drafted(tmp_path) as pilot:
        picker = NotePicker(tmp_path, [])
        pilot.app.push_screen(picker)
        await press(pilot, *"odd", "enter")
        assert pilot.app.screen is picker and "zero" in words(pilot)


async def test_the_last_of_many_choices_is_in_sight_in_a_small_window(tmp_path: Path) -> None:
    about = "a word about it that is too long for any row of a window with eighty columns " * 2
    choices = [Choice(f"choice {n}", about + str(n), n) for n in range(20)]
    async with started(app(folder=tmp_path), size=(80, 24)) as pilot:
        await pilot.app.push_screen(Picker("Many", choices, marked=19))
        await pilot.pause(0.2)
        rows = [strip.text for strip in pilot.app.screen._compositor.render_strips()]
        assert any("choice 19" in row for row in rows)
        assert "19" in str(pilot.app.screen.query_one("#whole", Words).content)
        assert any("enter chooses" in row for row in rows)


async def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("no model")
    async with started(app(folder=tmp_path)) as pilot:
        await pilot.app.push_screen(FilePicker("A model", tmp_path, (".gguf",)))
        await pilot.pause(0.2)
        said = str(pilot.app.screen.query_one("#empty", Words).content)
        assert said.startswith("No file of the kind .gguf is in this folder")


def test_models_are_looked_for_where_some_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "Downloads").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert folder_with(".gguf") == tmp_path
    (tmp_path / "Downloads" / "m.gguf").write_bytes(b"")
    assert folder_with(".gguf") == tmp_path / "Downloads"
    (tmp_path / "here" / "m.gguf").write_bytes(b"")
    assert folder_with(".gguf") == tmp_path / "here"
