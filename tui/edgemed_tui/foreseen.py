"""Errors with a known remedy are shown on the screen, wherever they occur, and end nothing.

Foreseen are errors of edgemed's own, of a model, and what the system refuses about a file. Every
part of the screen goes on after them, and so do timers and workers. Any other error still ends the
screen.
"""

from collections.abc import Callable

from edgemed_models.base import ModelError
from textual.message import Message
from textual.message_pump import MessagePump
from textual.worker import WorkerFailed

from edgemed.errors import EdgemedError
from edgemed.storage.system_errors import worded


def foreseen(error: BaseException) -> EdgemedError | None:
    """The foreseen error behind `error`, with its remedy; None if it was not foreseen."""
    while isinstance(error, WorkerFailed):
        error = error.error
    if isinstance(error, ModelError):
        return EdgemedError(error.message, error.hint)
    if isinstance(error, OSError):
        return worded(error)
    return error if isinstance(error, EdgemedError) else None


def go_on(part: MessagePump, complain: Callable[[EdgemedError], None]) -> None:
    """Let `part` (a screen, a widget, the app) go on with its next message after a foreseen error.

    Textual ends the loop of a part in which a message raised an error. May be called twice.
    """
    if "_dispatch_message" in vars(part):
        return
    dispatch = part._dispatch_message

    async def guarded(message: Message) -> None:
        try:
            await dispatch(message)
        except Exception as error:
            if (fault := foreseen(error)) is None:
                raise
            complain(fault)

    part._dispatch_message = guarded  # type: ignore[method-assign]
