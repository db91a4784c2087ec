"""The two ways to work on a case, screen and line mode, behind one set of verbs: for one suite.

Every verb waits until it is done. `lose` is the answer where losing unsaved work is asked.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from edgemed_models.fake import ScriptedModel
from edgemed_tui import plain
from edgemed_tui.app import EdgemedApp
from edgemed_tui.literal import Words
from edgemed_tui.messages import DismissAsked, InsertAsked, NotePasted
from edgemed_tui.plain.line import Line
from edgemed_tui.screens.compare import CompareScreen
from edgemed_tui.screens.dialogs import (
    AskPassphrase,
    AskReason,
    AskSignature,
    AskUnsaved,
    Confirm,
)
from edgemed_tui.screens.files import AskPath
from edgemed_tui.screens.picker import Picker
from edgemed_tui.screens.welcome import WelcomeScreen
from edgemed_tui.services import ModelChoice, Services
from edgemed_tui.widgets.status import Notice, StatusLine
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from edgemed.clinic import session as steps
from edgemed.clinic.case import Case
from edgemed.clinic.drafting import Draft
from edgemed.clinic.findings import Omission, Review
from edgemed.clinic.session import Session
from tests.tui.driving import case_of, panes_of, press, started
from tests.tui.scripted import NOTE, services

PASSPHRASE = "four words of mine"
NAMES = ("screen", "line mode")

ANSWERS = {
    "Why": "seen",
    "Your name": "Dr A",
    "Dr A signs": "yes",
    "Reason": "1",
    "Try again": "no",
}
"""What the line mode is told, by the beginning of its question."""


ACTIONS = {
    "draft": "action_make_draft",
    "template": "action_choose_template",
    "model": "action_choose_model",
}


class Way:
    """What both ways can do; `asked` counts the questions about losing work."""

    def __init__(self, folder: Path, model: ScriptedModel) -> None:
        self.folder, self.model, self.asked, self.lose = folder, model, 0, False
        self.allow = False  # the answer where copying is to be allowed
        self.passphrases = self.questions = 0  # how often was asked for one, and for anything
        self.copied: list[str] = []

    @property
    def case(self) -> Case:
        raise NotImplementedError

    @property
    def session(self) -> Session:
        return self.case.session

    @property
    def template_name(self) -> str:
        """What the next draft follows; empty where nothing was chosen."""
        return self.case.template.name if self.case.template else ""

    @property
    def said(self) -> str:
        raise NotImplementedError

    def finding(self, kind: type) -> steps.Finding:
        return next(f for f in steps.findings(self.session) if isinstance(f, kind))


class ByLine(Way):
    """The line mode."""

    def __init__(self, folder: Path, model: ScriptedModel, own: Services) -> None:
        super().__init__(folder, model)
        self.heard: list[str] = []
        self.typed: list[str] = []
        self.wants: list[str] = []  # what is taken of the next lists
        self.line = Line(own, self.heard.append, self.answer, self.secret, self.copied.append)

    @property
    def case(self) -> Case:
        return self.line.case

    @property
    def said(self) -> str:
        return "\n".join(self.heard)

    async def command(self, word: str) -> str:
        """Give a command as one types it; what is said."""
        self.type({"export": "export out.txt", "dismiss": "dismiss 1"}.get(word, word))
        return self.said

    def answer(self, prompt: str) -> str:
        self.questions += 1
        if "Discard it?" in prompt:
            self.asked += 1
            return "yes" if self.lose else "no"
        if not prompt:
            return self.typed.pop(0) if self.typed else "."
        if "Allow copying" in prompt:
            return "yes" if self.allow else "no"
        if prompt.endswith("a number: ") and self.wants:
            want = self.wants.pop(0)
            row = next(row for row in reversed(self.heard) if f": {want}" in row)
            return row.partition(":")[0]
        return next((ANSWERS[head] for head in ANSWERS if prompt.startswith(head)), "")

    def secret(self, prompt: str) -> str:
        self.passphrases += prompt == "Passphrase: "
        return PASSPHRASE

    def type(self, typed: str, *, lose: bool = False) -> None:
        self.lose = lose
        self.heard.clear()
        plain.answer(self.line, typed)

    def number(self, finding: steps.Finding) -> int:
        return steps.findings(self.session).index(finding) + 1

    async def sample(self, *, lose: bool = True) -> None:
        self.type("sample", lose=lose)

    async def template(self, title: str, *values: str) -> None:
        self.wants = [title, *values]
        self.type("template")

    async def broken_template(self, name: str) -> str:
        self.type(f"template {name}")
        return self.said

    async def look_at(self, words: str) -> str:
        rows = self.session.text.splitlines()
        self.type(f"evidence {1 + next(n for n, row in enumerate(rows) if words in row)}")
        return self.said

    async def step(self, by: int) -> str:
        self.type("next" if by > 0 else "previous")
        return self.said

    async def compare(self, number: int) -> str:
        self.type(f"compare {number or ''}")
        return self.said

    async def copy(self, *, allow: bool = False) -> None:
        self.allow = allow
        self.type("copy")

    async def forbid_copying(self) -> None:
        self.type("copy off")

    async def note(self, text: str, *, lose: bool = False) -> None:
        path = self.folder / "another.txt"
        path.write_text(text, encoding="utf-8")
        self.type(f"note {path}", lose=lose)

    async def paste(self, text: str, *, lose: bool = False) -> None:
        self.typed = [*text.splitlines(), "."]
        self.type("paste", lose=lose)

    async def draft(self) -> None:
        self.type("draft")

    async def turn_to(self, number: int) -> None:
        self.type(f"document {number}")

    async def add(self, words: str) -> None:
        self.typed = [words, "."]
        self.type("addendum")

    async def open(self, path: Path, *, lose: bool = False) -> None:
        self.type(f"open {path.stem}", lose=lose)

    async def dismiss(self, finding: steps.Finding) -> None:
        self.type(f"dismiss {self.number(finding)}")

    async def restore(self, finding: steps.Finding) -> None:
        self.type(f"restore {self.number(finding)}")

    async def insert(self, omission: Omission) -> None:
        self.type(f"insert {self.number(omission)}")

    async def edit_last(self, words: str) -> None:
        self.type(f"edit {len(self.session.text.splitlines())} {words}")

    async def sign(self) -> None:
        self.type("sign")

    async def export(self, path: Path | str) -> None:
        self.type(f"export {path}")

    async def seal(self, folder: Path) -> None:
        self.type(f"seal {folder}")

    async def save(self, called: str = "") -> None:
        self.type(f"save {called}")

    async def names(self) -> str:
        self.type("sessions names")
        return self.said

    async def quit(self, *, lose: bool = False) -> bool:
        self.lose = lose
        self.heard.clear()
        return not plain.answer(self.line, "quit")


class ByScreen(Way):
    """The screen, driven by keys and by the messages of its panes."""

    def __init__(self, folder: Path, model: ScriptedModel, pilot: Pilot[None]) -> None:
        super().__init__(folder, model)
        self.pilot = pilot
        self.begun = 0  # drafts; what the screen says may be of the one before
        begin = self.case.begin_draft

        def counted() -> Draft:
            self.begun += 1
            return begin()

        self.case.begin_draft = counted  # type: ignore[method-assign]

    @property
    def case(self) -> Case:
        return case_of(self.pilot).case

    @property
    def said(self) -> str:
        screen = case_of(self.pilot)
        return f"{screen.query_one(Notice).content} {screen.query_one(StatusLine).content}"

    async def settled(self) -> None:
        """Wait until nothing is written or checked any more."""
        for _ in range(3):
            await self.pilot.pause()
        for _ in range(500):
            screen = case_of(self.pilot)
            waits = (
                self.session.text and not self.session.review and "check failed" not in (self.said)
            )
            if not screen.streaming and not waits:
                await self.pilot.pause()
                return
            await self.pilot.pause(0.02)
        raise AssertionError("the screen never came to rest")

    async def command(self, word: str) -> str:
        """Do what a key does, shown or not; what is said."""
        screen = case_of(self.pilot)
        if word == "dismiss":
            screen.post_message(DismissAsked(steps.findings(self.session)[0]))
        elif (worker := getattr(screen, ACTIONS.get(word, f"action_{word}"))()) is not None:
            await self.pilot.pause()
            assert worker.is_finished or self.pilot.app.screen is not screen
        await self.settled()
        if self.pilot.app.screen is not screen:
            self.questions += 1
            await press(self.pilot, "escape")
        return self.said

    async def confirm(self, lose: bool) -> None:
        if isinstance(self.pilot.app.screen, AskUnsaved):
            self.asked += 1
            await press(self.pilot, *(("end", "enter") if lose else ("enter",)))

    async def tell(self, wanted: type, **typed: str) -> None:
        """Type into a dialog and confirm, where it has come."""
        dialog = self.pilot.app.screen
        if not isinstance(dialog, wanted):
            return
        self.passphrases += wanted is AskPassphrase
        for name, value in typed.items():
            for line in dialog.query(f"#{name}").results(Input):
                line.value = value
                line.focus()
        await press(self.pilot, "enter")
        if dialog.is_current:
            await press(self.pilot, "escape")

    async def sample(self, *, lose: bool = True) -> None:
        await press(self.pilot, "ctrl+p", *"welcome", "enter")
        await press(self.pilot, "enter")
        await self.pilot.pause()
        await self.confirm(lose)
        await self.settled()

    async def template(self, title: str, *values: str) -> None:
        await press(self.pilot, "ctrl+t", *title, "enter")
        for value in values:
            await press(self.pilot, *value, "enter")

    async def broken_template(self, name: str) -> str:
        await press(self.pilot, "ctrl+t", *name, "enter")
        return self.said

    async def look_at(self, words: str) -> str:
        pane = panes_of(self.pilot).draft
        pane.focus()
        pane.move_cursor(pane.document.get_location_from_index(self.session.text.index(words)))
        for _ in range(3):
            await self.pilot.pause()
        spans = panes_of(self.pilot).source.evidence
        return " ".join(steps.quoted(self.session.source, span) for span in spans)

    async def step(self, by: int) -> str:
        panes_of(self.pilot).draft.focus()
        await press(self.pilot, "n" if by > 0 else "p")
        finding = panes_of(self.pilot).findings.current
        return finding.reason if finding else ""

    async def compare(self, number: int) -> str:
        panes_of(self.pilot).draft.focus()
        await press(self.pilot, "v")
        if isinstance(self.pilot.app.screen, Picker):
            await press(self.pilot, *(str(number) if number else "model"), "enter")
        assert isinstance(self.pilot.app.screen, CompareScreen)
        said = str(self.pilot.app.screen.query_one(Words).content)
        await press(self.pilot, "escape")
        return said

    async def copy(self, *, allow: bool = False) -> None:
        panes_of(self.pilot).draft.focus()
        await press(self.pilot, "c")
        if isinstance(self.pilot.app.screen, Confirm):
            await press(self.pilot, *(("down", "enter") if allow else ("enter",)))
        await self.settled()

    async def forbid_copying(self) -> None:
        await press(self.pilot, "ctrl+p", *"clipboard", "enter")
        await self.settled()

    async def note(self, text: str, *, lose: bool = False) -> None:
        path = self.folder / "another.txt"
        path.write_text(text, encoding="utf-8")
        await press(self.pilot, "ctrl+n")
        await self.confirm(lose)
        if self.pilot.app.screen is not case_of(self.pilot):
            self.pilot.app.screen.query_one(Input).value = str(path)
            await press(self.pilot, "enter")
        await self.settled()

    async def paste(self, text: str, *, lose: bool = False) -> None:
        case_of(self.pilot).post_message(NotePasted(text))
        await self.pilot.pause()
        await self.pilot.pause()
        await self.confirm(lose)
        await self.settled()

    async def draft(self) -> None:
        before = self.begun
        await press(self.pilot, "ctrl+g")
        for _ in range(1000):
            if self.begun > before:
                break
            await self.pilot.pause(0.01)
        assert self.begun > before
        await self.settled()

    async def turn_to(self, number: int) -> None:
        panes_of(self.pilot).draft.focus()
        await press(self.pilot, "o")
        if isinstance(self.pilot.app.screen, Picker):
            await press(self.pilot, *str(number), "enter")
            await press(self.pilot, "escape")
        await self.settled()

    async def add(self, words: str) -> None:
        panes_of(self.pilot).draft.focus()
        await press(self.pilot, "a")
        if not panes_of(self.pilot).draft.read_only:
            await press(self.pilot, *words, "enter", "escape")
        await self.settled()

    async def open(self, path: Path, *, lose: bool = False) -> None:
        await press(self.pilot, "ctrl+n")
        await self.confirm(lose)
        if self.pilot.app.screen is not case_of(self.pilot):
            await press(self.pilot, *path.stem, "enter")
            await self.tell(AskPassphrase, first=PASSPHRASE)
        await self.settled()

    async def dismiss(self, finding: steps.Finding) -> None:
        case_of(self.pilot).post_message(DismissAsked(finding))
        await self.settled()
        if isinstance(self.pilot.app.screen, AskReason):
            await press(self.pilot, "down", "enter")
        await self.settled()

    restore = dismiss

    async def insert(self, omission: Omission) -> None:
        case_of(self.pilot).post_message(InsertAsked(omission))
        await self.settled()

    async def edit_last(self, words: str) -> None:
        pane = panes_of(self.pilot).draft
        if pane.frozen:
            return
        pane.focus()
        await press(self.pilot, "e")
        pane.move_cursor(pane.document.end)
        await press(self.pilot, "ctrl+u", *words, "escape")
        await self.settled()

    async def sign(self) -> None:
        panes_of(self.pilot).draft.focus()
        await press(self.pilot, "s")
        await self.tell(AskSignature, by="Dr A", reason="seen")
        if isinstance(self.pilot.app.screen, Confirm):
            await press(self.pilot, "down", "enter")
        await self.settled()

    async def export(self, path: Path | str) -> None:
        panes_of(self.pilot).draft.focus()
        await press(self.pilot, "x")
        await self.tell(AskPath, path=str(path))
        await self.settled()

    async def seal(self, folder: Path) -> None:
        panes_of(self.pilot).draft.focus()
        await press(self.pilot, "z")
        await self.tell(AskPath, path=str(folder))
        await self.settled()

    async def names(self) -> str:
        await press(self.pilot, "ctrl+n", "ctrl+l")
        await self.tell(AskPassphrase, first=PASSPHRASE)
        rows = self.pilot.app.screen.query_one(OptionList)
        for _ in range(200):
            said = " ".join(str(row.prompt) for row in rows.options)
            if "(saved session)" in said:
                break
            await self.pilot.pause(0.02)
        await press(self.pilot, "escape")
        return said

    async def save(self, called: str = "") -> None:
        panes_of(self.pilot).draft.focus()
        await press(self.pilot, *(("l", *called, "enter") if called else ("ctrl+s",)))
        await self.tell(AskPassphrase, first=PASSPHRASE, second=PASSPHRASE)
        await self.settled()

    async def quit(self, *, lose: bool = False) -> bool:
        await press(self.pilot, "ctrl+q")
        await self.confirm(lose)
        await self.pilot.pause()
        return self.pilot.app._exit


AnyWay = ByLine | ByScreen


@asynccontextmanager
async def way(
    name: str,
    folder: Path,
    model: ScriptedModel,
    review: Callable[[str, str], Review] | None = None,
    *,
    demonstration: bool = False,
    note: str | None = NOTE,
    models: Callable[[], Sequence[ModelChoice]] | None = None,
) -> AsyncIterator[AnyWay]:
    """The screen or the line mode with a note open and a template chosen."""
    own = services(model, demonstration=demonstration, folder=folder)
    own = replace(own, review=review or own.review, models=models or own.models)
    if name == "screen":
        async with started(EdgemedApp(own, note)) as pilot:
            if isinstance(pilot.app.screen, WelcomeScreen):
                await press(pilot, "escape")
            await press(pilot, "ctrl+t", "enter")
            by = ByScreen(folder, model, pilot)
            pilot.app.release = by.copied.append  # type: ignore[attr-defined]
            yield by
        return
    by_line = ByLine(folder, model, own)
    if note is not None:
        await by_line.note(note)
    by_line.type("template soap")
    yield by_line
    by_line.line.close()
