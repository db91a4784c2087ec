"""The disk gets full at every write of every command: nothing is lost, and it is said in words.

    python -m tests.bench.full_disk [--kinds] [--most N] [SCENE ...]

For each scene of tests/faults/commands.py, the n-th call that may need space (open of a new file,
write, fallocate, ftruncate, link, mkdir, rename, sync) fails with "no space left", for every n,
once alone and once with all later ones. Then: inputs are as they were; every file under a final
name is what it was before or what an undisturbed run writes; nothing is left but what can be gone
on with; the exit code is not 0; stderr names the thing and the remedy, without a traceback; and the
same command with space again ends as an undisturbed one. Files of the audit log and the records are
left alone unless --logs is given. `--kinds` tries of each kind of call (its name and the file's,
without digits) the first, one in between and the last; `--most` so many n of a scene, drawn at
random. Linux with gcc only.
"""

import argparse
import hashlib
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.shim import Attempt, Fault, preloaded

if TYPE_CHECKING:
    from tests.faults.commands import Scene

LOGS = ("audit.", "records.", ".sqlite")
RANDOM = re.compile(r"[0-9a-f]{8,}|[0-9]+|(?<=tmp)[a-z0-9_]{8}")  # in names: random words, moments
OUT, ERR = "said.out", "said.err"
State = dict[str, str]


