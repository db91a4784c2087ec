"""Bars of a fixed width, for figures that are read beside each other."""


def bar(share: float, width: int) -> str:
    """A share from 0 to 1."""
    full = round(share * width)
    return "█" * full + "·" * (width - full)
