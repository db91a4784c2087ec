"""`edgemed` with the watch in place of the guard that a server puts on once it listens.

    python server.py serve MODEL ...

An internet socket that it, or its worker, asks for after that is caught as by `trap.py`.
"""

import sys

from edgemed_models.privacy import seccomp

from edgemed.cli.main import main
from edgemed.serving import listening

TRAP = 0x00030000  # SECCOMP_RET_TRAP


def watch() -> None:
    """Takes the place of `give_up_internet`."""
    seccomp.install(TRAP)


if __name__ == "__main__":
    listening.give_up_internet = watch
    sys.exit(main(sys.argv[1:]))
