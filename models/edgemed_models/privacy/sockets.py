"""Gives up the right to open internet sockets, for the rest of the process's life.

edgemed opens none; this makes sure that no library it loads does either, in any version.
"""

from edgemed_models.privacy import seccomp

NOT_ASKED = "not asked for in this process"

_state: str | None = NOT_ASKED


def give_up_internet() -> None:
    """Refuse internet sockets to this process and its children, if the system can; done once."""
    global _state
    if _state is None:
        return
    try:
        seccomp.install()
        _state = None
    except OSError as error:
        _state = error.strerror or type(error).__name__


def why_not() -> str | None:
    """None if internet sockets are refused; else why they are not."""
    return _state
