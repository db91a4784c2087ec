"""A fault that was foreseen is said on the screen with its remedy, wherever it comes up.

Foreseen is what has words: errors of edgemed's own, of a model, and what the system refuses about
a file. Every part of the screen goes on after it, and so do timers and workers. What nobody
foresaw still ends the screen.
"""

from collections.abc import Callable

from edgemed_models.base import ModelError
from textual.message import Message
from textual.message_pump import MessagePump
from textual.worker import WorkerFailed

from edgemed.errors import EdgemedError
from edgemed.storage.system_errors import worded


def foreseen(error: BaseException) -> EdgemedError | None:
    """The fault behind `error`, with words of our own; None where nobody foresaw it."""
    while isinstance(error, WorkerFailed):
        error = error.error
    if isinstance(error, ModelError):
        return EdgemedError(error.message, error.hint)
    if isinstance(error, OSError):
        return worded(error)
    return error if isinstance(error, EdgemedError) else None


def go_on(part: MessagePump, complain: Callable[[EdgemedError], None]) -> None:
    """Let `part` (a screen, a widget, the app) go on with its next message after a foreseen fault.

    Textual ends the loop of a part in which a message raised an error. Again does no harm.
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
