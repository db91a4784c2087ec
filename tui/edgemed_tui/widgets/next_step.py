"""What to do next, shown until there is a draft: choose a template, then draft."""

from collections.abc import Sequence

from textual.content import Content

from edgemed_tui.literal import Words, lines, literal
from edgemed_tui.widgets.draft_pane import banner

MOST = 4  # templates that have a key of their own


class NextStep(Words):
    """The next step, with the keys that take it."""

    def __init__(self) -> None:
        super().__init__(id="next")
        self.border_title = literal("Draft")

    def head(self, demonstration: bool) -> None:
        """Show above the step that the draft will not be for patients."""
        self.border_title = literal("Draft", *banner(demonstration))

    def show(self, *, note: bool, template: str, titles: Sequence[str], model: bool) -> None:
        """The step after opening a note, choosing `template` and a model; `titles` have keys."""
        if not note:
            self.say(literal(("The draft comes here. First a note.", "dim")))
            return
        rows = [] if model else [literal(("There is no model yet: f2 adds one", "bold")), GAP]
        if template:
            rows += [literal((" ctrl+g ", "bold reverse"), ("  Draft", "bold"), f": {template}")]
            rows += [GAP, literal("Or another template:")]
        else:
            rows += [literal(("Choose a template", "bold"))]
        rows += [GAP, *(key(str(n), title) for n, title in enumerate(titles[:MOST], 1))]
        self.say(lines([*rows, key("ctrl+t", "all templates")]))


GAP = literal("")


def key(name: str, does: str) -> Content:
    """Keys and what they do, one below the other."""
    return literal((f" {name:>6} ", "bold"), f" {does}")
