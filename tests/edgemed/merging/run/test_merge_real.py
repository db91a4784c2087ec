"""A real model merged with a perturbed copy: llama.cpp loads it and scores it as it should."""

from pathlib import Path

import gguf
import numpy as np
import pytest

import edgemed
import edgemed.gguf
from edgemed.merging.parents.vocabulary import TOKENS
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import between
from edgemed.merging.run.run import run_plan
from tests.edgemed.merge_pairs import packed_as
from tests.oracles.llama_nll import mean_nll


@pytest.fixture(scope="module")
def stories(data: Path) -> Path:
    return data / "models" / "stories260k" / "stories260K.gguf"


def rewrite(source: Path, out: Path, kind: str, noise: float = 0.0) -> Path:
    """`source` with noise on its matrices, packed as `kind` where the rows allow it, else F16.

    Its widths are 64 and 172: Q8_0 fits the first and not the second, K-quants fit neither.
    """
    reader, rng = gguf.GGUFReader(source), np.random.default_rng(7)
    writer = gguf.GGUFWriter(out, "llama")
    for field in reader.fields.values():
        if not field.name.startswith(("GGUF.", "general.architecture")):
            writer.add_key_value(field.name, field.contents(), *field.types[:1], *field.types[1:2])
    for tensor in reader.tensors:
        values = tensor.data.reshape(tensor.shape[::-1]).astype(np.float32)
        if values.ndim == 1 or kind == "F32":
            writer.add_tensor(tensor.name, values)
            continue
        values = values + rng.normal(0, noise * values.std(), values.shape).astype(np.float32)
        used = kind if values.shape[1] % 32 == 0 else "F16"
        packed = packed_as(values, used)
        packed = packed.view(np.float16) if used == "F16" else packed
        writer.add_tensor(tensor.name, packed, raw_dtype=gguf.GGMLQuantizationType[used])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def test_at_t_0_the_score_is_the_first_models_to_the_digit(stories, tmp_path):
    other = rewrite(stories, tmp_path / "noisy.gguf", "Q8_0", noise=0.2)
    edgemed.merge(stories, other, t=0, out=tmp_path / "out.gguf")
    assert mean_nll(tmp_path / "out.gguf") == mean_nll(stories)


@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_halfway_to_a_noisy_copy_the_score_lies_between_the_two(method, stories, tmp_path):
    clean = rewrite(stories, tmp_path / "clean.gguf", "Q8_0")
    noisy = rewrite(stories, tmp_path / "noisy.gguf", "Q8_0", noise=0.3)
    edgemed.merge(clean, noisy, t=0.5, out=tmp_path / "out.gguf", method=method)
    best, between, worst = (
        mean_nll(tmp_path / f"{name}.gguf") for name in ("clean", "out", "noisy")
    )
    assert abs(best - mean_nll(stories)) < 0.02
    assert best < between < best + 0.6 * (worst - best)


def test_types_that_rows_cannot_fill_fall_back_and_are_kept_by_the_merge(stories, tmp_path):
    clean = rewrite(stories, tmp_path / "clean.gguf", "Q8_0")
    noisy = rewrite(stories, tmp_path / "noisy.gguf", "Q8_0", noise=0.1)
    edgemed.merge(clean, noisy, t=0.5, out=tmp_path / "out.gguf")
    types = {t.name: t.tensor_type.name for t in gguf.GGUFReader(tmp_path / "out.gguf").tensors}
    assert types["blk.0.ffn_down.weight"] == "F16"
    assert types["blk.0.ffn_up.weight"] == "Q8_0"
    assert types["blk.0.ffn_norm.weight"] == "F32"


def with_added_tokens(source: Path, out: Path, added: list[str]) -> Path:
    """`source` with more tokens and rows for them, as chat fine-tunes have."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(out, "llama")
    more = {"tokens": added, "scores": [0.0] * len(added), "token_type": [3] * len(added)}
    for field in reader.fields.values():
        if field.name.startswith(("GGUF.", "general.architecture")):
            continue
        value, added_values = field.contents(), more.get(field.name.split(".")[-1])
        if added_values is not None:
            value = value + added_values
        if field.name == "llama.vocab_size":
            value += len(added)
        writer.add_key_value(field.name, value, *field.types[:1], *field.types[1:2])
    for tensor in reader.tensors:
        values = tensor.data.reshape(tensor.shape[::-1])
        if tensor.name in ("token_embd.weight", "output.weight"):
            values = np.vstack([values, np.full((len(added), values.shape[1]), 0.01, np.float32)])
        writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def test_llama_cpp_loads_a_merge_with_a_vocabulary_that_one_parent_extends(stories, tmp_path):
    large = with_added_tokens(stories, tmp_path / "large.gguf", ["<|im_start|>", "<|im_end|>"])
    edgemed.merge(stories, large, t=0.5, out=tmp_path / "out.gguf")
    assert len(edgemed.gguf.open_model(tmp_path / "out.gguf").metadata[TOKENS]) == 514
    assert abs(mean_nll(tmp_path / "out.gguf") - mean_nll(large)) < 1e-4


def test_llama_cpp_loads_a_merge_that_is_split_over_files(stories, tmp_path):
    out = tmp_path / "out.gguf"
    noisy = rewrite(stories, tmp_path / "noisy.gguf", "F32", noise=0.1)
    run_plan(plan_merge(between(stories, noisy, 0.5), out, 2))
    run_plan(plan_merge(between(stories, noisy, 0.5), out, 2, replace=True, split=300_000))
    first = min(tmp_path.glob("out-00001-of-*.gguf"))
    assert mean_nll(first) == mean_nll(out)
