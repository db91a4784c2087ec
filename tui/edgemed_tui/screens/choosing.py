"""Chooses what a draft is made from, on the screen: note, template and its fields, model."""

from collections.abc import Callable
from pathlib import Path

from edgemed.clinic.case import sessions
from edgemed.clinic.case.case import Case
from edgemed.clinic.case.kept import AtStake
from edgemed.clinic.case.session import DEMONSTRATION
from edgemed.clinic.note import Note
from edgemed.clinic.summarizing.template import Template, fill
from edgemed.clinic.summarizing.template_files import read_templates
from edgemed.errors import EdgemedError
from edgemed_tui.screens.deciding import Deciding
from edgemed_tui.screens.drafting import Drafting
from edgemed_tui.screens.notes import NotePicker, TypeNote
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.screens.view import Owner, View
from edgemed_tui.services import ModelChoice, Services

BEGIN_WITH = ("soap", "discharge-summary", "referral-letter", "visit-dialogue")
NO_MODEL = "No model is here. Add one: edgemed models add FILE.gguf"


class Choosing:
    """A case, and the choices before its draft. `opened` is called when a note is open."""

    def __init__(
        self,
        case: Case,
        services: Services,
        owner: Owner,
        view: View,
        helpers: tuple[Drafting, Deciding],
        opened: Callable[[], None],
    ) -> None:
        self.case, self.services, self.owner, self.view = case, services, owner, view
        self.drafting, self.deciding = helpers
        self.opened = opened
        self._templates: list[Template] = []

    def begin(self) -> list[EdgemedError]:
        """Load the first model and list the templates; returns those that cannot be used."""
        self._templates, broken = read_templates()
        faults = [fault for _, fault in broken]
        try:
            choices = self.services.models()
        except EdgemedError as error:
            return [*faults, error]
        if choices:
            self.drafting.take_model(choices[0])
        return faults

    @property
    def usual(self) -> list[Template]:
        """The templates with the most drafts first, then those that most people begin with.

        With the demonstration model, the one that it has learned is first.
        """
        learned, used = self._learned, self.owner.settings.templates
        order = {name: at for at, name in enumerate(BEGIN_WITH)}
        return sorted(
            self._templates,
            key=lambda t: (t.name != learned, -used.get(t.name, 0), order.get(t.name, len(order))),
        )

    def used(self) -> None:
        """Count a draft with the chosen template."""
        assert self.case.template is not None
        name, used = self.case.template.name, self.owner.settings.templates
        self.owner.remember(templates={**used, name: used.get(name, 0) + 1})

    def take_note(self, text: str, *, typed: bool = False, lose: AtStake | None = None) -> None:
        """Begin a new session on `text`, from a file or pasted or typed."""
        if self.deciding.does(lambda: self.case.open(text, typed=typed, lose=lose)):
            self.opened()

    async def pasted(self, text: str) -> None:
        """Begin on a note that was pasted."""
        if not self.deciding.does(lambda: self.case.may_open(text)):
            return
        if (given := await self.deciding.lose()) is not None:
            self.take_note(text, typed=True, lose=given.up)

    async def sample(self) -> None:
        """Begin on the sample note, for the demonstration model with the template it knows."""
        if (given := await self.deciding.lose()) is None:
            return
        text, learned = self.services.sample, self._learned
        if self.deciding.does(lambda: self.case.open_sample(text, learned, lose=given.up)):
            self.opened()

    @property
    def _learned(self) -> str:
        """The only template that the model in use has learned; empty if it follows any."""
        return self.drafting.choice.learned if self.drafting.choice else ""

    async def note(self) -> None:
        """Open a note file, a pasted note, or a saved session."""
        given = await self.deciding.lose()
        if given is None:
            return
        chosen = await self.view.ask(NotePicker(self.services.notes, self._saved_sessions()))
        if isinstance(chosen, Note):
            self.take_note(chosen.text, lose=given.up)
        elif isinstance(chosen, str):
            self.take_note(chosen, typed=True, lose=given.up)
        elif isinstance(chosen, Path) and await self.deciding.open_saved(chosen, lose=given.up):
            self.opened()

    def _saved_sessions(self) -> list[Path]:
        """The files of saved sessions; shows an error if they cannot be listed."""
        try:
            return sessions.saved_in(self.services.sessions)
        except EdgemedError as error:
            self.view.complain(error)
            return []

    async def step(self, number: int) -> None:
        """Take the step that an empty pane names with this number."""
        if self.case.session.source:
            if number <= len(self.usual):
                await self._use(self.usual[number - 1])
        elif number == 1:
            await self.note()
        elif number == 2 and (text := await self.view.ask(TypeNote())) is not None:
            self.take_note(text, typed=True)
        elif number == 3 and self.services.sample:
            await self.sample()

    async def template(self) -> None:
        """Pick a template."""
        found, broken = read_templates()
        choices: list[Choice[Template | EdgemedError]] = [
            Choice(t.title, t.purpose, t) for t in found
        ]
        choices += [Choice(f"! {path.name}", fault.message, fault) for path, fault in broken]
        chosen = await self.view.ask(Picker("Template", choices))
        if isinstance(chosen, EdgemedError):
            self.view.complain(chosen)
        elif chosen is not None:
            await self._use(chosen)

    async def _use(self, template: Template) -> None:
        """Draft with this template from now on, once its fields are chosen."""
        if (filled := await self._filled(template)) is None:
            return
        self.case.template = filled
        self.view.tell("")
        self.view.show()
        self.drafting.warn_of_template()

    async def _filled(self, template: Template) -> Template | None:
        """The template with its fields chosen; None if that was cancelled."""
        given = {}
        for name, field in template.fields.items():
            values = dict.fromkeys((field.default, *field.values))
            choices = [Choice(value, "", value) for value in values]
            if (value := await self.view.ask(Picker(field.label, choices))) is None:
                return None
            given[name] = value
        return fill(template, given)

    async def model(self) -> None:
        """Pick a model."""
        choices = [Choice(m.name, about(m), m) for m in self.services.models()]
        if (choice := await self.view.ask(Picker("Model", choices, NO_MODEL))) is not None:
            self.drafting.take_model(choice)
            self.view.show()


def about(model: ModelChoice) -> str:
    """What to know about a model; first of all, if it is not for patients."""
    return f"{DEMONSTRATION}, {model.about}" if model.demonstration else model.about
