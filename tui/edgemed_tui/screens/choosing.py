"""What a draft is made of, chosen on the screen: note, template and its fields, model."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edgemed.clinic.case import Case
from edgemed.clinic.kept import AtStake
from edgemed.clinic.session import DEMONSTRATION
from edgemed.clinic.template import Template, fill, list_templates, load_template
from edgemed.errors import EdgemedError
from edgemed.local_models.demonstration import LEARNED
from edgemed_tui.screens.deciding import Deciding
from edgemed_tui.screens.drafting import Drafting
from edgemed_tui.screens.notes import NotePicker, TypeNote
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.screens.view import Owner, View
from edgemed_tui.services import ModelChoice, Services

BEGIN_WITH = ("soap", "discharge-summary", "referral-letter", "visit-dialogue")
NO_MODEL = "No model is here. Add one: edgemed models add FILE.gguf"


class Choosing:
    """A case, and the choices before a draft of it. `opened` is called when a note is open."""

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
        with suppress(EdgemedError):  # a broken one of the user's is told where all are listed
            self._templates = list_templates()

    @property
    def usual(self) -> list[Template]:
        """The templates with the most drafts first, then those that most begin with.

        The one that the demonstration model has learned is first where that model writes.
        """
        choice, used = self.drafting.choice, self.owner.settings.templates
        learned = LEARNED if choice and choice.demonstration and not choice.limits else ""
        order = {name: at for at, name in enumerate(BEGIN_WITH)}
        return sorted(
            self._templates,
            key=lambda t: (t.name != learned, -used.get(t.name, 0), order.get(t.name, len(order))),
        )

    def used(self, template: Template) -> None:
        """Count a draft with `template`."""
        used = self.owner.settings.templates
        self.owner.remember(templates={**used, template.name: used.get(template.name, 0) + 1})

    def take_note(self, text: str, *, lose: AtStake | None = None) -> None:
        """Begin a new session on `text`."""
        if self.deciding.does(lambda: self.case.open(text, lose=lose)):
            self.opened()

    def take_sample(self, text: str) -> None:
        """Begin on the sample note, for the demonstration model with the template it knows."""
        choice = self.drafting.choice
        if choice is not None and choice.demonstration and not choice.limits:
            try:
                self.drafting.template = load_template(LEARNED)
            except EdgemedError as error:  # the user's own file of that name is broken
                self.view.complain(error)
                return
        self.take_note(text)

    async def note(self) -> None:
        """Open a note file, a pasted note, or a saved session."""
        given = await self.deciding.lose()
        if given is None:
            return
        chosen = await self.view.ask(NotePicker(self.services.notes, self.services.sessions))
        if isinstance(chosen, str):
            self.take_note(chosen, lose=given.up)
        elif isinstance(chosen, Path) and await self.deciding.open_saved(chosen, lose=given.up):
            self.drafting.resume()
            self.opened()

    async def step(self, number: int) -> None:
        """Take the step that an empty pane names with this number."""
        if self.case.session.source:
            if number <= len(self.usual):
                await self._use(self.usual[number - 1])
        elif number == 1:
            await self.note()
        elif number == 2 and (text := await self.view.ask(TypeNote())) is not None:
            self.take_note(text)
        elif number == 3 and self.services.sample:
            self.take_sample(self.services.sample)

    async def template(self) -> None:
        """Pick a template."""
        choices = [Choice(t.title, t.purpose, t) for t in list_templates()]
        if (template := await self.view.ask(Picker("Template", choices))) is not None:
            await self._use(template)

    async def _use(self, template: Template) -> None:
        """Draft with this template from now on, once its fields are chosen."""
        if (filled := await self._filled(template)) is None:
            return
        self.drafting.template = filled
        self.view.tell("")
        self.view.show()
        self.drafting.warn_of_template()

    async def _filled(self, template: Template) -> Template | None:
        """The template with its fields chosen; None where that was left."""
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
    """What is to be known of a model; first that it is no model for patients."""
    return f"{DEMONSTRATION}, {model.about}" if model.demonstration else model.about
