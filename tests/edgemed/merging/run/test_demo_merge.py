"""A merge of the embedded parents through the real command, held against one made in float."""

from pathlib import Path
from random import Random

import gguf
import numpy as np
import pytest
from edgemed_models.base import Message, Piece, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.scale import path_of
from edgemed_models.scale.examination import AXES, questions
from numpy.typing import NDArray

from edgemed.cli.main import main

T = 0.5
ITEMS = 25
RESAMPLES = 1000


def floats(name: str) -> dict[str, NDArray[np.float32]]:
    """Every tensor of an embedded model, decoded by gguf-py."""
    tensors = gguf.GGUFReader(path_of(name)).tensors
    return {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in tensors}


def write_float_merge(out: Path) -> None:
    """(1 - T) clinical + T instruct in float32, with the instruct model's header."""
    a, b = floats("clinical"), floats("instruct")
    writer = gguf.GGUFWriter(str(out), "llama")
    for key, field in gguf.GGUFReader(path_of("instruct")).fields.items():
        skip = key.startswith("GGUF.") or key in ("general.architecture", "general.file_type")
        if not skip:
            kind = field.types[0]
            sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(key, field.contents(), kind, sub)
    for name in a:
        writer.add_tensor(name, (1 - T) * a[name] + T * b[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def worths(path: Path, axis: str) -> list[float]:
    """Scores on held-out items of an axis."""
    model = LlamaModel(EngineSettings(str(path), 1024, threads=1))
    found = []
    try:
        for question in questions(axis, ITEMS, seed=11):
            request = Request((Message("user", question.item.prompt),), max_tokens=120)
            pieces = [e.text for e in model.generate(request) if isinstance(e, Piece)]
            found.append(question.worth("".join(pieces)))
    finally:
        model.close()
    return found


def interval(values: list[float]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean over items."""
    rng = Random(1)
    means = sorted(np.mean(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return float(means[RESAMPLES // 40]), float(means[-RESAMPLES // 40])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The merge by `edgemed merge`, and the merge in float."""
    folder = tmp_path_factory.mktemp("merge")
    real, exact = folder / "real.gguf", folder / "float.gguf"
    a, b = str(path_of("clinical")), str(path_of("instruct"))
    assert main(["merge", a, b, "--t", str(T), "-o", str(real)]) == 0
    write_float_merge(exact)
    return real, exact


@pytest.mark.parametrize("axis", AXES)
def test_the_merge_scores_within_the_interval_of_the_float_merge(
    pair: tuple[Path, Path], axis: str
) -> None:
    real, exact = (worths(path, axis) for path in pair)
    low, high = interval(exact)
    assert low <= np.mean(real) <= high


def test_the_merged_weights_are_the_mean_of_the_parents(pair: tuple[Path, Path]) -> None:
    exact = {t.name: t.data for t in gguf.GGUFReader(pair[1]).tensors}
    for tensor in gguf.GGUFReader(pair[0]).tensors:
        merged = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        step = np.abs(exact[tensor.name]).max() / 127
        assert np.abs(merged - exact[tensor.name]).max() <= step


def test_the_merge_carries_the_instruct_models_chat_template(pair: tuple[Path, Path]) -> None:
    found = [gguf.GGUFReader(p).get_field("tokenizer.chat_template") for p in (pair[0],)]
    ours = gguf.GGUFReader(path_of("instruct")).get_field("tokenizer.chat_template")
    assert found[0] is not None
    assert ours is not None
    assert found[0].contents() == ours.contents()
