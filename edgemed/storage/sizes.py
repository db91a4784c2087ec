"""Byte sizes as people write and read them: `2G`, `500M`, `1.5GiB`; one K is 1,024."""

import re

from edgemed.errors import UsageError

UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
PATTERN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?\s*", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes; UsageError on anything that is not a positive size."""
    match = PATTERN.fullmatch(text)
    size = int(float(match[1]) * UNITS[match[2].upper()]) if match else 0
    if size <= 0:
        raise UsageError(
            f"{text!r} is not a size", "write a number with K, M or G, such as 500M or 2G"
        )
    return size


def show_size(nbytes: float) -> str:
    """A size with two decimals: `4.57 GiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if nbytes < 1024 or unit == "GiB":
            break
        nbytes /= 1024
    return f"{nbytes:,.0f} {unit}" if unit == "bytes" else f"{nbytes:,.2f} {unit}"
