"""Steps of LoRA training by edgemed on a quantized file, and by transformers with PEFT in float32.

    pip install -e '.[oracles]'
    python -m tests.bench.beside_peft MODEL.gguf --tokens 512 --pairs 15 --threads 1

Both train adapters of rank 16 on all linear layers of the same llama on the same rows, one row of
random tokens a step, whose last quarter is the answer; edgemed decodes the file's weights at every
product, transformers holds them decoded. Neither computes a block twice. The steps take turns in
one process. Printed are the losses before the first step, which must agree, tokens a second of
both, and the ratio: the median of the pairs, with its 95 % interval (order statistics).
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from edgemed_models.trainable.transformer import Packing
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from edgemed.training.adapt import Training
from edgemed.training.encoded import Data, Encoded
from edgemed.training.schedule import RunSettings
from edgemed.training.trainable import load_trainable
from tests.bench.engine import interval
from tests.oracles.train import PLACES, halves, place

RANK, ALPHA = 16, 32.0
APART = 1e-4  # of the losses, relative: both compute in float32


def decoded(model: Any) -> dict[str, torch.Tensor]:
    """Every tensor of edgemed's model by transformers' name, f32, rows in its order."""
    heads = {"attn_q": model.shape.heads, "attn_k": model.shape.kv_heads}
    found = {"model.embed_tokens.weight": model.embedding.whole()}
    for name, linear in model.linears().items():
        turned = heads.get(name.split(".")[2], 0)
        found[place(f"{name}.weight")] = halves(linear.matrix.whole(), turned)
    for name, norm in model.norms().items():
        found[place(f"{name}.weight")] = norm.weight
    for matrix in model.matrices():
        matrix._whole = None
    return found


def beside(model: Any) -> Any:
    """transformers' model with the same numbers, and PEFT's adapters."""
    shape, state = model.shape, decoded(model)
    if shape.kind != "llama" or model.output is not model.embedding:
        raise SystemExit("a llama with a tied head is needed")
    made = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=model.embedding.rows, hidden_size=shape.width,
            intermediate_size=len(state["model.layers.0.mlp.up_proj.weight"]),
            num_hidden_layers=shape.layers, num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads, head_dim=shape.head,
            rms_norm_eps=shape.epsilon, max_position_embeddings=shape.context,
            rope_parameters={"rope_type": "default", "rope_theta": shape.rope_base},
            tie_word_embeddings=True, attn_implementation="sdpa",
        )
    )  # fmt: skip
    missing, unexpected = made.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    made.tie_weights()
    targets = [PLACES[p].split(".")[1] for p in PLACES if "norm" not in p]
    return get_peft_model(
        made.float(), LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets)
    )


def labelled(row: Encoded) -> dict[str, torch.Tensor]:
    """A row as transformers takes it: no loss where a label is -100."""
    ids = torch.tensor([row.ids])
    labels = ids.clone()
    labels[0, : len(row.ids) - row.answer] = -100
    return {"input_ids": ids, "labels": labels}


def first_losses(ours: Any, theirs: Any, row: Encoded) -> tuple[float, float]:
    """Mean loss of the answer's tokens by both, before anything is learned."""
    weights = (torch.arange(len(row.ids)) >= len(row.ids) - row.answer).float()
    with torch.no_grad():
        total = ours.loss(torch.tensor(row.ids), Packing((len(row.ids),)), weights)
        return float(total) / row.answer, float(theirs(**labelled(row)).loss)


def peft_step(model: Any, rows: list[Encoded]) -> Callable[[], float]:
    """A step of PEFT's adapters on the next row; it returns the loss before the step."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer, left = torch.optim.AdamW(trained, lr=1e-4), iter(rows)

    def step() -> float:
        loss = model(**labelled(next(left))).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(words)
    torch.set_num_threads(args.threads)
    drawn = np.random.default_rng(5)
    rows = [
        Encoded(tuple(drawn.integers(0, 1000, args.tokens).tolist()), args.tokens // 4)
        for _ in range(args.pairs + 1)  # the first warms up
    ]
    _, model = load_trainable(args.model)
    other_model = beside(model)
    losses = first_losses(model, other_model, rows[0])
    print("losses before the first step: {:.6f} and {:.6f}".format(*losses))
    if abs(losses[0] - losses[1]) > APART * losses[1]:
        return 1
    theirs = peft_step(other_model, rows)
    settings = RunSettings(
        rank=RANK, alpha=ALPHA, batch_tokens=args.tokens, held_out=0.0, epochs=1, dora=False
    )
    training = Training(model, Data(tuple(rows), 0, args.tokens), settings)
    model.keep = True
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(args.pairs + 1):
        steps = (("ours", training.step), ("theirs", theirs))
        for name, step in steps[:: 1 if number % 2 else -1]:
            began = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - began)
    ours, other = (np.array(seconds[name][1:]) for name in ("ours", "theirs"))
    ratios = other / ours
    low, high = interval(ratios.tolist())
    for name, times in (("edgemed", ours), ("transformers and PEFT", other)):
        print(f"{name}: {args.tokens / np.median(times):.1f} tokens a second")
    middle = np.median(ratios)
    print(f"edgemed's speed / theirs: {middle:.2f} ({low:.2f} to {high:.2f}), {args.pairs} pairs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
