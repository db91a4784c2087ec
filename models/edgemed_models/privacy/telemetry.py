"""Switches off the telemetry of libraries.

From version 1.29 on, onnxruntime sends telemetry on every system unless an environment variable
forbids it before it is loaded: it writes a device id and a database to the user's cache folder and
tries to reach its maker's server. Its own API call comes too late to stop what happens on loading.
"""

import os
from typing import Any

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime 1.29 and later
    "ORT_TELEMETRY_DISABLED": "1",  # the variable's name before that release
}


def switch_off() -> None:
    """Set every variable, overriding the user's environment; call before a library is loaded."""
    os.environ.update(SWITCHES)


def switch_off_in(library: Any) -> None:
    """Make the loaded library's own API call: on Windows the only way, because events there go to
    the system's tracing."""
    library.disable_telemetry_events()
