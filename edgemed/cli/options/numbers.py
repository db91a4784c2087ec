"""Numbers on the command line, within their limits; for argparse."""

import argparse
import math

MOST_THREADS = 1024
MOST_SEED = (1 << 32) - 2
"""llama.cpp's seeds have 32 bits, and the largest one means a different draw every time."""


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


def finite(text: str) -> float:
    """A number: neither infinity nor NaN, which Python's float() reads as well."""
    number = float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return number


def seed(text: str) -> int:
    """A seed of random numbers."""
    number = natural(text)
    if number > MOST_SEED:
        raise argparse.ArgumentTypeError(f"{text} is more than {MOST_SEED:,}")
    return number
