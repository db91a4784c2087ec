"""mergekit's example recipes with stand-ins for their models: what a plain reading of them gives.

The reading here goes over the YAML itself with the Hugging Face names written out, in float64, and
shares no code with the recipes' own.
"""

from pathlib import Path

import numpy as np
import pytest
import yaml

from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe_file import parse_recipe
from edgemed.merging.run.run import run_plan
from tests.edgemed.merge_pairs import HEADS, TOKENS, WIDTH, read_tensors, write_pair_member
from tests.oracles import methods as oracle

LAYERS, INNER = 5, 64
CHECKPOINT = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
    "attn_norm.weight": "input_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_output.weight": "self_attn.o_proj.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
}


def stand_in(path: Path, seed: int, layers: int = LAYERS, near: Path | None = None) -> Path:
    """A small llama; `near` makes it a relative of that one."""
    rng = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {"token_embd.weight": rng.normal(0, 1, (len(TOKENS), WIDTH))}
    for i in range(layers):
        tensors |= {
            f"blk.{i}.attn_norm.weight": rng.normal(1, 0.1, WIDTH),
            f"blk.{i}.attn_q.weight": rng.normal(0, 1, (WIDTH, WIDTH)),
            f"blk.{i}.attn_k.weight": rng.normal(0, 1, (WIDTH // HEADS, WIDTH)),
            f"blk.{i}.attn_v.weight": rng.normal(0, 1, (WIDTH // HEADS, WIDTH)),
            f"blk.{i}.attn_output.weight": rng.normal(0, 1, (WIDTH, WIDTH)),
            f"blk.{i}.ffn_norm.weight": rng.normal(1, 0.1, WIDTH),
            f"blk.{i}.ffn_gate.weight": rng.normal(0, 1, (INNER, WIDTH)),
            f"blk.{i}.ffn_up.weight": rng.normal(0, 1, (INNER, WIDTH)),
            f"blk.{i}.ffn_down.weight": rng.normal(0, 1, (WIDTH, INNER)),
        }
    tensors["output_norm.weight"] = rng.normal(1, 0.1, WIDTH)
    tensors["output.weight"] = rng.normal(0, 1, (len(TOKENS), WIDTH))
    if near is not None:
        others = read_tensors(near)
        tensors = {name: others[name] + 0.2 * t for name, t in tensors.items()}
    found = {name: t.astype(np.float32) for name, t in tensors.items()}
    keys = {"block_count": layers, "llama__feed_forward_length": INNER}
    return write_pair_member(path, found, **keys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("models")
    base = stand_in(home / "base.gguf", 0)
    for seed, name in enumerate("abc", 1):
        stand_in(home / f"{name}.gguf", seed, near=base)
    return home


def run(text: str, folder: Path) -> dict[str, np.ndarray]:
    out = folder / "out.gguf"
    run_plan(plan_merge(parse_recipe(text, folder, "r.yml"), out, 2, replace=True))
    return read_tensors(out)


def read(folder: Path, name: str) -> dict[str, np.ndarray]:
    return {k: v.astype(np.float64) for k, v in read_tensors(folder / f"{name}.gguf").items()}


def hf_and_depth(name: str, layers: int = LAYERS) -> tuple[str, float]:
    if not name.startswith("blk."):
        return CHECKPOINT[name], 0.0
    _, block, rest = name.split(".", 2)
    return f"model.layers.{block}.{CHECKPOINT[rest]}", int(block) / (layers - 1)


def value(setting, name: str) -> float:
    hf, depth = hf_and_depth(name)
    if isinstance(setting, list) and isinstance(setting[0], dict):
        setting = next(s["value"] for s in setting if s.get("filter", "") in hf)
    if isinstance(setting, list):
        return float(np.interp(depth, np.linspace(0, 1, len(setting)), setting))
    return float(setting)


def close(found: np.ndarray, expected: np.ndarray, name: str) -> None:
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=3e-6 * np.abs(expected).max(), err_msg=name
    )


LINEAR = """
models:
  - model: a.gguf
    parameters:
      weight: 1.0
  - model: b.gguf
    parameters:
      weight: 0.3
  - model: c.gguf
    parameters:
      weight: 0.5
merge_method: linear
dtype: float16
"""


def test_linear_of_three(folder):
    found = run(LINEAR, folder)
    models = [read(folder, name) for name in "abc"]
    for name in found:
        expected = oracle.linear([m[name] for m in models], [1.0, 0.3, 0.5])
        close(found[name], expected, name)


GRADIENT_SLERP = f"""
slices:
  - sources:
      - model: a.gguf
        layer_range: [0, {LAYERS}]
      - model: b.gguf
        layer_range: [0, {LAYERS}]
merge_method: slerp
base_model: a.gguf
parameters:
  t:
    - filter: self_attn
      value: [0, 0.5, 0.3, 0.7, 1]
    - filter: mlp
      value: [1, 0.5, 0.7, 0.3, 0]
    - value: 0.5 # fallback for rest of tensors
dtype: float16
"""


def test_gradient_slerp(folder):
    found = run(GRADIENT_SLERP, folder)
    a, b = read(folder, "a"), read(folder, "b")
    schedule = yaml.safe_load(GRADIENT_SLERP)["parameters"]["t"]
    for name in found:
        t = value(schedule, name)
        plain = (1 - t) * a[name] + t * b[name]
        expected = plain if a[name].ndim == 1 else oracle.slerp(a[name], b[name], t)
        close(found[name], expected, name)


TIES = """
models:
  - model: a.gguf
    parameters:
      density: [1, 0.7, 0.1] # density gradient
      weight: 1.0
  - model: b.gguf
    parameters:
      density: 0.5
      weight: [0, 0.3, 0.7, 1] # weight gradient
  - model: c.gguf
    parameters:
      density: 0.33
      weight:
        - filter: mlp
          value: 0.5
        - value: 0
merge_method: ties
base_model: base.gguf
parameters:
  normalize: true
  int8_mask: true
dtype: float16
"""


def test_ties_with_gradients_and_filters(folder):
    found = run(TIES, folder)
    base = read(folder, "base")
    tree = yaml.safe_load(TIES)["models"]
    models = [read(folder, name) for name in "abc"]
    for name in found:
        weight = [value(m["parameters"]["weight"], name) for m in tree]
        trimmed = []
        for model, entry in zip(models, tree, strict=True):
            d = (model[name].astype(np.float32) - base[name].astype(np.float32)).astype(np.float64)
            trimmed.append(d * oracle.largest(d, value(entry["parameters"]["density"], name)))
        close(found[name], base[name] + oracle.elected(trimmed, weight), name)


BIO_MERGE = """
models:
  - model: a.gguf
    parameters:
      density: 0.5
      weight: 0.5
  - model: b.gguf
    parameters:
      density: 0.5
      weight: 0.5
merge_method: ties
base_model: base.gguf
parameters:
  normalize: false
  int8_mask: true
dtype: float16
"""


def test_bio_merge(folder):
    found = run(BIO_MERGE, folder)
    base, a, b = (read(folder, name) for name in ("base", "a", "b"))
    for name in found:
        trimmed = []
        for model in (a, b):
            d = (model[name].astype(np.float32) - base[name].astype(np.float32)).astype(np.float64)
            trimmed.append(d * oracle.largest(d, 0.5))
        expected = base[name] + oracle.elected(trimmed, [0.5, 0.5], normalize=False)
        close(found[name], expected, name)


STACK = """
slices:
  - sources:
    - model: a.gguf
      layer_range: [0, 3]
  - sources:
    - model: b.gguf
      layer_range: [1, 5]
merge_method: passthrough
dtype: float16
"""


def test_a_stack_of_slices_renames_blocks_and_counts_them(folder):
    found = run(STACK, folder)
    a, b = read_tensors(folder / "a.gguf"), read_tensors(folder / "b.gguf")
    blocks = [(a, i) for i in (0, 1, 2)] + [(b, i) for i in (1, 2, 3, 4)]
    for i, (model, block) in enumerate(blocks):
        for rest in ("attn_norm", "attn_q", "attn_v", "ffn_norm", "ffn_up", "ffn_down"):
            expected = model[f"blk.{block}.{rest}.weight"]
            np.testing.assert_array_equal(found[f"blk.{i}.{rest}.weight"], expected)
    assert len(found) == 7 * 9 + 3
    np.testing.assert_array_equal(found["token_embd.weight"], a["token_embd.weight"])
    np.testing.assert_array_equal(found["output_norm.weight"], b["output_norm.weight"])
    np.testing.assert_array_equal(found["output.weight"], b["output.weight"])


def test_the_block_count_of_a_stack_is_in_its_metadata(folder):
    from edgemed.gguf import open_model

    run(STACK, folder)
    assert open_model(folder / "out.gguf").metadata["llama.block_count"] == 7


ARCEE_FUSION = """
models:
  - model: a.gguf
  - model: b.gguf
merge_method: arcee_fusion
base_model: a.gguf
dtype: bfloat16
"""


def test_arcee_fusion(folder):
    found = run(ARCEE_FUSION, folder)
    a, b = read(folder, "a"), read(folder, "b")
    for name in found:
        importance, least = oracle.arcee_fusion(a[name], b[name])
        sure = np.abs(importance - least) > 1e-4 * abs(least)
        expected = np.where(importance >= least, b[name], a[name])
        np.testing.assert_allclose(found[name][sure], expected[sure], rtol=1e-6, atol=1e-7)
        assert sure.mean() > 0.99