def state_of(folder: Path) -> State:
    """Relative name -> sha256 of every file, but for what was printed and the logs."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() or p.is_symlink())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name not in (OUT, ERR) and not any(word in path.name for word in LOGS)
    }


class Stage:
    """A scene, its prepared folder, and what an undisturbed run makes of it."""

    def __init__(self, scene: "Scene", place: Path, logs: bool) -> None:
        self.scene, self.place = scene, place / "prepared"
        self.run_in = place / "run"
        self.skip = "|".join((ERR, *(() if logs else LOGS)))
        self.before = self.prepared()
        ends = [self.undisturbed() for _ in range(2)]
        self.after = {name: sha for name, sha in ends[0].items() if ends[1].get(name) == sha}
        self.others = [n for n in ends[0] if n not in self.after]  # other bytes in every run
        self.patterns = sorted({ending(n) for end in ends for n in end if n not in self.after})

    def prepared(self) -> State:
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        attempt = self.attempt(self.place, None, prepare=True)
        if attempt.end():
            sys.exit(f"{self.scene.name}: preparing failed: {self.said(self.place)}")
        for name in (OUT, ERR):
            (self.place / name).unlink()
        return state_of(self.place)

    def fresh(self) -> Path:
        shutil.rmtree(self.run_in, ignore_errors=True)
        shutil.copytree(self.place, self.run_in, symlinks=True)
        return self.run_in

    def undisturbed(self) -> State:
        attempt = self.attempt(self.fresh(), None)
        if attempt.end():
            sys.exit(f"{self.scene.name} fails by itself: {self.said(self.run_in)}")
        return state_of(self.run_in)

    def attempt(self, folder: Path, fault: Fault | None, prepare: bool = False) -> Attempt:
        from tests.faults.commands import enter

        def run() -> int:
            enter(folder)
            if prepare:
                self.scene.prepare()
                return 0
            return self.scene.run()

        return Attempt(run, fault or Fault("count", folder, skip=self.skip), folder / "said")

    def said(self, folder: Path) -> str:
        return (folder / ERR).read_text("utf-8", "replace")

    def trial(self, n: int, stay: bool) -> tuple[str, str] | None:
        """Fail at the n-th call; None if there are fewer, else the call and what is wrong."""
        folder = self.fresh()
        attempt = self.attempt(folder, Fault("full", folder, n, stay, self.skip))
        code = attempt.end()
        if not attempt.reached:
            return None
        faults = list(self.faults(folder, code, attempt.reached))
        if not faults:
            again = self.attempt(folder, None).end()
            faults = list(self.faults_at_end(folder, again))
        return attempt.reached, "; ".join(faults)

    def faults(self, folder: Path, code: int, reached: str) -> Iterator[str]:
        said = self.said(folder)
        if "Traceback" in said or "internal error" in said:
            yield f"traceback or internal error: {said.strip().splitlines()[-2:]}"
        shrugged = any(reached.startswith(word) for word in self.scene.shrugs)
        if code == 0 and not shrugged:
            yield "exit code 0"
        lines = said.splitlines()
        named = [i for i, line in enumerate(lines) if line.startswith(("edgemed: ", "warning: "))]
        if code and (not named or not "".join(lines[named[-1] + 1 :]).strip()):
            yield f"exit code {code} without what and remedy: {lines[-2:]}"
        yield from self.lost(state_of(folder))

    def lost(self, found: State) -> Iterator[str]:
        """Files that are neither as before nor as after, and files that nobody asked for."""
        for name in self.before:
            if name not in found and name in self.after and not name.endswith(self.scene.leaves):
                yield f"{name} is gone"
        for name, sha in found.items():
            known = {self.before.get(name), self.after.get(name)}
            resumable = self.scene.leaves and name.endswith(self.scene.leaves)
            if sha not in known and not resumable and ending(name) not in self.patterns:
                yield f"{name} is left behind or half"
            if name.endswith(".part") and not resumable:
                yield f"{name} is left behind"

    def faults_at_end(self, folder: Path, code: int) -> Iterator[str]:
        found = state_of(folder)
        if code and any(found.get(name) != sha for name, sha in self.after.items()):
            yield f"with space again: exit code {code}: {self.said(folder).splitlines()[-2:]}"
        for name, sha in self.after.items():
            if found.get(name) != sha:
                yield f"with space again: {name} is not what it should be"
        for name in found:
            if name not in self.after and ending(name) not in self.patterns:
                yield f"with space again: {name} is left behind"


def ending(name: str) -> str:
    """A folder and an ending: names that hold the moment or a random word are known by these."""
    return f"{Path(name).parent}/*{Path(name).suffix}"


def numbers(stage: Stage, args: argparse.Namespace, chance: random.Random) -> list[int]:
    """Every n, or some of each kind, or so many of them."""
    attempt = stage.attempt(stage.fresh(), None)
    attempt.end()
    chosen = range(1, attempt.told.calls + 1)
    if args.kinds:
        chosen = of_each_kind(attempt, chance)
    return sorted(chosen if len(chosen) <= args.most else chance.sample(chosen, args.most))


def of_each_kind(attempt: Attempt, chance: random.Random) -> list[int]:
    """Of each kind of call the first, one in between, and the last."""
    kinds: dict[str, list[int]] = {}
    for number, what in attempt.all():
        kinds.setdefault(RANDOM.sub("#", what), []).append(number)
    return list(
        {n for found in kinds.values() for n in (found[0], chance.choice(found), found[-1])}
    )


def try_scene(scene: "Scene", place: Path, args: argparse.Namespace) -> int:
    """All trials of a scene; how many went wrong."""
    place.mkdir()
    stage, chance, start = Stage(scene, place, args.logs), random.Random(args.seed), time.time()
    tried = wrong = 0
    for stay in (True, False):
        for n in numbers(stage, args, chance):
            found = stage.trial(n, stay)
            if found is None:
                continue
            tried += 1
            if found[1]:
                wrong += 1
                how = "from there on" if stay else "once"
                print(f"  {scene.name}: full at call {n}, {found[0]}, {how}: {found[1]}")
    print(
        f"{scene.name}: {tried} full disks, {wrong} wrong, {time.time() - start:.0f} s", flush=True
    )
    shutil.rmtree(place)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*")
    parser.add_argument("--kinds", action="store_true")
    parser.add_argument("--most", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--logs", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        code = preloaded("tests.bench.full_disk", Path(folder))
        if code is not None:
            return code
        from tests.faults.commands import SCENES

        chosen = [scene for scene in SCENES if not args.scenes or scene.name in args.scenes]
        place = Path(folder).resolve() / "scene"
        return 1 if sum(try_scene(scene, place, args) for scene in chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
