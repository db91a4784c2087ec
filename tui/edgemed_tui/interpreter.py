"""Settings of the Python interpreter (garbage collection, thread switching) for fast keys.

Measured on two busy cores: a full garbage collection held everything up for 50 to 75 ms every few
seconds, and the thread that reads keys waited up to 5 ms each time for the one that draws.
"""

import gc
import sys

SWITCH = 0.001  # seconds after which a computing thread lets another run


def quicken() -> None:
    """Call once when everything is loaded: threads switch more often, and existing objects are
    never searched for garbage again."""
    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()


def keep() -> None:
    """Call after loading something large that stays, such as a long note."""
    gc.freeze()
