"""`python -m edgemed`: the command line, for when `edgemed` is not on the path."""

import sys

from edgemed.cli.main import main

sys.exit(main())
