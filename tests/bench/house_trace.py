"""Runs one command and follows a value through it: which functions are given it, and from where.

    python -P house_trace.py TREE t|note WORDS...    prints one JSON object as its last line

Meant for `house_hops`, which sets the environment; imports nothing of ours by itself, so that it
follows the code of any revision. A function is given the value if one of its arguments is it, or
holds it: a dataclass, a tuple, a table. Only this process is followed, in all of its threads.
"""

import contextlib
import dataclasses
import io
import json
import math
import runpy
import sys
import threading
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

T = 0.317
"""A way from the first model to the second that nothing else in a merge happens to be."""
WORD = "Zanzibarine"
"""A word that no code knows: whatever holds it, holds the note."""
DEPTH, WIDEST = 5, 64  # how deep a value is looked into, and how many items of each part
COUNTED = {
    "prompts made of the note": "/template.py:messages",
    "token counts asked of the model": "engine/client.py:LlamaModel.count",
}

Place = tuple[str, str]
"""A file and a function in it."""


class Trace:
    """The functions of `tree` that were given what is `wanted`, and the calls that gave it."""

    def __init__(self, tree: Path, wanted: float | str) -> None:
        self.tree = f"{tree}/"
        self.wanted = wanted
        self.calls: list[tuple[Place | None, Place]] = []
        self.known: dict[int, tuple[object, bool]] = {}  # frozen values, kept so that ids stay

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """For `sys.setprofile`."""
        if event != "call" or not self.is_ours(frame.f_code):
            return
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = frame.f_locals
        if any(self.holds(given[name], DEPTH) for name in names if name in given):
            above = [f.f_code for f in outwards(frame.f_back) if self.is_ours(f.f_code)]
            self.calls.append((self.place(above[0]) if above else None, self.place(code)))

    def is_ours(self, code: CodeType) -> bool:
        """Whether a function of the tree runs: no comprehension, and nothing that is no file's."""
        return code.co_filename.startswith(self.tree) and not code.co_name.startswith("<")

    def place(self, code: CodeType) -> Place:
        """Where a function is."""
        return code.co_filename.removeprefix(self.tree), code.co_qualname

    def holds(self, value: Any, depth: int) -> bool:
        """Whether `value` is what is wanted, or has it inside."""
        if isinstance(value, str):
            return isinstance(self.wanted, str) and self.wanted in value
        if isinstance(value, float):
            return isinstance(self.wanted, float) and math.isclose(value, self.wanted, rel_tol=1e-6)
        if depth == 0:
            return False
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self.in_dataclass(value, depth)
        return any(self.holds(part, depth - 1) for part in parts(value))

    def in_dataclass(self, value: Any, depth: int) -> bool:
        """The same of a dataclass; what is frozen is looked into once."""
        frozen = type(value).__dataclass_params__.frozen
        if not frozen or id(value) not in self.known:
            inside = (getattr(value, f.name, None) for f in dataclasses.fields(value))
            answer = any(self.holds(part, depth - 1) for part in inside)
            self.known[id(value)] = (value, answer)
        return self.known[id(value)][1]


def parts(value: Any) -> Iterable[Any]:
    """What a table, a list or parsed arguments hold, no more of it than WIDEST."""
    if isinstance(value, Namespace):
        return vars(value).values()
    if isinstance(value, dict):
        return list(value.values())[:WIDEST]
    return value[:WIDEST] if isinstance(value, list | tuple) else ()


def outwards(frame: FrameType | None) -> Iterable[FrameType]:
    """A frame and those that called it."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def told(calls: list[tuple[Place | None, Place]]) -> dict[str, int]:
    """The figures of a trace."""
    hops = {(of, to) for of, to in calls if of is None or of[0] != to[0]}
    figures = {
        "functions given it": len({to for _, to in calls}),
        "modules": len({to[0] for _, to in calls}),
        "hops: calls that take it into another module": len(hops),
    }
    for title, name in COUNTED.items():
        figures[title] = sum(":".join(to).endswith(name) for _, to in calls)
    return figures


def main(tree: str, what: str, *words: str) -> None:
    trace = Trace(Path(tree), T if what == "t" else WORD)
    sys.argv = ["edgemed", *words]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        threading.setprofile(trace)
        sys.setprofile(trace)
        try:
            runpy.run_module("edgemed.cli.main", run_name="__main__")
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    for of, to in dict.fromkeys(trace.calls):
        print(":".join(of) if of else "(a thread)", "->", ":".join(to), file=sys.stderr)
    print(json.dumps(told(trace.calls)))


if __name__ == "__main__":
    main(*sys.argv[1:])
