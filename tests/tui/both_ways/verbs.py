"""What both ways to work on a case can be asked, and what they answer."""

from pathlib import Path

from edgemed_models.fake import ScriptedModel

from edgemed.clinic.case import session as steps
from edgemed.clinic.case.case import Case
from edgemed.clinic.case.session import Session

PASSPHRASE = "four words of mine"


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
