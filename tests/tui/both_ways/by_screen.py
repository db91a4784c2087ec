"""The screen behind the verbs of both ways, driven by keys and by the messages of its panes."""

from pathlib import Path

from edgemed_models.fake import ScriptedModel
from edgemed_tui.literal import Words
from edgemed_tui.messages import DismissAsked, InsertAsked, NotePasted
from edgemed_tui.screens.ask_path import AskPath
from edgemed_tui.screens.compare import CompareScreen
from edgemed_tui.screens.dialogs import (
    AskPassphrase,
    AskReason,
    AskSignature,
    AskUnsaved,
    Confirm,
)
from edgemed_tui.screens.picker import Picker
from edgemed_tui.widgets.status import Notice, StatusLine
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from edgemed.clinic.case import session as steps
from edgemed.clinic.case.case import Case
from edgemed.clinic.case.drafting import Draft
from edgemed.clinic.findings import Omission
from tests.tui.both_ways.verbs import PASSPHRASE, Way
from tests.tui.driving import case_of, panes_of, press

ACTIONS = {
    "draft": "action_make_draft",
    "template": "action_choose_template",
    "model": "action_choose_model",
}


class ByScreen(Way):
    """The screen, driven by keys and by the messages of its panes."""

    def __init__(self, folder: Path, model: ScriptedModel, pilot: Pilot[None]) -> None:
        super().__init__(folder, model)
        self.pilot = pilot
        self.refusal = ""  # why a path was asked for again
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
        status = screen.query_one(StatusLine).content
        return f"{self.refusal} {screen.query_one(Notice).content} {status}"

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
        await self.place(str(path))

    async def seal(self, folder: Path) -> None:
        panes_of(self.pilot).draft.focus()
        await press(self.pilot, "z")
        await self.place(str(folder))

    async def place(self, path: str) -> None:
        """Answer where something is to be; go back where that will not do."""
        await self.tell(AskPath, path=path)
        await self.settled()
        self.refusal = ""
        if isinstance(again := self.pilot.app.screen, AskPath):
            self.refusal = str(again.query_one("#fault", Words).content)
            await press(self.pilot, "escape")

    async def names(self) -> str:
        await press(self.pilot, "ctrl+n", "ctrl+l")
        await self.tell(AskPassphrase, first="another one")
        for _ in range(200):  # a slip is asked again
            if isinstance(self.pilot.app.screen, AskPassphrase):
                break
            await self.pilot.pause(0.02)
        await self.pilot.pause()
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
