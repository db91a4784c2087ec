"""Random lines for the line mode: no line, no Ctrl-C and no question left open ends it.

    python -m tests.bench.fuzz_line 5000

Conversations of random lines (every command, digits of all scripts, quotes, control characters,
very long ones) in folders of their own, with Ctrl-C and the end of the input in place of answers,
and real SIGINTs at random moments inside commands. A conversation may end by `quit` and by the
second end of the input in a row, and by nothing else; a signed text must stay; errors that nobody
foresaw are counted by their place. POSIX only.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from edgemed_models.fake import ScriptedModel
from edgemed_tui import plain
from edgemed_tui.plain.line import LineMode

from edgemed.local_models import sticks
from edgemed.logs import audit
from tests.tui.scripted import DRAFT, NOTE, pieces, services

MOST = 250  # lines of one conversation
SOON = 0.01  # seconds within which a SIGINT comes, now and then
UNFORESEEN = "The session is as it was."
DIGITS = "0123456789²³¹①½٣९௧Ⅷ𝟘-"
ODD = "\"'`\\$!|<>&;*?[](){}#%\0\a\b\x1b\x7f\x85\u202e\u2066\ud800\U0001f600 \t\u00a0\u2028é漢"
WORDS = ("soap", "note.txt", "out.txt", "out.md", "Dr. O'Brien.txt", "stick", "yes", "no", "other")
OFTEN = ("note note.txt", "template soap", "draft", "findings", "sign", "dismiss 1", "read")


class Fuzz:
    """One conversation: what is typed, and what must hold at every prompt."""

    def __init__(self, seed: int, folder: Path, left: int) -> None:
        self.chance, self.left, self.typed = random.Random(seed), left, 0
        self.last, self.ended_input = "", 0
        self.unforeseen: Counter[str] = Counter()
        self.signed = ("", "")
        model = ScriptedModel(pieces(DRAFT)[:30])
        self.line = LineMode(services(model, folder=folder), self.hear, self.answer, self.secret)

    def hear(self, words: str) -> None:
        if words.endswith(UNFORESEEN):
            self.unforeseen[words] += 1

    def answer(self, prompt: str) -> str:
        if prompt == plain.PROMPT:
            self.look()
            return self.command()
        return self.odd_or(
            lambda: self.chance.choice(("yes", "no", "1", "2", "5", ".", "Dr A", ""))
        )

    def command(self) -> str:
        """The next line; the last of all ends the input."""
        if self.typed >= self.left:
            self.ended_input += 1
            raise EOFError
        self.typed += 1
        self.last = self.odd_or(lambda: random_line(self.chance))
        self.ended_input = 0
        if self.chance.random() < 0.2:
            signal.setitimer(signal.ITIMER_REAL, max(1e-6, self.chance.random() * SOON))
        return self.last

    def odd_or(self, usual: Callable[[], str]) -> str:
        """Now and then Ctrl-C or the end of the input."""
        chance = self.chance.random()
        if chance < 0.02:
            raise KeyboardInterrupt
        if chance < 0.04:
            self.ended_input += 1
            raise EOFError
        return usual() if chance < 0.9 else any_text(self.chance)

    def secret(self, prompt: str) -> str:
        return self.odd_or(lambda: "four words of mine")

    def look(self) -> None:
        """A signed text never changes."""
        session = self.line.session
        if session.signature is not None:
            if self.signed[0] == session.signature.at + session.source and self.signed[1]:
                assert self.signed[1] == session.text
            self.signed = (session.signature.at + session.source, session.text)
        else:
            self.signed = ("", "")

    def may_have_ended(self) -> bool:
        return self.ended_input > 0 or self.last.split()[:1] == ["quit"]


def random_line(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.35:
        return chance.choice(OFTEN)
    if kind < 0.9:
        word = chance.choice([*plain.COMMANDS, *plain.COMMANDS, "quit"])
        return f"{word} {argument(chance)}"
    return any_text(chance)


def argument(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.4:
        return "".join(chance.choices(DIGITS, k=chance.randrange(1, 5)))
    if kind < 0.7:
        return chance.choice(WORDS)
    return any_text(chance)


def any_text(chance: random.Random) -> str:
    """Any characters at all but / and ~, which would leave the folder."""
    length = chance.choice((0, 1, 3, 20, 300)) if chance.random() < 0.98 else 200_000
    pools = (ODD, DIGITS, "abc .'\"", "".join(map(chr, range(0x20, 0x500))))
    text = "".join(chance.choices(chance.choice(pools), k=length))
    return text.replace("/", "|").replace("~", "-")


def interrupt(number: int, frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)


def bench(lines: int, seed: int, top: Path) -> Counter[str]:
    """Conversations until enough lines were typed; unforeseen errors by their words."""
    unforeseen, done = Counter[str](), Counter[str]()
    typed = at = 0
    signal.signal(signal.SIGALRM, interrupt)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    while typed < lines:
        at += 1
        folder = top / str(at)
        (folder / "stick").mkdir(parents=True)
        (folder / "note.txt").write_text(NOTE, encoding="utf-8")
        os.chdir(folder)
        fuzz = Fuzz(seed + at, folder, min(MOST, lines - typed))
        plain.talk(fuzz.line)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if not fuzz.may_have_ended():
            sys.exit(f"seed {seed + at}: ended after {fuzz.last!r}")
        if faults := audit.verify(fuzz.line.services.place).faults:
            sys.exit(f"seed {seed + at}: {faults}")
        typed += fuzz.typed
        if fuzz.line.services.place.log.exists():
            done.update(row.what for row in audit.read(fuzz.line.services.place))
        unforeseen += fuzz.unforeseen
    print(f"{typed} lines in {at} conversations: nothing but quit and the end of input ended one")
    print("  logged: " + ", ".join(f"{what} {count}" for what, count in sorted(done.items())))
    return unforeseen


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("lines", type=int, nargs="?", default=5000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    sticks.PLACES = ("/nothing is plugged in",) * 4
    with tempfile.TemporaryDirectory() as folder:
        unforeseen = bench(args.lines, args.seed, Path(folder))
        os.chdir("/")
    for words, count in unforeseen.most_common():
        print(f"  {count:4} {words}")
    print(f"{unforeseen.total()} errors that nobody foresaw")
    sys.exit(1 if unforeseen else 0)


if __name__ == "__main__":
    main()
