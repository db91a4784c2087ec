"""The line mode behind the verbs of both ways."""

from pathlib import Path

from edgemed_models.fake import ScriptedModel
from edgemed_tui import plain
from edgemed_tui.plain.line import LineMode
from edgemed_tui.services import Services

from edgemed.clinic.case import session as steps
from edgemed.clinic.case.case import Case
from edgemed.clinic.findings import Omission
from tests.tui.both_ways.verbs import PASSPHRASE, Way

ANSWERS = {
    "Why": "seen",
    "Your name": "Dr A",
    "Dr A signs": "yes",
    "Reason": "1",
    "Try again": "no",
}
"""What the line mode is told, by the beginning of its question."""


class ByLine(Way):
    """The line mode."""

    def __init__(self, folder: Path, model: ScriptedModel, own: Services) -> None:
        super().__init__(folder, model)
        self.heard: list[str] = []
        self.typed: list[str] = []
        self.wants: list[str] = []  # what is taken of the next lists
        self.line = LineMode(own, self.heard.append, self.answer, self.secret, self.copied.append)

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
