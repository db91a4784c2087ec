"""Every training run as data: its diet by phase, sizes, rates and seed."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Phase:
    """`shares` are parts of the tokens; a step reads rows x length tokens."""

    steps: int
    rows: int
    length: int
    shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class Run:
    """One model. `parent` is the run it starts from; `muon` 0 trains with AdamW alone."""

    name: str
    phases: tuple[Phase, ...]
    parent: str = ""
    rate: float = 3e-3
    muon: float = 0.0
    warmup: int = 20
    decay: float = 0.5
    seed: int = 1
    shots: int = 0


MIX = {"copy": 0.12, "recall": 0.08, "instruction": 0.40, "clinical": 0.40}

BASE = Run("base", (Phase(440, 16, 256, MIX), Phase(24, 4, 1024, MIX)), rate=7e-4, muon=0.01)
TUNE = Run("", (Phase(150, 16, 256, {}),), parent="base", rate=7e-4)


def tuned(name: str, shares: dict[str, float], parent: str = "base") -> Run:
    """A fine-tune of about 1 M tokens of one diet."""
    return replace(TUNE, name=name, parent=parent, phases=(replace(TUNE.phases[0], shares=shares),))


RUNS = {
    run.name: run
    for run in (
        BASE,
        tuned("clinical", {"clinical": 1.0}),
        tuned("instruct", {"instruction": 1.0}),
        tuned("joint", {"clinical": 0.5, "instruction": 0.5}),
        tuned("sequential", {"clinical": 1.0}, parent="instruct"),
    )
}
