"""Two settings of the interpreter for whom a key pressed and not answered is the worst thing.

Measured on two busy cores: a full garbage collection held everything up for 50 to 75 ms every few
seconds, and the thread that reads keys waited up to 5 ms each time for the one that draws.
"""

import gc
import sys

SWITCH = 0.001  # seconds after which a thread that computes lets another have the interpreter


def quicken() -> None:
    """Call once when all is loaded: threads change places more often, and what is there by now
    is never searched for garbage again."""
    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()


def keep() -> None:
    """Call when something large has come to stay, such as a long note."""
    gc.freeze()
