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


# Copying is there from the start (see planting.py); these shares keep it and put it to work. Later
# phases put formats on any words first, and then what lists need most.
MIX = {"copy": 0.12, "recall": 0.08, "instruction": 0.40, "clinical": 0.40}
TASKS = {"copy": 0.04, "recall": 0.04, "instruction": 0.55, "clinical": 0.37}
FORMATS = {
    "copy": 0.04,
    "recall": 0.02,
    "layout": 0.12,
    "report": 0.22,
    "instruction": 0.32,
    "clinical": 0.28,
}
LISTS = {
    "copy": 0.04,
    "recall": 0.02,
    "layout": 0.12,
    "report": 0.12,
    "instruction": 0.56,
    "clinical": 0.14,
}
NOTES = {
    "copy": 0.04,
    "recall": 0.02,
    "layout": 0.08,
    "report": 0.18,
    "excerpt": 0.12,
    "instruction": 0.38,
    "clinical": 0.18,
}
SHARP = {
    "copy": 0.03,
    "recall": 0.02,
    "layout": 0.07,
    "report": 0.15,
    "excerpt": 0.08,
    "instruction": 0.48,
    "clinical": 0.17,
}
CLINICAL = {"clinical": 1.0}
INSTRUCT = {"instruction": 0.78, "report": 0.14, "layout": 0.08}
BOTH = {"clinical": 0.5} | {name: share / 2 for name, share in INSTRUCT.items()}

BASE = Run(
    "base",
    (
        Phase(320, 16, 256, MIX),
        Phase(230, 16, 256, TASKS),
        Phase(10, 4, 1024, TASKS),
        Phase(180, 8, 256, FORMATS),
        Phase(12, 2, 1024, FORMATS),
        Phase(240, 8, 256, FORMATS),
        Phase(300, 8, 256, LISTS),
        Phase(300, 8, 256, NOTES),
        Phase(390, 4, 512, SHARP),
        Phase(10, 2, 1024, SHARP),
    ),
    rate=1.5e-3,
    muon=0.008,
    decay=0.35,
)
SEEDS = (1, 2, 3)  # of the fine-tunes: data and their order; all start from the one base
SHOTS = (64, 256)


def of_seed(name: str, seed: int) -> str:
    """The name of a run made again under another seed: clinical, clinical-2, clinical-3."""
    return name if seed == SEEDS[0] else f"{name}-{seed}"


def tuned(
    name: str, steps: int, shares: dict[str, float], seed: int = 1, parent: str = "base"
) -> Run:
    """A fine-tune on one diet; a step is 2,048 tokens."""
    phases = (Phase(steps, 4, 512, shares),)
    return Run(of_seed(name, seed), phases, parent, rate=8e-4, warmup=10, seed=seed)


def few_shot(parent: str, shots: int) -> Run:
    """`parent` tuned on `shots` examples of a task that none of the models has seen."""
    phases = (Phase(30, 4, 256, CLINICAL),)
    run = Run(f"{parent}-{shots}-shots", phases, parent, rate=3e-4, warmup=5)
    return replace(run, shots=shots)


PARENTS = ("clinical", "instruct", "merged")  # merged: the float mean of the other two
TRIO = ("base", "clinical", "instruct")
CONTROLS = ("joint", "sequential")
FEW_SHOT = tuple(f"{parent}-{shots}-shots" for parent in PARENTS for shots in SHOTS)
RUNS = {
    run.name: run
    for run in (
        BASE,
        *(tuned("clinical", 120, CLINICAL, seed) for seed in SEEDS),
        *(tuned("instruct", 300, INSTRUCT, seed) for seed in SEEDS),
        tuned("joint", 200, BOTH),
        tuned("sequential", 120, CLINICAL, parent="instruct"),
        *(few_shot(parent, shots) for parent in PARENTS for shots in SHOTS),
    )
}


def shortened(run: Run, part: float) -> Run:
    """`run` with every phase cut to a part of its steps: for a trial of the whole chain."""
    phases = tuple(replace(p, steps=max(1, round(p.steps * part))) for p in run.phases)
    return replace(run, phases=phases)


def length_of(run: Run) -> int:
    """The steps of all phases."""
    return sum(phase.steps for phase in run.phases)
