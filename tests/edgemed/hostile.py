"""Files in which every string would steer a terminal, and what of it came out of a command.

`EVIL` rings, clears the screen, names the window, turns the order of reading around and begins a
line of its own that looks as if edgemed had said it.
"""

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import sys
import termios
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from edgemed_models.scale import path_of

from edgemed.gguf import edit_metadata, open_model, plan_layout
from tests.edgemed.evals import task_files
from tests.edgemed.gguf_files import METADATA, write_gguf
from tests.edgemed.merge_pairs import BYTES, weights, write_pair_member

EVIL = "e\x1b]0;t\x07\x1b[2J\x9b99m\x90\u202ev\u2066\u200b\u2028\ufeff\x7f\rFORGED\nFORGED: well"
SHORT = "e\x1b[2J\x07\x9b9m\u202e\u200f\nFORGED"
"""As a tensor's name, of which 63 bytes are read."""
FILE = "e\x1b[2J\x07\u009b9m\u202e\u200b\nFORGED"
"""As the name of a file."""

CHECKPOINT = Path(__file__).parent / "data" / "checkpoints" / "llama3"

COLOUR = r"[0-3]|[39][0-7]|[0-3];[39][0-7]|(?:1;)?38;5;\d+|(?:1;)?38;2;\d+;\d+;\d+"
OURS = re.compile(rf"\r?\x1b\[K|\r?(?:\x1b\[1A)?\x1b\[2K\r?|\x1b\[\?25[hl]|\x1b\[(?:{COLOUR})?m")
"""What edgemed and rich themselves send: a line taken away, the cursor hidden, colours."""


class Found:
    """What came out of stdout and stderr together in a terminal, or of each through a pipe."""

    def __init__(self, terminal: bool, out: bytes, err: bytes) -> None:
        self.terminal, self.code = terminal, 0
        self.out, self.err = self._read(out), self._read(err)

    def _read(self, raw: bytes) -> str:
        text = raw.decode("utf-8")
        return OURS.sub("", re.sub("\r+\n", "\n", text)) if self.terminal else text


def raw_in(text: str) -> list[str]:
    """The characters of `text` that act on a terminal or cannot be seen, by Unicode's own table."""
    return [
        f"U+{ord(c):04X} in {text[max(0, at - 20) : at + 20]!r}"
        for at, c in enumerate(text)
        if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]


def forged_in(text: str) -> list[str]:
    """Lines that a stranger's string began."""
    return [line for line in text.split("\n") if line.startswith("FORGED")]


@contextmanager
def listening(terminal: bool) -> Iterator[list[Found]]:
    """File descriptors 1 and 2 lead into a pseudo-terminal or into two pipes; a Found follows."""
    ears = [Ear(pty.openpty())] if terminal else [Ear(os.pipe()), Ear(os.pipe())]
    found: list[Found] = []
    streams, kept = (sys.stdout, sys.stderr), (os.dup(1), os.dup(2))
    for number, stream in zip((1, 2), streams, strict=True):
        stream.flush()
        os.dup2(ears[(number - 1) % len(ears)].end, number)
    sys.stdout, sys.stderr = (writer_to(number) for number in (1, 2))
    try:
        yield found
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = streams
        for number, saved in zip((1, 2), kept, strict=True):
            os.dup2(saved, number)
            os.close(saved)
        heard = [ear.close() for ear in ears]
        found.append(Found(terminal, heard[0], heard[-1]))


def writer_to(number: int) -> TextIO:
    """A stream like Python's own for this file descriptor, which stays open."""
    return open(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


class Ear:
    """Reads one end until the other is closed; `end` is where to write."""

    def __init__(self, ends: tuple[int, int]) -> None:
        self.source, self.end = ends
        if os.isatty(self.end):
            size = struct.pack("HHHH", 60, 200, 0, 0)
            fcntl.ioctl(self.end, termios.TIOCSWINSZ, size)
        self.heard = bytearray()
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self) -> None:
        try:
            while data := os.read(self.source, 65536):
                self.heard += data
        except OSError:  # a terminal's way to say that the other end is closed
            return

    def close(self) -> bytes:
        os.close(self.end)
        self.thread.join()
        os.close(self.source)
        return bytes(self.heard)


