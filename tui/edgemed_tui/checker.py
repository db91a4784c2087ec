"""The check of a draft in a process of its own, so that a long note never holds up a key.

Texts go through pipes and stay in memory. The process ends with edgemed, because its pipe closes
then; if it ends by itself, it is started again.
"""

import pickle
import subprocess
import sys
from typing import IO, Any

from edgemed_models.privacy.dumps import forbid_dumps
from edgemed_models.privacy.sockets import give_up_internet

from edgemed.clinic.findings import Review


class CheckBroke(Exception):
    """The check failed; the message gives type and place, or what is wrong and the remedy."""


class Checker:
    """Callable like `edgemed.clinic.reviewing.review.review`; one call at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, source: str, draft: str) -> Review:
        """The review; CheckBroke if there is none."""
        answer = self._asked(source, draft)
        assert isinstance(answer, Review)
        return answer

    def read(self, source: str) -> None:
        """Read the note before there is a draft; CheckBroke if that fails."""
        self._asked(source, None)

    def _asked(self, source: str, draft: str | None) -> Review | None:
        try:
            process = self._started()
            send(process.stdin, (source, draft))
            answer: Review | str | None = pickle.load(stream(process.stdout))
        except (EOFError, OSError):
            self.close()
            raise CheckBroke("the checking process ended unexpectedly") from None
        except BaseException:  # Ctrl-C: an unread answer would be taken for the next one
            self.close()
            raise
        if isinstance(answer, str):
            raise CheckBroke(answer)
        return answer

    @property
    def pid(self) -> int | None:
        """The process's id while there is one."""
        return self._process.pid if self._process is not None else None

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            pipe, command = subprocess.PIPE, [sys.executable, "-m", "edgemed_tui.checker"]
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
            )
        return self._process

    def close(self) -> None:
        """Kill the process, whatever it is doing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for end in (process.stdin, process.stdout):
            try:
                stream(end).close()
            except OSError:  # unsent bytes of a process that is gone
                continue


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Check what comes in until it ends; a note without a draft is read ahead."""
    from edgemed.clinic.reviewing.review import Reviewer
    from edgemed_tui.crash import told

    review = Reviewer()
    while True:
        try:
            source, draft = pickle.load(questions)
        except EOFError:
            return
        try:
            if draft is None:
                review.read(source)
                send(answers, None)
            else:
                send(answers, review(source, draft))
        except Exception as error:  # last resort of the process
            send(answers, told(error))


def send(end: IO[bytes] | None, value: Any) -> None:
    """Write `value` at once."""
    pickle.dump(value, stream(end))
    stream(end).flush()


def stream(end: IO[bytes] | None) -> IO[bytes]:
    """The pipe, which exists because it was requested."""
    assert end is not None
    return end


if __name__ == "__main__":
    forbid_dumps()
    give_up_internet()
    serve(sys.stdin.buffer, sys.stdout.buffer)
