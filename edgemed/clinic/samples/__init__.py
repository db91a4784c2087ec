"""Sample texts of invented patients: a note, and the conversation of a visit."""

from importlib import resources


def note() -> str:
    """A short note of a hospital stay."""
    return _text("note.txt")


def dialogue() -> str:
    """A visit as it was spoken, a turn a line."""
    return _text("dialogue.txt")


def _text(name: str) -> str:
    return (resources.files("edgemed.clinic.samples") / name).read_text(encoding="utf-8")
