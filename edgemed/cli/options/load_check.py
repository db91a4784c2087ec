"""`--no-load-check`, one option of the commands that write or add a model."""

import argparse


def load_check_option(parser: argparse.ArgumentParser) -> None:
    """Llama.cpp opens the file unless the user says otherwise."""
    parser.add_argument(
        "--no-load-check",
        dest="load_check",
        action="store_false",
        help="accept a file that the installed llama.cpp does not load or does not know",
    )
