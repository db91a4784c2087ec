"""Run a command with every internet socket of it and its children caught, by the kernel alone.

    python trap.py LOG COMMAND ...

No strace, no compiler, no rights: the filter with which edgemed gives sockets up, told to raise
SIGSYS instead, which outranks edgemed's own refusal. A process without Python dies of it.
"""

import os
import sys
from pathlib import Path

from edgemed_models.privacy import seccomp

INSIDE = Path(__file__).parent / "inside"
TRAP = 0x00030000  # SECCOMP_RET_TRAP


def main() -> None:
    """Put the filter on and become the command."""
    log, *command = sys.argv[1:]
    os.environ |= {"EDGEMED_WATCH": log, "PYTHONPATH": str(INSIDE)}
    seccomp.install(TRAP)
    os.execvp(command[0], command)


def trapped(log: Path) -> list[str]:
    """What goes before a command line to have it caught, and logged in `log`."""
    return [sys.executable, str(Path(__file__)), str(log)]


def works() -> str:
    """Empty where the filter can be had; else why not."""
    return "" if sys.platform == "linux" and seccomp.own_machine() else "no filter for this system"


def processes(log: Path) -> list[str]:
    """The Python processes that were watched."""
    lines = log.read_text().splitlines()
    return [line.removeprefix("process: ") for line in lines if line.startswith("process: ")]


def caught(log: Path) -> str:
    """The stacks of all who asked for an internet socket; empty where nobody did."""
    lines = log.read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("process: "))


if __name__ == "__main__":
    main()
