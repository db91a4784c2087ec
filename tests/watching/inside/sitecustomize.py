"""Imported by every Python process under the watch: an internet socket leaves its stack in the log.

The filter of `tests/watching/trap.py` turns the call into a signal, and the process goes on.
"""

import faulthandler
import os
import signal
import sys

log = open(os.environ["EDGEMED_WATCH"], "a")  # noqa: SIM115, PTH123 (open as long as the process)
log.write(f"process: {' '.join(sys.orig_argv[1:4])}\n")
log.flush()
faulthandler.register(signal.SIGSYS, log, all_threads=True)
