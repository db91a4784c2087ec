"""The model in use and the one thread that talks to it; tells the screen in messages.

Loading, reading ahead and drafting are jobs in a row; a new job cancels the running one. Nothing
here blocks the screen, and an exception never reaches Textual, which would print the values of
variables: the screen gets its type and place.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from edgemed_models.answer import Answer, collect
from edgemed_models.base import Event, Failed, LanguageModel, ModelError, Piece, Prefill
from textual.message import Message
from textual.message_pump import MessagePump

from edgemed.clinic.case.drafting import Draft
from edgemed.clinic.note import Note
from edgemed.clinic.summarizing.readahead import read_ahead
from edgemed.clinic.summarizing.summarize import request_for, write
from edgemed.errors import EdgemedError
from edgemed.local_models.loading import decisive
from edgemed.local_models.process_memory import resident_bytes
from edgemed_tui import too_long
from edgemed_tui.checker import CheckBroke, Checker
from edgemed_tui.crash import place_of, told
from edgemed_tui.messages import (
    Checked,
    CheckFailed,
    DraftEnded,
    DraftGrew,
    DraftRefused,
    ModelFailed,
    ModelHashed,
    ModelReady,
    Reading,
)
from edgemed_tui.services import ModelChoice, Services

EMPTY = ("no model is loaded", "choose one with ctrl+l")
INTERVAL = 0.1  # seconds between two messages of growth: keys come first


class ModelThread:
    """Owns the loaded model. Every method returns at once."""

    def __init__(self, services: Services, screen: MessagePump) -> None:
        self.services = services
        self.model: LanguageModel | None = None
        self._screen = screen
        self._engine = ThreadPoolExecutor(1, "edgemed-model")
        self._checker = ThreadPoolExecutor(1, "edgemed-check")
        self._hasher = ThreadPoolExecutor(1, "edgemed-hash")
        self._closed = False
        self._choice: ModelChoice | None = None
        self._why_empty = EMPTY
        self._wanted = ("", "")

    def load(self, choice: ModelChoice) -> None:
        """Put another model in use."""
        self.stop()
        self._choice = choice
        self._engine.submit(self._load, choice)
        self._hasher.submit(self._hash, choice)

    def read(self, note: Note) -> None:
        """Read `note` ahead of any instruction, and ahead of any check."""
        self.stop()
        self._engine.submit(self._read, note)
        if isinstance(self.services.review, Checker):
            self._checker.submit(self._read_to_check, note.text, self.services.review)

    def draft(self, note: Note, draft: Draft) -> None:
        """Write a draft; every message about it carries its number."""
        self.stop()
        self._engine.submit(self._draft, note, draft)

    def check(self, source: str, draft: str) -> None:
        """Check a draft against its note; of several that wait only the last is done."""
        self._wanted = (source, draft)
        self._checker.submit(self._check, self._wanted)

    def stop(self) -> None:
        """Cancel what the model is doing."""
        if self.model is not None:
            self.model.cancel()

    def resident_bytes(self) -> int:
        """Bytes in physical memory of this process, the engine's and the check's.

        Weights that an engine has mapped from a file count as far as they are in memory.
        """
        engine = getattr(self.model, "pid", None)
        check = self.services.review.pid if isinstance(self.services.review, Checker) else None
        return resident_bytes() + sum(resident_bytes(pid) for pid in (engine, check) if pid)

    def close(self) -> None:
        """End the engine; jobs that wait are dropped."""
        self._closed = True
        for pool in (self._engine, self._checker, self._hasher):
            pool.shutdown(wait=False, cancel_futures=True)
        if isinstance(self.services.review, Checker):
            self.services.review.close()
        if self.model is not None:
            self.model.close()

    def _tell(self, message: Message) -> None:
        if not self._closed:
            self._screen.post_message(message)

    def _load(self, choice: ModelChoice) -> None:
        if self.model is not None:
            self.model.close()
            self.model = None
        try:
            self.model = self.services.open_model(choice)
            self._tell(ModelReady(choice, self.model.context))
        except Exception as error:  # last resort of the thread
            self._why_empty = _told(error)
            self._tell(ModelFailed(choice, *self._why_empty))

    def _hash(self, choice: ModelChoice) -> None:
        try:
            self._tell(ModelHashed(choice, self.services.hashes_of(choice)))
        except Exception as error:  # last resort of the thread
            self._tell(ModelFailed(choice, *_told(error)))

    def _read(self, note: Note) -> None:
        if self.model is None:
            return
        try:
            for event in read_ahead(self.model, note):
                if isinstance(event, Prefill):
                    self._tell(Reading(event))
        except ModelError:  # cancelled, or failed: then the next draft says so
            return
        except Exception as error:  # last resort of the thread
            assert self._choice is not None
            self._tell(ModelFailed(self._choice, *_told(error)))

    def _read_to_check(self, source: str, checker: Checker) -> None:
        """Read the note for the check; a failure is reported when the check is wanted."""
        if not self._closed:
            with suppress(CheckBroke):
                checker.read(source)

    def _draft(self, note: Note, draft: Draft) -> None:
        if self.model is None and self._choice is not None:
            self._load(self._choice)  # the cause may be gone by now
        if self.model is None:
            self._tell(DraftRefused(draft, *self._why_empty))
            return
        try:
            with too_long.said(too_long.ON_SCREEN):
                request = request_for(self.model, note, draft.template)
            events, settings = write(self.model, request), decisive(self.model, request.max_tokens)
        except Exception as error:  # last resort of the thread
            self._tell(DraftRefused(draft, *_told(error)))
            return
        answer = pump(draft, events, self._tell)
        self._tell(DraftEnded(draft, answer, settings))

    def _check(self, asked: tuple[str, str]) -> None:
        if asked is not self._wanted:
            return
        source, draft = asked
        try:
            self._tell(Checked(draft, self.services.review(source, draft)))
        except CheckBroke as error:
            self._tell(CheckFailed(str(error)))
        except Exception as error:  # last resort of the thread
            self._tell(CheckFailed(told(error)))


def pump(draft: Draft, events: Iterator[Event], tell: Callable[[Message], None]) -> Answer:
    """Report the events of a generation, at most 10 times a second, and always its end."""
    stream = _Stream(draft, tell)
    answer = stream.answer
    try:
        collect(events, stream.take, answer)
        if answer.end is None:
            raise RuntimeError("the stream ended without a result")
    except Exception as error:  # last resort of the thread
        answer.end = Failed(*_told(error))
    stream.flush(time.monotonic())
    return answer


class _Stream:
    """What was written so far, and when the screen was last told."""

    def __init__(self, draft: Draft, tell: Callable[[Message], None]) -> None:
        self.draft, self.tell = draft, tell
        self.answer = Answer()
        self.told = 0
        self.began = self.last = 0.0

    def take(self, event: Event) -> None:
        now = time.monotonic()
        if isinstance(event, Piece):
            self.began = self.began or now
        if now - self.last < INTERVAL:
            return
        self.last = now
        if isinstance(event, Prefill):
            self.tell(Reading(event))
        else:
            self.flush(now)

    def flush(self, now: float) -> None:
        """Report the pieces that the screen does not have yet, and how fast they come."""
        pieces = self.answer.pieces
        if self.told < len(pieces):
            fresh = "".join(pieces[self.told :])
            self.told = len(pieces)
            self.tell(DraftGrew(self.draft, fresh, self.answer.tokens, now - self.began))


def _told(error: Exception) -> tuple[str, str]:
    """What the screen may say of an error, and the remedy."""
    if isinstance(error, EdgemedError | ModelError):
        return error.message, error.hint
    return f"the engine failed: {place_of(error)}", "what was written so far is kept"
