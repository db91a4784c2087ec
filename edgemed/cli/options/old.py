"""Options that were renamed: the old name is an error of one line that gives the new one."""

from collections.abc import Sequence

from edgemed.errors import UsageError

RENAMED = {
    "merge": {"--type": "--part-type", "--tensor-type": "--part-type"},
    "fold": {"--type": "--part-type", "--tensor-type": "--part-type"},
    "quantize": {"--type": "--out-type", "--pattern": "--tensor-type"},
    "diff": {"--html": "--report"},
    "adapt": {"--stored": "--out-type", "--shots": "--draw", "--from": "--stage-one"},
    "instructions": {"--against": "--test-set"},
    "extract": {"--keep": "--share"},
    "summarize": {"--plan": "--in-parts"},
}
"""Command -> its options' names until 0.2.0 -> their names now."""


def refuse_old(command: str | None, arguments: Sequence[str]) -> None:
    """UsageError if one of `arguments` is an option of `command` by its old name."""
    renamed = RENAMED.get(command or "", {})
    for word in arguments:
        if word == "--":  # what follows are names of files
            return
        option = word.partition("=")[0]
        if option in renamed:
            raise UsageError(f"{option} of `edgemed {command}` is now {renamed[option]}")
