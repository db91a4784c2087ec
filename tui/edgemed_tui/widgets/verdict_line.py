"""The line above the texts: whether the draft can be used, in words, with a sign and a colour."""

from edgemed.clinic.session import Session
from edgemed.clinic.verdict import Verdict, verdict
from edgemed_tui.literal import Words, literal

SIGNS = {
    "none": "",
    "checking": "…",
    "unusable": "✕",
    "look": "▲",
    "clear": "·",
    "signed": "■",
}


class VerdictLine(Words):
    """One line; not there where there is no text."""

    def __init__(self) -> None:
        super().__init__(id="verdict")
        self.display = False
        self.verdict = Verdict("none", "")

    def show(self, session: Session) -> None:
        """Say how it stands with the open text."""
        found = verdict(session)
        if found == self.verdict:
            return
        for kind in SIGNS:
            self.set_class(kind == found.kind, f"-{kind}")
        self.verdict = found
        self.say(literal((f" {SIGNS[found.kind]} {found.words} ", "bold")))
        self.display = found.kind != "none"
