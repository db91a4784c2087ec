"""`edgemed serve MODEL`: a model for other programs on this machine, until it is stopped."""

import argparse
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from edgemed.cli.options.chat_template import chat_template_option
from edgemed.cli.options.models import configure_loading, options_of, take_kept_adapter
from edgemed.cli.options.numbers import natural
from edgemed.errors import UsageError
from edgemed.printable import printable
from edgemed.serving.listening import listen, new_token, write_token

PORT = 8080
LAST_PORT = 65535
INTERRUPTED = 130


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed serve`."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="a GGUF file, or the name of one added")
    add(
        "--port",
        type=natural,
        default=PORT,
        metavar="N",
        help=f"the port (default: {PORT}); 0 takes any that is free",
    )
    add(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="write the token to this file, not to the screen",
    )
    add(
        "--queue",
        type=natural,
        default=8,
        metavar="N",
        help="requests that may wait while one is answered (default: 8); more are refused",
    )
    running = parser.add_argument_group("running the model").add_argument
    chat_template_option(running)
    configure_loading(running)


def run(args: argparse.Namespace) -> int:
    """Listen, load the model, answer until SIGTERM (0) or Ctrl-C (130)."""
    if args.port > LAST_PORT:
        raise UsageError(f"there is no port {args.port}", f"give a port up to {LAST_PORT}")
    stopped: list[int] = []
    over = threading.Event()

    def stop(number: int, frame: object) -> None:
        stopped.append(number)
        over.set()

    with listen(args.port) as listening:  # first: from here on no internet socket can be made
        from edgemed.local_models.library import find_model
        from edgemed.local_models.loading import load_model
        from edgemed.serving.server import Server

        path = find_model(args.model)
        take_kept_adapter(args)
        token = new_token()
        if args.token_file is not None:
            write_token(args.token_file, token)
        model = load_model(path, replace(options_of(args), scores_texts=True))
        server = Server(listening, model, token, args.queue, tell)
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, stop)
            server.begin()
            announce(server.address, token, args.token_file)
            while not over.wait(0.5):
                continue
        finally:
            server.end()
    print("stopped", file=sys.stderr)
    return INTERRUPTED if signal.SIGINT in stopped else 0


def tell(line: str) -> None:
    """What the server says while it runs."""
    print(line, file=sys.stderr, flush=True)


def announce(address: str, token: str, kept: Path | None) -> None:
    """Where the server is, and the token or the file that holds it; once."""
    print(f"address: {address}")
    print(f"token: {token}" if kept is None else f"token: in {printable(str(kept))}", flush=True)