def parents(folder: Path) -> tuple[Path, Path]:
    """Two models that can be merged, of strings that all are EVIL."""
    keys: dict[str, Any] = {
        "general__name": EVIL,
        "general__license": EVIL,
        "general__license__name": EVIL,
        "general__quantized_by": f"qat {EVIL}",
        "general__tags": [EVIL],
        "tokenizer__chat_template": "{{ messages[0].content }}" + EVIL,
        "tokenizer__ggml__pre": EVIL,
        EVIL: EVIL,
    }
    tokens = ["<unk>", "<s>", "</s>", *(f"{EVIL}{i}" for i in range(61)), *BYTES]
    made = []
    for seed, letter in enumerate("ab"):
        tensors = weights(seed) | {f"blk.0.{SHORT}": np.ones(256, np.float32)}
        name = f"{letter}{FILE}.gguf"
        keys |= {"tokenizer__ggml__file": EVIL + letter}
        made.append(write_pair_member(folder / name, tensors, "F16", tokens, **keys))
    return made[0], made[1]


def stranger(folder: Path) -> Path:
    """A model that fits no other, with EVIL for an architecture."""
    strings = {key: (kind, EVIL if kind == "string" else content)
               for key, (kind, content) in METADATA.items()}  # fmt: skip
    strings["tokenizer.ggml.tokens"] = ("string[]", [EVIL, "a", "b", "c"])
    return write_gguf(folder / f"s{FILE}.gguf", strings, {SHORT: ("F32", (4,), bytes(16))})


def checkpoint(folder: Path, name: str = "c", architecture: str = "LlamaForCausalLM") -> Path:
    """A checkpoint with EVIL for what it says of itself."""
    path = Path(shutil.copytree(CHECKPOINT, folder / f"{name}{FILE}"))
    config = json.loads((path / "config.json").read_text())
    config |= {"architectures": [architecture], "_name_or_path": EVIL, "model_type": EVIL}
    (path / "config.json").write_text(json.dumps(config))
    said = json.dumps(EVIL).replace("\x7f", "\\u007f")
    (path / "README.md").write_text(f"---\nlicense: {said}\nmodel_name: {said}\n---\n")
    return path


def runnable(folder: Path, name: str) -> Path:
    """An embedded model that llama.cpp runs, with EVIL for what it says of itself."""
    model = open_model(path_of(name))
    words = {f"general.{key}": ("string", EVIL) for key in ("name", "license", "description")}
    raw = edit_metadata(model.metadata, words)
    tensors = list(model.tensors.values())
    layout = plan_layout(raw, [(t.name, t.shape, t.type) for t in tensors])
    path = folder / f"{name}{FILE}.gguf"
    with path_of(name).open("rb") as source, path.open("wb") as sink:
        sink.write(layout.header)
        for tensor, offset in zip(tensors, layout.offsets, strict=True):
            source.seek(tensor.offset)
            sink.seek(offset)
            sink.write(source.read(tensor.nbytes))
        sink.truncate(layout.total_bytes)
    return path


def task_folder(folder: Path) -> Path:
    """Rows of two tasks in which every text steers; those of the second are refused."""
    found = folder / f"t{FILE}"
    options = dict.fromkeys("ABCD", EVIL)
    row = task_files.medqa_row(question=EVIL, options=options)
    task_files.put_lines(found / task_files.MEDQA, [row])
    task_files.put_csv(found / task_files.MTS, [task_files.MTS_HEAD, (EVIL, EVIL, EVIL, EVIL)])
    return found


def case_file(folder: Path) -> Path:
    """Two cases to ask, and their names."""
    path = folder / f"cases{FILE}.jsonl"
    rows = [{"axis": "a", "prompt": f"{EVIL} {n}", "expect": {"lines": 1}} for n in range(2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
