"""Options that were renamed: the old spelling is an error of one line that says the new one."""

from collections.abc import Sequence

from edgemed.errors import UsageError

RENAMED = {
    "merge": {"--type": "--tensor-type"},
    "fold": {"--type": "--tensor-type"},
    "quantize": {"--type": "--out-type", "--pattern": "--tensor-type"},
    "diff": {"--html": "--report"},
    "adapt": {"--stored": "--out-type"},
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
