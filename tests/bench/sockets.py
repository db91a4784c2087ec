"""Sockets and files of every command and session: `python -m tests.bench.sockets [--seconds 60]`.

Run it on every change of a dependency's version. Each command, and a session of the screen and of
the line mode that stays for a minute after its draft was checked, runs under strace in a network
namespace without a network, as a user with an empty home whose environment quiets no library (some
keep still where CI is set). Counted are calls that ask for an internet socket, refused ones as
well; listed is every file made or opened for writing outside edgemed's own folders. Exit code 1
where there is either. `serve` asks for one, which listens. Needs Linux with strace and unshare.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgemed_native import _jit

from tests.watching import commands, sessions
from tests.watching.user import OWN, User, edgemed

CALLS = (
    "socket,socketpair,io_uring_setup,execve,open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,"
    "link,linkat,symlink,symlinkat,rename,renameat,renameat2,truncate"
)
LINE = re.compile(r"^(?P<pid>\d+) +(?P<call>\w+)\((?P<rest>.*)$")
PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
FOLDER = re.compile(r"(?:AT_FDCWD|\d+)<([^>]*)>")
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
FAMILY = re.compile(r"\b(AF_\w+)")
QUIET = ("AF_UNIX", "AF_NETLINK")
PART = re.compile(r"\.edgemed-[0-9a-f]{16}\.part")  # on its way to a name that was asked for
# The folder of `edgemed demo`, and the file with which Python tries where temporary files can be.
TEMPORARY = re.compile(r"\.edgemed-(demo|audit)-|[a-z0-9_]{8}$")
DEVICES = ("/dev/null", "/dev/tty", "/dev/pts/", "/dev/ptmx", "/dev/nvidia", "/proc/self/")


@dataclass(frozen=True, slots=True)
class Seen:
    """What strace saw of one command: programs started, sockets by family, files written."""

    programs: int
    families: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def internet(self) -> int:
        """Calls for a socket that leads out of the machine, and rings that could open one."""
        return sum(family not in QUIET for family in self.families)


def before(log: Path) -> list[str]:
    """What goes before a command line."""
    alone = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    strace = ["strace", "-f", "-qq", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(log)]
    return [*alone, *strace]


def read(log: Path, user: User) -> Seen:
    """The calls of one log. Files are those outside edgemed's folders, and not Python's caches."""
    programs, families, files = 0, [], set()
    for line in log.read_text(errors="replace").splitlines():
        found = LINE.match(line)
        if found is None:  # the second half of a call, a signal, an exit
            continue
        call, rest = found["call"], found["rest"]
        if call == "execve":
            programs += " = -1" not in rest
        elif call in ("socket", "socketpair", "io_uring_setup"):
            family = FAMILY.search(rest)
            families.append(family[1] if family else call)
        elif call not in ("open", "openat", "openat2") or WRITES.search(rest):
            files |= {path for path in paths(rest, user.work) if strange(Path(path), user)}
    return Seen(programs, tuple(families), tuple(sorted(files)))


def paths(rest: str, work: Path) -> list[str]:
    """The files that a call names, absolute; of a call with two, both."""
    folder = Path(work, *FOLDER.findall(rest)[:1])
    return [os.path.normpath(folder / name) for name in PATH.findall(rest)]


def strange(path: Path, user: User) -> bool:
    """Whether a file is neither edgemed's, nor a device, nor asked for, nor a cache of Python."""
    asked = [user.folder / name for name in commands.MADE]
    beside = any(
        path.parent == one.parent and (one.name in path.name or PART.fullmatch(path.name))
        for one in asked
    )
    above = any((user.home / own).is_relative_to(path) for own in OWN)
    ours = user.owns(path) or path.is_relative_to(_jit.CACHE.parent)
    passing = TEMPORARY.match(path.as_posix().removeprefix(f"{user.folder}/tmp/"))
    python = "__pycache__" in path.parts
    return not (beside or above or ours or passing or python or str(path).startswith(DEVICES))


def run(words: Sequence[str], user: User, log: Path) -> tuple[int, Seen]:
    """One command to its end."""
    done = subprocess.run(
        [*before(log), *edgemed(*words)],
        cwd=user.work,
        env=user.environment(),
        input=commands.QUESTION,
        capture_output=True,
    )
    return done.returncode, read(log, user)


def show(name: str, code: int, seen: Seen, listens: int = 0) -> bool:
    """A line of the table; whether nothing was found but a socket that `listens`."""
    others = len(seen.families) - seen.internet
    print(f"{name:34}{code:5}{seen.programs:10}{seen.internet:10}{others:8}{len(seen.files):7}")
    for family in sorted(set(seen.families) - set(QUIET)):
        print(f"    asked for {family}")
    for path in seen.files:
        print(f"    wrote {path}")
    sys.stdout.flush()
    return code == 0 and seen.internet == listens and not seen.files


def remove(made: Path) -> None:
    """Take away what a command of the row before made: a file or a folder."""
    if made.is_dir():
        shutil.rmtree(made)
    else:
        made.unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="that a session stays (60)")
    args = parser.parse_args()
    if missing := [tool for tool in ("strace", "unshare") if shutil.which(tool) is None]:
        print(f"not run: {' and '.join(missing)} not installed", file=sys.stderr)
        return 2
    print(f"{'command':34}{'exit':>5}{'programs':>10}{'internet':>10}{'local':>8}{'files':>7}")
    clean = True
    with tempfile.TemporaryDirectory() as name:
        user, log = User(Path(name) / "user").move_in(), Path(name) / "log"
        commands.prepare(user.work)
        for command, row in commands.rows().items():
            if (needed := commands.NEEDS.get(command)) and find_spec(needed) is None:
                print(f"{command}: not run: {needed} is not installed")
                continue
            for old in commands.MADE:
                remove(user.folder / old)
            for words in row:
                clean &= show(" ".join(words[:2])[:33], *run(words, user, log))
        for session in sessions.SESSIONS:
            code = sessions.hold(session, user, before(log), args.seconds)
            clean &= show(f"{session}, {args.seconds:g} s", code, read(log, user))
        for session in sessions.SERVERS:
            code = sessions.hold(session, user, before(log), args.seconds)
            clean &= show(f"{session}, {args.seconds:g} s", code, read(log, user), listens=1)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
