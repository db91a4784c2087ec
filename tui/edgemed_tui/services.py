"""What the screens work with: models, folders, the clock, the log. Tests have their own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_models.base import LanguageModel

from edgemed.clinic.case.document import Origin
from edgemed.clinic.case.drafting import field_settings
from edgemed.clinic.findings import Review
from edgemed.clinic.reviewing.review import review
from edgemed.clinic.summarizing.template import Template
from edgemed.local_models.demonstration import LEARNED, UNLEARNED
from edgemed.logs.audit import LogFiles, now
from edgemed.machine.check import Check


class ModelChoice(NamedTuple):
    """One model that can be opened: its name, a few words about it, and its content's hash.

    `recipe` is the hash of the recipe it was merged by, if it was merged. `limits`: what it cannot
    do, by its card; empty if no card says anything. `adapter`: the one that is kept with it.
    """

    name: str
    about: str
    hash: str = ""
    demonstration: bool = False
    path: str = ""
    recipe: str = ""
    limits: str = ""
    adapter: str = ""

    @property
    def learned(self) -> str:
        """The only template that it has learned; empty if it follows any."""
        return LEARNED if self.demonstration and not self.limits else ""

    def warning(self, template: Template | None) -> str:
        """The warning before it writes by `template`: what it cannot do, or that it has not learned
        this; may be empty."""
        other = template is not None and template.name != self.learned
        return self.limits or (UNLEARNED if self.learned and other else "")


def origin_of(choice: ModelChoice, template: Template, settings: Mapping[str, Any]) -> Origin:
    """The record of what made a draft; `settings` are the other settings used."""
    settings = {"recipe_sha256": choice.recipe, **settings}
    settings |= field_settings(template)
    return Origin(
        choice.name,
        template.name,
        choice.hash,
        template.hash,
        choice.demonstration,
        tuple(settings.items()),
    )


@dataclass(frozen=True, slots=True)
class Services:
    """How to list and open models, where files are, and what time it is."""

    models: Callable[[], Sequence[ModelChoice]]
    open_model: Callable[[ModelChoice], LanguageModel]
    place: LogFiles
    settings: Path
    sessions: Path
    notes: Path
    doctor: Callable[[], Iterable[Check]] = field(default=tuple)
    sample: str = ""
    hashes_of: Callable[[ModelChoice], ModelChoice] = field(default=lambda choice: choice)
    review: Callable[[str, str], Review] = field(default=review)
    clock: Callable[[], str] = field(default=now)
