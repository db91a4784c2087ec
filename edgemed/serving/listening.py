"""The server's only internet socket: bound to this machine, made first, then no other is possible.

Accepting a connection needs no new right: the system hands over a socket that exists. So the right
to make them is given up as soon as the one that listens is there, before a model is loaded; the
worker that runs the model never has it.
"""

import errno
import re
import secrets
import socket
import sys
from pathlib import Path

from edgemed_models.privacy.sockets import give_up_internet

from edgemed.errors import EdgemedError, Refused
from edgemed.storage.place import refuse_place
from edgemed.storage.whole import in_words, write_whole

HOME = "127.0.0.1"
WAITING = 16  # connections that the system keeps until they are accepted
TOKEN_BYTES = 32
TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}\n")
"""A token as it stands in a file: TOKEN_BYTES in base64."""


def listen(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1; 0 is any free port. After this no other can be made.

    Raises Refused if the port is taken.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Elsewhere a port can be taken again right after a server ended; on Windows the option
        # would let two servers share one.
        if sys.platform != "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOME, port))
        made.listen(WAITING)
    except OSError as error:
        made.close()
        raise refusal(port, error) from None
    give_up_internet()
    return made


def refusal(port: int, error: OSError) -> EdgemedError:
    """Why a port cannot be listened on, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return Refused(
            f"port {port} is in use by another program",
            "give another port, or 0 for any that is free",
        )
    if error.errno == errno.EACCES:
        return Refused(f"port {port} needs administrator rights", "give a port from 1024 on")
    return EdgemedError(f"cannot listen on port {port}: {error.strerror}", "give another port")


def new_token() -> str:
    """A secret that nobody guesses: 256 random bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def holds_token(path: Path) -> bool:
    """Whether a file holds one token and nothing else, so that a new one may take its place."""
    with in_words(path), path.open("rb") as file:
        return TOKEN.fullmatch(file.read(TOKEN_BYTES * 2)) is not None


def write_token(path: Path, token: str) -> None:
    """Write the token to `path`, readable by its user alone. It replaces an earlier token there;
    Refused for a file that holds anything else."""
    refuse_place(path, replace=True)
    if path.exists() and not holds_token(path):
        raise Refused(f"{path} exists already, and holds no token", "name another file")
    with in_words(path):
        write_whole(path, f"{token}\n".encode())
