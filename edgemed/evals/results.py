"""The results of a task as a file: what was measured on the first line, then an item a line.

    {"eval": {"task": "ifeval", "split": "test", "model": [...], ...}}
    {"key": "1000", "item": "3f...", "group": "", "tokens": 311, "cut": false,
     "scores": {"prompt-strict": [0.0, 1.0], ...}}

It holds no prompt and no answer. One run at a time writes it; it is replaced as a whole.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgemed.clinic.rules import digest_of_rules
from edgemed.errors import EdgemedError, Refused
from edgemed.evals.examining import Outcome
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.task import Task
from edgemed.storage.bounded import json_of, read_bounded
from edgemed.storage.held import Busy, hold
from edgemed.storage.whole import write_whole

CLAIMS = "claims"
"""The metric that the checks compute: its results are valid for one version of their rules."""
RULES = "rules of the checks"
ELSEWHERE = "name another folder, or move that file away"

Identity = Mapping[str, Any]
"""What all items of a file have in common: JSON values."""
Results = dict[str, tuple[str, Outcome]]
"""By key: the digest of the item, and what came of it."""


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Lock `out` for this run. The lock file stays: if it were removed, two runs could lock it."""
    try:
        fd = hold(out.with_name(f".{out.name}.lock"))
    except Busy:
        raise Refused(
            f"another run is writing {out}", "wait for it, or name another folder"
        ) from None
    try:
        yield
    finally:
        os.close(fd)


def write_results(out: Path, identity: Identity, items: Mapping[str, Item], found: Results) -> None:
    """Replace the file with these results, completely or not at all."""
    rows = [
        {"key": key, "item": digest, "group": items[key].group if key in items else ""}
        | asdict(outcome)
        for key, (digest, outcome) in found.items()
    ]
    lines = "".join(json.dumps(row) + "\n" for row in ({"eval": dict(identity)}, *rows))
    try:
        write_whole(out, lines.encode())
    except OSError as error:
        raise EdgemedError(
            f"cannot write {out}: {error.strerror}", "free some disk space, run the command again"
        ) from None


def read_results(out: Path) -> tuple[dict[str, Any], Results]:
    """What a file of results holds: its first line and its items. Raises Refused for another."""
    try:
        lines = read_bounded(out, "results of a task").decode("utf-8").splitlines()
        identity = json_of(lines[0])["eval"]
        found = {}
        for row in map(json_of, lines[1:]):
            scores = {
                str(name): tuple(map(float, counts)) for name, counts in row["scores"].items()
            }
            found[str(row["key"])] = (
                str(row["item"]),
                Outcome(scores, int(row["tokens"]), bool(row["cut"])),
            )
        return dict(identity), found
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise Refused(f"{out} does not hold results of a task", ELSEWHERE) from None


def rules_of(task: Task) -> dict[str, str]:
    """The digest of the checks' rules, as a part of the identity, where the checks score a task."""
    return {RULES: digest_of_rules()} if CLAIMS in task.metrics else {}


def known_results(
    out: Path, identity: Identity, items: Mapping[str, Item]
) -> tuple[Identity, Results]:
    """How the model was loaded in an earlier run of the same, and its results. Raises Refused if
    `out` holds anything else."""
    if not out.exists():
        return {}, {}
    before, found = read_results(out)
    if changed := sorted(name for name in identity if before.get(name) != identity[name]):
        raise Refused(f"{out} holds results with different {', '.join(changed)}", ELSEWHERE)
    if any(digest != items[key].digest for key, (digest, _) in found.items() if key in items):
        raise Refused(f"{out} has results for other rows with the same keys", ELSEWHERE)
    return before.get("loaded", {}), found
