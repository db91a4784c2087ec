"""How many of something, in words: the one place where a word gets its plural."""


def amount(count: int, word: str, plural: str = "") -> str:
    """Such as "1 thread", "2 threads", "1,234 entries"; `plural` where it is not `word` and s."""
    return f"{count:,} {word if count == 1 else plural or word + 's'}"
