"""Escapes in GGUF headers: `python -m tests.bench.escapes 10000` (and a seed, if not 1).

Each case is a small model in which strings were replaced by ones that carry escapes, bells, C1
controls, bidirectional marks, broken UTF-8 and line ends (keys, values, tensor names, tokens, the
file's name), and in every second case a few bytes were changed as well. It goes through the
commands that print what a header says: `inspect --tensors`, `check`, `merge --dry-run`,
`quantize --dry-run`, `models add` and `models show`, as a terminal would see them. What counts is
any character that acts on stdout or stderr, and any line that a string of the file began. Exit
codes that edgemed does not foresee, and internal errors, count as well. Ends with 1 if anything was
found.
"""

import contextlib
import io
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from edgemed.cli import main as command_line
from edgemed.local_models import library
from tests.edgemed.gguf_files import METADATA, TENSORS, gguf_bytes
from tests.edgemed.hostile import OURS, forged_in, raw_in

PIECES = (
    b"\x1b[2J", b"\x1b]0;owned\x07", b"\x1b]8;;http://x\x1b\\", b"\x07", b"\x08" * 4, b"\r",
    b"\nFORGED: ok", b"\nFORGED\n", b"\xc2\x9b99m", b"\xc2\x90q", b"\x9b2J", b"\x90", b"\x7f",
    "\u202e".encode(), "\u2066\u2069".encode(), "\u200b\u200d\ufeff".encode(), "\u2028".encode(),
    "\u061c\u00ad\ufe0f".encode(), "\U000e0041".encode(), b"\xed\xa0\x80", b"\xff\xfe", b"%s{}[/]",
    b"\\x1b", "é…".encode(), b"a" * 200,
)  # fmt: skip
NAME_BYTES = 63
CODES = (0, 1, 2, 3)


class Case(NamedTuple):
    """A file's name and bytes."""

    name: str
    content: bytes


class Flaw(NamedTuple):
    """What came out of one command."""

    kind: str
    words: str
    shown: str


def evil(random: random.Random, longest: int = 400) -> bytes:
    """Some pieces one after the other."""
    joined = b"".join(random.choices(PIECES, k=random.randint(1, 6)))
    return joined[:longest]


def evil_name(random: random.Random, longest: int) -> str:
    """The same as text, mostly UTF-8: other names of keys and tensors are refused."""
    raw = evil(random, longest)
    return text_of(raw) if random.random() < 0.03 else raw.decode("utf-8", "ignore")


def cases(count: int, seed: int) -> Iterator[Case]:
    """`count` files, the same for the same seed."""
    source = random.Random(seed)
    for number in range(count):
        metadata = {key_for(source, key): value_for(source, *v) for key, v in METADATA.items()}
        tensors = {tensor_for(source, name): spec for name, spec in TENSORS.items()}
        content = bytearray(gguf_bytes(metadata, tensors))
        if number % 2:
            for _ in range(source.randint(1, 4)):
                content[source.randrange(min(len(content), 1200))] = source.randrange(256)
        yield Case(name_for(source), bytes(content))


def key_for(source: random.Random, key: str) -> str:
    """The key, or now and then one that no reader needs and that acts."""
    return evil_name(source, 400) or key if source.random() < 0.1 else key


def value_for(source: random.Random, kind: str, content: Any) -> tuple[str, Any]:
    """The value; strings are replaced mostly, those of lists too."""
    if kind == "string" and content != "llama" and source.random() < 0.8:
        return kind, text_of(evil(source))
    if kind == "string" and source.random() < 0.1:
        return kind, text_of(evil(source))
    if kind == "string[]":
        return kind, [text_of(evil(source)) if source.random() < 0.5 else c for c in content]
    return kind, content


def tensor_for(source: random.Random, name: str) -> str:
    """The tensor's name, or one that acts."""
    return evil_name(source, NAME_BYTES) or name if source.random() < 0.5 else name


def name_for(source: random.Random) -> str:
    """A file's name, which may be no UTF-8."""
    raw = evil(source, 100).replace(b"/", b"").replace(b"\0", b"")
    return text_of(raw if source.random() < 0.3 else b"m") + ".gguf"


def text_of(raw: bytes) -> str:
    """Bytes as Python holds those of files: what is no UTF-8 as lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


class Screen(io.TextIOWrapper):
    """A stream in memory that says it is a terminal, if it is to be one."""

    def __init__(self, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def shown(self) -> str:
        """All that was written, without what edgemed itself sends to a terminal."""
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return OURS.sub("", buffer.getvalue().decode("utf-8").replace("\r\n", "\n"))


def heard(words: list[str], terminal: bool) -> tuple[int, list[Flaw]]:
    """A command's exit code and what it let through.

    `models show` prints a template, whose lines are its own.
    """
    out, err = Screen(terminal), Screen(terminal)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = command_line.main(words)
        except SystemExit as ended:
            code = int(str(ended.code))
    told = out.shown() + err.shown()
    command = " ".join(words[:2])
    kinds = (
        ("acts", raw_in(told)),
        ("forged", [] if command == "models show" else forged_in(told)),
        ("exit code", [] if code in CODES else [str(code)]),
        ("internal error", [err.shown()] if "internal error" in err.shown() else []),
    )
    return code, [Flaw(kind, repr(words), found[0]) for kind, found in kinds if found]


def calls(path: Path, folder: Path) -> list[list[str]]:
    """The commands that print what a header says."""
    file, out = str(path), str(folder / "out.gguf")
    return [
        ["inspect", file, "--tensors"],
        ["check", file, file],
        ["merge", file, file, "--t", "0.5", "-o", out, "--dry-run"],
        ["quantize", file, out, "--out-type", "Q8_0", "--dry-run"],
        ["models", "add", file, "--link", "--name", "m"],
        ["models", "show", "m"],
    ]


def run(count: int, seed: int, tell: Callable[[str], None]) -> tuple[Counter[str], list[Flaw]]:
    """How many commands ended how, and every flaw."""
    parser = cache(command_line.build_parser)  # to build it anew took four fifths of the time
    with patch.object(command_line, "build_parser", parser):
        return run_all(count, seed, tell)


def run_all(count: int, seed: int, tell: Callable[[str], None]) -> tuple[Counter[str], list[Flaw]]:
    """The same, one command after the other."""
    ended: Counter[str] = Counter()
    flaws: list[Flaw] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place, user_folders(place):
        for number, case in enumerate(cases(count, seed)):
            path = Path(place) / case.name
            path.write_bytes(case.content)
            library.write_library(library.Library())
            for words in calls(path, Path(place)):
                code, found = heard(words, terminal=number % 3 == 0)
                ended[f"{words[0]}: {code}"] += 1
                flaws += found
            path.unlink()
            if number % 1000 == 999:
                tell(f"{number + 1} files, {time.perf_counter() - began:.0f} s, {len(flaws)} found")
    return ended, flaws


def user_folders(place: str) -> "contextlib.AbstractContextManager[object]":
    """The library, the records and the templates stand in `place` as long as this lasts."""
    names = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
    return patch.dict(os.environ, dict.fromkeys(names, place))


def main() -> int:
    """Run, print counts and the first flaws."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    ended, flaws = run(count, seed, lambda line: print(line, flush=True))
    print(f"{count} headers, {ended.total()} commands, {len(flaws)} found")
    for kind, times in sorted(ended.items()):
        print(f"  {kind}: {times} times")
    for flaw in flaws[:20]:
        print(f"  {flaw.kind}: {flaw.shown!r} of {flaw.words}")
    return int(bool(flaws))


if __name__ == "__main__":
    sys.exit(main())
