"""The screen on this machine, with a switch that no user has: `python -m tests.tui.signable NOTE`.

The embedded scale models are a demonstration whose drafts cannot be signed. To take one real model
all the way to an exported signature, the test says that the merged one is none; the rest is as
`edgemed tui NOTE --model FILE` has it.
"""

import sys
from pathlib import Path

from edgemed_tui import machine
from edgemed_tui.app import start

from edgemed.local_models.loading import Options
from edgemed.merging.demo_model import merged_model

if __name__ == "__main__":
    machine.is_demonstration = lambda path: False
    note = Path(sys.argv[1]).read_text(encoding="utf-8")
    sys.exit(start(str(merged_model()), Options(), note, plain=False))
