"""The names of all keys, for a keymap of the user's own in the settings file."""

from textual.app import App
from textual.binding import Binding

from edgemed_tui.screens.ask_path import AskPath
from edgemed_tui.screens.compare import CompareScreen
from edgemed_tui.screens.dialogs import Dialog
from edgemed_tui.screens.files import FilePicker
from edgemed_tui.screens.help import HelpScreen
from edgemed_tui.screens.inspect import InspectScreen
from edgemed_tui.screens.models import ModelsScreen
from edgemed_tui.screens.notes import NotePicker, TypeNote
from edgemed_tui.screens.picker import Picker
from edgemed_tui.screens.session import SessionScreen
from edgemed_tui.screens.sweep import SweepScreen
from edgemed_tui.widgets.draft_pane import DraftPane
from edgemed_tui.widgets.review_pane import ReviewPane


def binding_names(app: type[App[None]]) -> set[str]:
    """The names of the keys that can be rebound; some screens are loaded only for this."""
    from edgemed_tui.screens.merge import MergeScreen
    from edgemed_tui.screens.report import ReportScreen

    screens = (SessionScreen, ModelsScreen, InspectScreen)
    asked = (TypeNote, NotePicker, Picker, FilePicker, Dialog, AskPath)
    others = (MergeScreen, ReportScreen, SweepScreen, *asked)
    owners = (app, ReviewPane, DraftPane, CompareScreen, HelpScreen, *screens, *others)
    made = [b for owner in owners for b in owner.BINDINGS if isinstance(b, Binding)]
    return {b.id for b in made if b.id}
