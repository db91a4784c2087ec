"""Runs a seccomp program as the kernel would, on a call that is only described."""

from collections.abc import Sequence

from edgemed_models.privacy.seccomp import AT_LEAST, EQUAL, LOAD, RETURN, FilterInstruction


def verdict(program: Sequence[FilterInstruction], arch: int, nr: int, family: int = 0) -> int:
    """What the program returns for call `nr` made in the form `arch` with a first argument."""
    data = {0: nr, 4: arch, 16: family}
    loaded = place = 0
    while True:
        code, if_true, if_false, k = program[place]
        place += 1
        match code:
            case _ if code == LOAD:
                loaded = data[k]
            case _ if code == RETURN:
                return k
            case _ if code == EQUAL:
                place += if_true if loaded == k else if_false
            case _ if code == AT_LEAST:
                place += if_true if loaded >= k else if_false
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")
