"""Where plugged-in media are: USB sticks, cards, other disks."""

import os
import string
import sys
from collections.abc import Iterator
from pathlib import Path

from edgemed.storage.networked import network_folders

if sys.platform == "win32":
    import ctypes

    REMOVABLE = 2  # DRIVE_REMOVABLE

    def media() -> Iterator[Path]:
        """The top folder of every removable drive."""
        kind = ctypes.windll.kernel32.GetDriveTypeW
        for letter in string.ascii_uppercase:
            if kind(f"{letter}:\\") == REMOVABLE:
                yield Path(f"{letter}:\\")

else:
    PLACES = ("/media", "/run/media", "/mnt", "/Volumes")

    def media() -> Iterator[Path]:
        """Every mounted folder below the places where systems mount plugged-in media; a
        network drive is never asked."""
        networked = network_folders()
        for place in PLACES:
            for folder in (f for f in sorted(Path(place).glob("*")) if f not in networked):
                below = (f for f in sorted(folder.glob("*")) if f not in networked)
                yield from filter(os.path.ismount, (folder, *below))
