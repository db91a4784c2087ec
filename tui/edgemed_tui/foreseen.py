"""A fault that was foreseen is said on the screen with its remedy, wherever it comes up.

Actions pass through `EdgemedApp.run_action`, workers through `EdgemedApp._handle_exception`, and
what a page is sent through `Foresees`. What nobody foresaw still ends the screen.
"""

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from edgemed_models.base import ModelError
from textual.message import Message
from textual.screen import Screen
from textual.worker import WorkerFailed

from edgemed.errors import EdgemedError

if TYPE_CHECKING:
    Base = Screen[Any]
else:
    Base = object  # Textual takes styles of the first base class that is a screen


@runtime_checkable
class Complains(Protocol):
    """An app that says what went wrong."""

    def complain(self, error: EdgemedError) -> None:
        """Say it, and what helps, once what is being done has ended."""


def foreseen(error: BaseException) -> EdgemedError | None:
    """The fault behind `error`, with words of our own; None where nobody foresaw it."""
    while isinstance(error, WorkerFailed):
        error = error.error
    if isinstance(error, ModelError):
        return EdgemedError(error.message, error.hint)
    return error if isinstance(error, EdgemedError) else None


class Foresees(Base):
    """A page that goes on after a foreseen fault in whatever it was sent."""

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except (EdgemedError, ModelError) as error:
            fault, app = foreseen(error), self.app
            assert fault is not None and isinstance(app, Complains)
            app.complain(fault)
