"""A merge from file to file: values, bytes kept, refusals, and nothing lost when it fails."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgemed
import edgemed.gguf
from edgemed.errors import EdgemedError, Incompatible, Refused, UsageError
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import between
from edgemed.merging.run.run import run_plan
from tests.edgemed.merge_pairs import TOKENS, read_tensors, weights, write_pair_member

KINDS = ("F32", "F16", "BF16", "Q8_0", "Q4_K", "Q6_K")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two float models of one architecture with different weights."""
    return (
        write_pair_member(tmp_path / "a.gguf", weights(1)),
        write_pair_member(tmp_path / "b.gguf", weights(2)),
    )


def slerp_of(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """The formula on float64, tensors as they are."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    cosine = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
    if abs(cosine) > 0.9995:
        return (1 - t) * x + t * y
    theta = np.arccos(cosine)
    return (np.sin((1 - t) * theta) * x + np.sin(t * theta) * y) / np.sin(theta)


def test_linear_merge_of_float_models_is_the_weighted_mean(pair, tmp_path):
    out = tmp_path / "out.gguf"
    edgemed.merge(*pair, t=0.25, out=out)
    a, b, merged = (read_tensors(p) for p in (*pair, out))
    assert list(merged) == list(a)
    for name in a:
        expected = 0.75 * a[name].astype(np.float64) + 0.25 * b[name].astype(np.float64)
        np.testing.assert_allclose(merged[name], expected, rtol=3e-7, atol=1e-8)


def test_slerp_follows_the_formula_and_leaves_vectors_linear(pair, tmp_path):
    out = tmp_path / "out.gguf"
    edgemed.merge(*pair, t=0.3, out=out, method="slerp")
    a, b, merged = (read_tensors(p) for p in (*pair, out))
    for name in a:
        linear = 0.7 * a[name].astype(np.float64) + 0.3 * b[name].astype(np.float64)
        expected = linear if a[name].ndim == 1 else slerp_of(a[name], b[name], 0.3)
        np.testing.assert_allclose(merged[name], expected, rtol=1e-6, atol=2e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_quantized_merge_is_near_the_mean_of_its_parents(kind, tmp_path):
    a = write_pair_member(tmp_path / "a.gguf", weights(1), kind)
    b = write_pair_member(tmp_path / "b.gguf", weights(2), kind)
    out = tmp_path / "out.gguf"
    edgemed.merge(a, b, t=0.5, out=out)
    ours, theirs, merged = (read_tensors(p) for p in (a, b, out))
    for name in ours:
        mean = (ours[name] + theirs[name]) / 2
        error = np.sqrt(((merged[name] - mean) ** 2).mean() / (mean**2).mean())
        assert error < {"Q4_K": 0.09, "Q6_K": 0.025, "Q8_0": 0.01}.get(kind, 0.003), name


def tensor_bytes(path: Path) -> list[tuple[str, bytes]]:
    """Every tensor with its bytes."""
    data, model = path.read_bytes(), edgemed.gguf.open_model(path)
    return [(t.name, data[t.offset : t.offset + t.nbytes]) for t in model.tensors.values()]


@pytest.mark.parametrize(("t", "parent"), [(0.0, 0), (1.0, 1)])
@pytest.mark.parametrize("kind", ["F16", "Q4_K"])
def test_at_the_ends_every_tensor_is_its_parents_bytes(t, parent, kind, tmp_path):
    pair = [write_pair_member(tmp_path / f"{s}.gguf", weights(s), kind) for s in (1, 2)]
    out = tmp_path / "out.gguf"
    edgemed.merge(*pair, t=t, out=out)
    assert tensor_bytes(out) == tensor_bytes(pair[parent])


def test_rows_that_are_equal_in_both_models_keep_their_bytes(tmp_path):
    changed = weights(1)
    changed["token_embd.weight"][5:9] += 0.1
    a = write_pair_member(tmp_path / "a.gguf", weights(1), "Q4_K")
    b = write_pair_member(tmp_path / "b.gguf", changed, "Q4_K")
    result = edgemed.merge(a, b, t=0.5, out=tmp_path / "out.gguf")
    ours, merged = (read_tensors(p)["token_embd.weight"] for p in (a, tmp_path / "out.gguf"))
    same = [i for i in range(len(TOKENS)) if i not in range(5, 9)]
    np.testing.assert_array_equal(merged[same], ours[same])
    assert not (merged[5:9] == ours[5:9]).all()
    assert result.rows_kept > len(same)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    threads=st.integers(1, 8), cap=st.integers(2, 64), method=st.sampled_from(["linear", "slerp"])
)
def test_bytes_do_not_depend_on_threads_or_chunks(threads, cap, method, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    a, b = folder / "threads_a.gguf", folder / "threads_b.gguf"
    if not b.exists():
        write_pair_member(a, weights(1), "Q8_0")
        write_pair_member(b, weights(2), "Q8_0")
    one, many = folder / "one.gguf", folder / "many.gguf"
    edgemed.merge(a, b, t=0.5, out=one, method=method, threads=1, replace=True)
    edgemed.merge(
        a, b, t=0.5, out=many, method=method, threads=threads, max_ram=cap * 8192, replace=True
    )
    assert one.read_bytes() == many.read_bytes()


REFUSALS = {
    "architecture": {"architecture": "qwen2"},
    "tokens": {"tokens": [*TOKENS[:-1], "▁other"]},
    f"first is number {len(TOKENS) - 1}": {"tokens": [*TOKENS[:-1], "▁other"]},
    "llama.rope.freq_base": {"llama__rope__freq_base": 500000.0},
    "tokenizer.ggml.pre": {"tokenizer__ggml__pre": "llama-bpe"},
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_models_that_do_not_match_are_refused_by_reason(reason, tmp_path):
    a = write_pair_member(tmp_path / "a.gguf", weights(1))
    b = write_pair_member(tmp_path / "b.gguf", weights(2), **REFUSALS[reason])
    with pytest.raises(Incompatible, match=reason):
        edgemed.merge(a, b, t=0.5, out=tmp_path / "out.gguf")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gguf", "b.gguf"]


def test_a_rope_base_left_out_is_the_default_and_matches_it(tmp_path):
    a = write_pair_member(tmp_path / "a.gguf", weights(1), llama__rope__freq_base=10000.0)
    b = write_pair_member(tmp_path / "b.gguf", weights(2))
    edgemed.merge(a, b, t=0.5, out=tmp_path / "out.gguf")
    assert (tmp_path / "out.gguf").exists()


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_other_tensors_are_refused(change, tmp_path):
    other = weights(2)
    if change == "missing":
        del other["output_norm.weight"]
    elif change == "extra":
        other["blk.0.attn_q.bias"] = np.zeros(256, np.float32)
    else:
        other["blk.0.ffn_down.weight"] = np.zeros((256, 256), np.float32)
    a = write_pair_member(tmp_path / "a.gguf", weights(1))
    b = write_pair_member(tmp_path / "b.gguf", other)
    with pytest.raises(Refused, match=r"output_norm|attn_q\.bias|512 x 256"):
        edgemed.merge(a, b, t=0.5, out=tmp_path / "out.gguf")


def test_different_rope_tables_are_refused_and_equal_ones_copied(tmp_path):
    ours, theirs = weights(1), weights(2)
    ours["rope_freqs.weight"] = theirs["rope_freqs.weight"] = np.ones(32, np.float32)
    a = write_pair_member(tmp_path / "a.gguf", ours)
    b = write_pair_member(tmp_path / "b.gguf", theirs)
    edgemed.merge(a, b, t=0.5, out=tmp_path / "out.gguf")
    assert (read_tensors(tmp_path / "out.gguf")["rope_freqs.weight"] == 1.0).all()
    theirs["rope_freqs.weight"] = np.full(32, 2.0, np.float32)
    b = write_pair_member(tmp_path / "b2.gguf", theirs)
    with pytest.raises(Incompatible, match="rope_freqs"):
        edgemed.merge(a, b, t=0.5, out=tmp_path / "out2.gguf")


def test_output_over_an_input_or_an_existing_file_is_refused(pair, tmp_path):
    before = pair[0].read_bytes()
    for out in pair:
        with pytest.raises(Refused, match="one of the inputs"):
            edgemed.merge(*pair, t=0.5, out=out, replace=True)
    taken = tmp_path / "taken.gguf"
    taken.write_bytes(b"precious")
    with pytest.raises(Refused, match="exists already"):
        edgemed.merge(*pair, t=0.5, out=taken)
    assert taken.read_bytes() == b"precious"
    assert pair[0].read_bytes() == before


@pytest.mark.parametrize("t", [-0.1, 1.1, float("nan")])
def test_a_t_outside_the_range_is_a_usage_error(t, pair, tmp_path):
    with pytest.raises(UsageError):
        edgemed.merge(*pair, t=t, out=tmp_path / "out.gguf")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_a_weight_that_is_no_number_stops_the_merge_and_is_named(value, method, tmp_path):
    broken = weights(2)
    broken["blk.1.attn_q.weight"][17, 3] = value
    a = write_pair_member(tmp_path / "a.gguf", weights(1))
    b = write_pair_member(tmp_path / "b.gguf", broken)
    where = r"blk\.1\.attn_q\.weight: NaN or infinity in row 17 of b\.gguf"
    with pytest.raises(EdgemedError, match=where):
        edgemed.merge(a, b, t=0.5, out=tmp_path / "out.gguf", method=method)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gguf", "b.gguf"]


def test_a_weight_too_large_for_its_type_stops_the_merge(tmp_path):
    huge = weights(1)
    huge["token_embd.weight"][0, 0] = 65000.0
    huge["token_embd.weight"][1, 0] = 1e9
    small = write_pair_member(tmp_path / "small.gguf", weights(1), "F16")
    big = write_pair_member(tmp_path / "big.gguf", huge, "F32")
    with pytest.raises(EdgemedError, match="too large for F16"):
        edgemed.merge(small, big, t=1.0, out=tmp_path / "out.gguf")
    assert not (tmp_path / "out.gguf").exists()


def test_a_truncated_input_is_refused_before_work(pair, tmp_path):
    data = pair[1].read_bytes()
    pair[1].write_bytes(data[:-1000])
    with pytest.raises(EdgemedError, match=r"b\.gguf"):
        edgemed.merge(*pair, t=0.5, out=tmp_path / "out.gguf")
    assert not (tmp_path / "out.gguf").exists()


def test_an_input_cut_while_merging_is_an_error_that_names_it(pair, tmp_path):
    plan = plan_merge(between(*pair, 0.5), tmp_path / "out.gguf", threads=2)
    with pair[1].open("r+b") as file:
        file.truncate(pair[1].stat().st_size // 2)
    with pytest.raises(EdgemedError, match=r"b\.gguf failed"):
        run_plan(plan)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gguf", "b.gguf"]


def test_a_cap_below_one_row_is_refused_with_the_least_that_works(pair, tmp_path):
    with pytest.raises(Refused, match="one row of the widest tensor") as refusal:
        edgemed.merge(*pair, t=0.5, out=tmp_path / "out.gguf", max_ram=1000)
    least = int("".join(c for c in refusal.value.hint if c.isdigit()))
    edgemed.merge(*pair, t=0.5, out=tmp_path / "out.gguf", max_ram=least)


def test_a_plan_is_data_and_the_same_twice(pair, tmp_path):
    first, second = (plan_merge(between(*pair, 0.5), tmp_path / "o.gguf", 2) for _ in range(2))
    assert first == second
    assert [step.action for step in first.steps] == ["blend"] * len(first.steps)


def test_the_chat_template_of_the_only_parent_that_has_one_is_carried(tmp_path):
    a = write_pair_member(tmp_path / "a.gguf", weights(1))
    b = write_pair_member(tmp_path / "b.gguf", weights(2), tokenizer__chat_template="{{ x }}")
    plan = plan_merge(between(a, b, 0.5), tmp_path / "out.gguf", 1)
    assert any("b.gguf" in note for note in plan.notes)
    run_plan(plan)
    assert (
        edgemed.gguf.open_model(tmp_path / "out.gguf").metadata["tokenizer.chat_template"]
        == "{{ x }}"
    )


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits on file size")
def test_a_disk_that_is_full_leaves_no_output(pair, tmp_path):
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000));"
        "from edgemed.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", code, "merge", *map(str, pair), "--t", "0.5"]
    out = tmp_path / "out.gguf"
    found = subprocess.run([*words, "-o", str(out)], capture_output=True, text=True)
    assert found.returncode == 1
    assert "out.gguf.part failed" in found.stderr
    assert "inputs are untouched" in found.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gguf", "b.gguf"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_leaves_nothing_under_the_final_name(tmp_path):
    large = weights(1)
    large["token_embd.weight"] = np.tile(large["token_embd.weight"], (60, 1))
    tokens = [f"t{i}" for i in range(60 * len(TOKENS))]
    a = write_pair_member(tmp_path / "a.gguf", large, tokens=tokens)
    other = {k: v + np.float32(0.1) for k, v in large.items()}
    b = write_pair_member(tmp_path / "b.gguf", other, tokens=tokens)
    slow = (
        "import sys, time, edgemed.merging.run.run as run\n"
        "blend = run.Blender.write\n"
        "def slowly(*a):\n    print('started', flush=True); time.sleep(0.2); return blend(*a)\n"
        "run.Blender.write = slowly\n"
        "from edgemed.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", slow, "merge", str(a), str(b), "--t", "0.5"]
    words += ["-o", str(tmp_path / "out.gguf"), "--max-ram", "20K", "--threads", "1"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 130, err
    assert "Traceback" not in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gguf", "b.gguf"]
