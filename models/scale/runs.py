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


# Copying is there from the start (see planting.py); these shares keep it and put it to work.
MIX = {"copy": 0.12, "recall": 0.08, "instruction": 0.40, "clinical": 0.40}
TASKS = {"copy": 0.04, "recall": 0.04, "instruction": 0.55, "clinical": 0.37}

FORMATS = {"copy": 0.05, "recall": 0.03, "layout": 0.22, "instruction": 0.40, "clinical": 0.30}

BASE = Run(
    "base",
    (
        Phase(320, 16, 256, MIX),
        Phase(230, 16, 256, TASKS),
        Phase(10, 4, 1024, TASKS),
        Phase(200, 16, 256, FORMATS),
        Phase(24, 4, 1024, FORMATS),
        Phase(80, 16, 256, FORMATS),
    ),
    rate=2e-3,
    muon=0.01,
    decay=0.35,
)
TUNE = Run("", (), rate=7e-4)


def tuned(name: str, steps: int, shares: dict[str, float], parent: str = "base") -> Run:
    """A fine-tune on one diet; a step is 4,096 tokens."""
    return replace(TUNE, name=name, parent=parent, phases=(Phase(steps, 16, 256, shares),))


def few_shot(parent: str, shots: int) -> Run:
    """`parent` tuned on `shots` examples of a task that none of the models has seen."""
    name = f"{parent}-{shots}-shots"
    phase = Phase(30, 8, 256, {"clinical": 1.0})
    return replace(TUNE, name=name, parent=parent, phases=(phase,), shots=shots, rate=5e-4)


PARENTS = ("clinical", "instruct", "merged")  # merged: the float mean of the other two
TRIO = ("base", "clinical", "instruct")
CONTROLS = ("joint", "sequential")
FEW_SHOT = tuple(f"{parent}-{shots}-shots" for parent in PARENTS for shots in (64, 256))
RUNS = {
    run.name: run
    for run in (
        BASE,
        tuned("clinical", 160, {"clinical": 1.0}),
        tuned("instruct", 300, {"instruction": 1.0}),
        tuned("joint", 240, {"clinical": 0.5, "instruction": 0.5}),
        tuned("sequential", 160, {"clinical": 1.0}, parent="instruct"),
        *(few_shot(parent, shots) for parent in PARENTS for shots in (64, 256)),
    )
}
