"""Whole numbers on the command line, within their limits; for argparse."""

import argparse

MOST_THREADS = 1024


def positive(text: str) -> int:
    """A whole number above zero."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return number


def threads(text: str) -> int:
    """How many threads: each takes memory, and the system gives only so many."""
    number = positive(text)
    if number > MOST_THREADS:
        raise argparse.ArgumentTypeError(f"{text} is more than {MOST_THREADS:,}")
    return number


def natural(text: str) -> int:
    """A whole number, zero too."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below zero")
    return number
