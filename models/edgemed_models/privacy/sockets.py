"""The right to open internet sockets, given up for the rest of a process's life.

edgemed opens none; this holds the libraries to it that it loads, in the versions to come as well.
"""

from edgemed_models.privacy import seccomp

NOT_ASKED = "not asked for in this process"

_state: str | None = NOT_ASKED


def give_up_internet() -> None:
    """Refuse internet sockets to this process and its children, where the system can; once."""
    global _state
    if _state is None:
        return
    try:
        seccomp.install()
        _state = None
    except OSError as error:
        _state = error.strerror or type(error).__name__


def why_not() -> str | None:
    """None while internet sockets are refused; else why they are not."""
    return _state
