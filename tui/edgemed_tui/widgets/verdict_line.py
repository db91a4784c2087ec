"""The line above the texts: whether the draft can be used, in words, with a sign and a colour."""

from edgemed.clinic.case.session import Session, open_findings
from edgemed.clinic.case.verdict import Verdict, verdict
from edgemed_tui.literal import Words, literal

SIGNS = {
    "none": "",
    "checking": "…",
    "unusable": "✕",
    "look": "▲",
    "clear": "·",
    "signed": "■",
}
MINOR = "△"
MARGIN = 2  # columns beside the words


class VerdictLine(Words):
    """One line; hidden if there is no text."""

    def __init__(self) -> None:
        super().__init__(id="verdict")
        self.display = False
        self.verdict = Verdict("none", "")
        self._words = ""

    def show(self, session: Session) -> None:
        """Show the verdict on the open text."""
        found = verdict(session)
        if found == self.verdict:
            return
        for kind in SIGNS:
            self.set_class(kind == found.kind, f"-{kind}")
        self.verdict = found
        self._words = f" {sign(session, found)} {found.words} "
        self._fit()
        self.say(literal((self._words, "bold")))
        self.display = found.kind != "none"

    def on_resize(self) -> None:
        """A narrow window needs a second line."""
        self._fit()

    def _fit(self) -> None:
        """One line, or two if it is long; an automatic height would lay out the whole screen again
        with every typed letter."""
        room = self.screen.size.width - MARGIN
        self.set_class(len(self._words) > room, "-long")


def sign(session: Session, found: Verdict) -> str:
    """The sign of a verdict; that of minor findings if nothing else is open."""
    still_open = open_findings(session) if found.kind == "look" and not session.cut else ()
    if still_open and all(finding.severity == "minor" for finding in still_open):
        return MINOR
    return SIGNS[found.kind]
