"""Libraries that would report home, and how each is told not to.

onnxruntime from 1.29 on does so on every system unless a variable forbids it before it is loaded:
it writes a device id and a database into the user's cache folder and looks for its maker's host.
Its own call alone comes too late for what it does while loading.
"""

import os
from typing import Any

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime 1.29 and later
    "ORT_TELEMETRY_DISABLED": "1",  # the name it had before its release
}


def switch_off() -> None:
    """Set every variable, over what the user's environment says; call before a library loads."""
    os.environ.update(SWITCHES)


def switch_off_in(library: Any) -> None:
    """The loaded library's own call: on Windows the only means, where it hands events to the
    system's tracing."""
    library.disable_telemetry_events()
