"""llama.cpp opens nothing here: the small models that tests write are none that it runs."""

from edgemed_models.engine.load_check import LoadCheck


def nothing(self: LoadCheck) -> None:
    """No process is started or ended."""


def loads(self: LoadCheck, paths: object) -> None:
    """Every file does."""


IN_PLACE_OF = {"__init__": nothing, "refusal": loads, "end": nothing}
"""Methods of LoadCheck, each with what stands in for it."""


def let_all_pass() -> None:
    """For the rest of this process."""
    for name, stand_in in IN_PLACE_OF.items():
        setattr(LoadCheck, name, stand_in)
