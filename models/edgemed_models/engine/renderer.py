"""Runs chat templates, which are third-party programs, in a separate process under limits.

The process says when it is ready, then answers each line with a line. If a template misbehaves (an
endless loop, gigabytes of memory, a crash of the interpreter), the result is an error, and the next
rendering starts a new process. It sees roles, and markers in place of texts, never a note.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from edgemed_models.base import ModelError
from edgemed_models.engine.prompt import TemplateRefusal

LONGEST = 1 << 20  # characters of a template and of its output; published ones have up to 20,000
SECONDS = 10  # for one rendering; published templates take about 0.1 s
MEMORY = 512 << 20  # bytes of address space, the interpreter's 100 MiB included
STARTING = 60  # seconds until the process is ready, on a busy machine
REMEDY = "give another chat template"

Turns = Sequence[tuple[str, str]]


class Renderer:
    """Renders templates in a child process; call `end` when done."""

    def __init__(self) -> None:
        """Start the child: its libraries load while the caller works."""
        self._child: subprocess.Popen[bytes] | None = self._start()
        self._ready = False
        self._rendered = lru_cache(maxsize=8)(self._render)

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-P", "-m", "edgemed_models.engine.renderer", str(os.getpid())]
        self._ready = False
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def render(self, template: str, turns: Turns, names: dict[str, str]) -> str:
        """As `prompt.render`. Raises ModelError also if the template exceeds a limit."""
        if len(template) > LONGEST:
            raise ModelError(
                f"the chat template has {len(template):,} characters, more than {LONGEST:,}", REMEDY
            )
        return self._rendered(template, tuple(turns), tuple(names.items()))

    def _render(self, template: str, turns: Turns, names: tuple[tuple[str, str], ...]) -> str:
        question = {"template": template, "turns": turns, "names": dict(names)}
        answer = self._asked(json.dumps(question).encode() + b"\n")
        if "refusal" in answer:
            raise TemplateRefusal(answer["refusal"])
        if "failed" in answer:
            raise ModelError(answer["failed"], REMEDY)
        return str(answer["rendered"])

    def _asked(self, question: bytes) -> dict[str, Any]:
        """The child's answer. ModelError if the child ends, or is killed, before it answers."""
        if self._child is not None and self._child.poll() is not None:
            self.end()
        child = self._child = self._child or self._start()
        assert child.stdin is not None and child.stdout is not None
        late = threading.Event()
        if not self._ready:
            self._line(child, STARTING, late)
            self._ready = True
        try:
            child.stdin.write(question)
            child.stdin.flush()
        except OSError:  # the child has just ended: its answer will be empty
            late.clear()
        data = self._line(child, SECONDS, late)
        if data:
            answer: dict[str, Any] = json.loads(data)
            return answer
        self.end()
        if late.is_set():
            raise ModelError(f"the chat template ran longer than {SECONDS} seconds", REMEDY)
        raise ModelError("the chat template crashed the process that rendered it", REMEDY)

    @staticmethod
    def _line(child: "subprocess.Popen[bytes]", seconds: float, late: threading.Event) -> bytes:
        """A line of the child's output; after `seconds` the child is killed, and `late` set."""

        def kill() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        assert child.stdout is not None
        try:
            data = child.stdout.readline()
        finally:
            timer.cancel()
        return data if data.endswith(b"\n") else b""

    def end(self) -> None:
        """End the child; the next rendering starts a new one."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:  # unsent bytes of a dead process
                continue


def answer(question: dict[str, Any]) -> dict[str, str]:
    """The child's answer to one question."""
    from edgemed_models.engine.prompt import render

    try:
        rendered = render(question["template"], question["turns"], question["names"])
    except TemplateRefusal as refusal:
        return {"refusal": str(refusal)[:LONGEST]}
    except ModelError as error:
        return {"failed": error.message[:LONGEST]}
    except MemoryError:
        return {"failed": f"the chat template took more than {MEMORY >> 20} MiB of memory"}
    except RecursionError:
        return {"failed": "the chat template is nested too deeply for Python"}
    except Exception as error:  # a third-party program may fail in any way
        return {"failed": f"the chat template fails: {type(error).__name__}"}
    if len(rendered) > LONGEST:
        return {"failed": f"the chat template renders to more than {LONGEST:,} characters"}
    return {"rendered": rendered}


def limit_memory() -> None:
    """Limit this process to MEMORY, if the system can."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def main() -> None:
    """Serve until the input ends; give up on a question soon after the client has."""
    from edgemed_models.engine.isolation import isolate
    from edgemed_models.engine.prompt import prepare

    isolate(int(sys.argv[1]))
    out = sys.stdout.buffer
    prepare()
    limit_memory()
    out.write(b"ready\n")
    out.flush()
    for line in sys.stdin.buffer:
        timer = threading.Timer(2 * SECONDS, os._exit, (1,))
        timer.daemon = True
        timer.start()
        data = json.dumps(answer(json.loads(line))).encode()
        timer.cancel()
        out.write(data + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
