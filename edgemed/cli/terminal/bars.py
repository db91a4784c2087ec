"""Bars of a fixed width, to compare figures."""


def bar(share: float, width: int) -> str:
    """A share from 0 to 1."""
    full = round(share * width)
    return "█" * full + "·" * (width - full)
