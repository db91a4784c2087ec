"""A count with its noun, such as "2 threads": the one place that makes plurals."""


def amount(count: int, word: str, plural: str = "") -> str:
    """Such as "1 thread", "2 threads", "1,234 entries"; `plural` if it is not `word` and s."""
    return f"{count:,} {word if count == 1 else plural or word + 's'}"
