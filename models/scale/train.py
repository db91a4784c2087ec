"""Trains one configuration of runs.py, with checkpoints: it can stop at any step and continue.

    python models/scale/train.py base --work DIR

The batch of a step depends on the seed, the run's name and the step alone, so a run that was
interrupted sees the same data as one that was not.
"""

import argparse
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from diets import NAMES, Rows, documents, few_shot, packed
from edgemed_models.machine import logical_cores
from json_lines import add
from model import Llama, Shape
from muon import Muon, has_bf16
from planting import plant
from runs import RUNS, Phase, Run, length_of, shortened
from torch import Tensor
from torch.nn import functional as F
from vocabulary import Pieces

SAVE_EVERY, LOG_EVERY = 20, 10
WORTH_COMPILING = 30  # steps; compiling for a shape takes a minute or more


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def batch_of(run: Run, phase: Phase, step: int, pieces: Pieces) -> Rows:
    """The rows of one step, one token longer than the phase's length."""
    rng = Random(f"{run.seed}/{run.name}/{step}")
    if run.shots:
        pool = few_shot(Random(f"shots/{run.seed}"), pieces, run.shots)
        made = [rng.choice(pool) for _ in range(phase.rows * 2)]
    else:
        size = phase.rows * (phase.length + 1)
        made = documents(rng, pieces, phase.shares, phase.length, size)
    return packed(made, phase.rows, phase.length + 1, rng)


def losses(model: Llama, hidden: Tensor, rows: Rows) -> tuple[Tensor, dict[str, float]]:
    """Weighted mean cross-entropy of the learned tokens; the share guessed right by source."""
    place = hidden.device
    tokens = torch.from_numpy(rows.tokens[:, 1:]).to(place)
    weights = torch.from_numpy(rows.weights[:, 1:]).to(place)
    chosen = weights > 0
    scores = model.logits(hidden[chosen]).float()
    target = tokens[chosen]
    right = (scores.detach().argmax(-1) == target).cpu().numpy()
    source = rows.sources[:, 1:][rows.weights[:, 1:] > 0]
    shares = {name: float(right[source == n].mean()) for n, name in enumerate(NAMES) if n in source}
    each, weight = F.cross_entropy(scores, target, reduction="none"), weights[chosen]
    return (each * weight).sum() / weight.sum(), shares


def optimizers(model: Llama, run: Run) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks and AdamW for the rest, or AdamW for all."""
    matrices = [p for n, p in model.named_parameters() if n.startswith("blk") and p.ndim == 2]
    ids = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in ids]
    if not run.muon:
        rest, matrices = list(model.parameters()), []
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=run.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    ]
    return [*found, Muon(matrices, lr=run.muon)] if matrices else found


def scale_at(run: Run, step: int) -> float:
    """The share of the full learning rate: a short rise, level, then straight down to 2 %."""
    total = length_of(run)
    rise = min(1.0, (step + 1) / run.warmup)
    fall = min(1.0, (total - step) / (total * run.decay))
    return rise * max(0.02, fall)


def phase_at(run: Run, step: int) -> Phase:
    for phase in run.phases:
        if step < phase.steps:
            return phase
        step -= phase.steps
    raise ValueError(f"{run.name} has no step {step} beyond its end")


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint under a temporary name and rename it."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def start_of(run: Run, work: Path) -> tuple[Llama, list[torch.optim.Optimizer], int]:
    """The model, its optimizers and the step to continue with."""
    torch.manual_seed(run.seed)
    model = Llama(Shape()).to(device())
    if run.parent:
        model.load_state_dict(torch.load(work / f"{run.parent}.pt", map_location=device())["model"])
    else:
        plant(model)
    found = optimizers(model, run)
    path = work / f"{run.name}.pt"
    if not path.exists():
        return model, found, 0
    state = torch.load(path, map_location=device())
    model.load_state_dict(state["model"])
    for optimizer, kept in zip(found, state["optimizers"] or (), strict=bool(state["optimizers"])):
        optimizer.load_state_dict(kept)
    return model, found, state["step"]


def train(run: Run, work: Path) -> None:
    """Train `run` to its end, logging to WORK/log.jsonl and saving WORK/<name>.pt.

    SIGTERM ends it after the step at work, with a checkpoint.
    """
    pieces = Pieces(work / "vocabulary.model")
    model, found, step = start_of(run, work)
    compiled = torch.compile(model, dynamic=False)
    total, began = length_of(run), time.time()
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    while step < total and not stop:
        phase = phase_at(run, step)
        body = compiled if phase.steps > WORTH_COMPILING else model
        rows = batch_of(run, phase, step, pieces)
        loss, shares, norm = descent(model, body, found, run, step, rows)
        step += 1
        if step % LOG_EVERY == 0 or step == total:
            log(work, run, step, loss, shares, norm, time.time() - began)
        if step % SAVE_EVERY == 0 or step == total or stop:
            kept = [optimizer.state_dict() for optimizer in found]
            state = {"model": model.state_dict(), "optimizers": kept, "step": step}
            save(work / f"{run.name}.pt", state)


def descent(
    model: Llama,
    body: Callable[[Tensor], Tensor],
    found: list[torch.optim.Optimizer],
    run: Run,
    step: int,
    rows: Rows,
) -> tuple[float, dict[str, float], float]:
    """One step: the loss, the shares guessed right, and the norm of the gradient."""
    tokens = torch.from_numpy(rows.tokens[:, :-1]).to(device())
    with torch.autocast(device().type, dtype=torch.bfloat16, enabled=has_bf16()):
        loss, shares = losses(model, body(tokens), rows)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    # The full rates come from the run, not from a checkpoint: those hold what a step has left.
    for optimizer, rate in zip(found, (run.rate, run.muon), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate * scale_at(run, step)
        optimizer.step()
        optimizer.zero_grad()
    return loss.item(), shares, norm.item()


def log(
    work: Path, run: Run, step: int, loss: float, shares: dict[str, float], norm: float, took: float
) -> None:
    """Add one line to the log and print it."""
    line = {"run": run.name, "step": step, "loss": round(loss, 4), "norm": round(norm, 2)}
    line |= {f"right {name}": round(share, 3) for name, share in shares.items()}
    line["seconds"] = round(took)
    add(work / "log.jsonl", line)
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", choices=sorted(RUNS))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=logical_cores())
    parser.add_argument("--part", type=float, default=1.0, help="part of the steps: a trial")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    np.seterr(all="raise")
    train(shortened(RUNS[args.run], args.part), args.work)


if __name__ == "__main__":
    main()
