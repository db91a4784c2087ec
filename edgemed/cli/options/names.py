"""Several names in one word of the command line; for argparse."""


def names(text: str) -> list[str]:
    """Names between commas."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
