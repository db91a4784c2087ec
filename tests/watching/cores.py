"""Whether the kernel dumps the memory of a process that aborts: it says so in the exit status."""

import os
import subprocess
from pathlib import Path

ABORT = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, [resource.getrlimit(resource.RLIMIT_CORE)[1]] * 2)
note = "Mrs Example has chest pain. " * 1000
if sys.argv[1] == "forbidden":
    from edgemed_models.privacy import dumps
    dumps.forbid_dumps()
    assert dumps.why_not() is None
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
os.abort()
"""


def dumps_core(folder: Path, command: list[str]) -> bool:
    """Whether the kernel says that a command which aborts has dumped its memory."""
    child = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    _, status = os.waitpid(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    for core in folder.glob("core*"):
        core.unlink()
    assert os.WIFSIGNALED(status), status
    return os.WCOREDUMP(status)
