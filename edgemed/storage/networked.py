"""Which folders are on a network drive, by the list of mounts; no drive is asked.

A drive that does not answer holds up whoever asks it for anything, even for its type.
Known on Linux only; elsewhere no folder counts as being on the network.
"""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
KINDS = re.compile(
    r"nfs|nfs4|cifs|smb3|smbfs|9p|afs|ceph|glusterfs|lustre|ncpfs|davfs|autofs"
    r"|fuse\.(sshfs|rclone|davfs2|glusterfs|curlftpfs|gvfsd-fuse|s3fs|juicefs)"
)
ESCAPED = re.compile(rb"\\([0-7]{3})")  # a space in a mount's name is \040


def network_folders() -> frozenset[Path]:
    """The folders where network drives, and automounts of them, are mounted."""
    try:
        rows = [row.split(b" ") for row in MOUNTS.read_bytes().splitlines()]
    except OSError:
        return frozenset()
    kinds = ((row[1], row[2].decode("ascii", "replace")) for row in rows if len(row) > 2)
    return frozenset(Path(unescaped(name)) for name, kind in kinds if KINDS.fullmatch(kind))


def unescaped(name: bytes) -> str:
    """A mount's name as the system calls it."""
    plain = ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), name)
    return plain.decode("utf-8", "surrogateescape")


def is_networked(path: Path, folders: frozenset[Path]) -> bool:
    """Whether `path` is in one of the network's `folders`, by its name only."""
    return any(place in folders for place in (path, *path.parents))
