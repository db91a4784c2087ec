"""Whether an answer obeys its instructions: strictly unchanged, loosely in one of eight readings.

Loosely (Zhou et al. 2023): the answer with or without its first line, its last line and its
Markdown stars obeys an instruction if one of these readings does. An empty reading obeys nothing.
"""

from collections.abc import Sequence

from edgemed.evals.following.kinds import KINDS, Instruction


def strict(answer: str, instructions: Sequence[Instruction]) -> list[bool]:
    """Which instructions the answer obeys as it is."""
    return [obeys(answer, one) for one in instructions]


def loose(answer: str, instructions: Sequence[Instruction]) -> list[bool]:
    """Which instructions one of the readings obeys."""
    found = readings(answer)
    return [any(obeys(reading, one) for reading in found) for one in instructions]


def obeys(answer: str, instruction: Instruction) -> bool:
    """Whether a text obeys an instruction."""
    if not answer.strip():
        return False
    return KINDS[instruction.kind].obeys(answer, **instruction.arguments)


def readings(answer: str) -> list[str]:
    """The answer as it is, without stars, and both without its first or last line or both."""
    lines = answer.split("\n")
    less = ("\n".join(lines[a:b]).strip() for a, b in ((1, None), (None, -1), (1, -1)))
    whole = (answer, *less)
    return list(dict.fromkeys([*whole, *(text.replace("*", "") for text in whole)]))
