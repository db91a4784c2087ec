"""Perplexity and divergence: beside their slow twins, and from real models."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edgemed_models.base import ModelError
from edgemed_models.engine.client import LlamaModel
from edgemed_models.scale import path_of

from edgemed.errors import Refused
from edgemed.evals.evaluate import evaluate, examinee, identity_of
from edgemed.evals.figures import figures
from edgemed.evals.measures import SPREADS, spread_of
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.loaders import PIECE, load, pieces_of
from edgemed.evals.tasks.task import Task, read_task
from edgemed.evals.texts import apart, divergence, refuse_other_vocabulary, surprise
from edgemed.gguf import open_model
from edgemed.local_models.loading import Options, load_model
from tests.edgemed.gguf_files import small_model
from tests.oracles.divergence import kl, perplexity

TEXT = "The patient takes aspirin 81 mg daily. She was seen on Monday, and has no fever."
OPTIONS = Options(context=512, threads=1)


@pytest.fixture(scope="module")
def models() -> Iterator[tuple[LlamaModel, LlamaModel]]:
    both = tuple(load_model(path_of(name), OPTIONS) for name in ("clinical", "instruct"))
    yield both[0], both[1]
    for model in both:
        model.close()


def test_divergence_of_rows_is_that_of_the_slow_twin() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = (rng.normal(0, 4, (6, 300)).astype(np.float32) for _ in range(2))
    ours[3] = theirs[3]
    ours[4, 7], theirs[5, 2] = 60, 80  # all but certain
    values, same = apart(ours, theirs)
    np.testing.assert_allclose(values, kl(ours, theirs), rtol=2e-5, atol=2e-6)
    assert values[3] == 0 and same[3] and values.dtype == np.float32
    assert list(same) == [a.argmax() == b.argmax() for a, b in zip(ours, theirs, strict=True)]


def test_perplexity_and_divergence_come_from_the_models_own_logits(
    models: tuple[LlamaModel, LlamaModel],
) -> None:
    clinical, instruct = models
    ids = clinical.text_ids(TEXT)
    ours, theirs = (np.concatenate(list(m.text_logits(ids))) for m in models)
    assert len(ours) == len(ids) - 1 and ours.dtype == np.float32
    nats, tokens = surprise(clinical, TEXT)["perplexity"]
    assert np.exp(nats / tokens) == pytest.approx(perplexity(ours, ids), rel=1e-2)
    found = divergence(clinical, instruct, TEXT)
    np.testing.assert_allclose(found["kl"], kl(ours, theirs), rtol=1e-4, atol=1e-5)
    values, same = apart(ours, ours)
    assert not values.any() and same.all()


def test_control_tokens_in_a_text_are_literal(models: tuple[LlamaModel, LlamaModel]) -> None:
    clinical, _ = models
    name = open_model(path_of("clinical")).metadata["tokenizer.ggml.tokens"][2]
    assert 2 not in clinical.text_ids(f"a {name} b")[1:]


def test_a_stream_that_is_left_early_leaves_the_model_ready(
    models: tuple[LlamaModel, LlamaModel],
) -> None:
    clinical, _ = models
    ids = clinical.text_ids(TEXT)
    for _ in clinical.text_logits(ids):
        break
    assert len(clinical.text_scores(ids)) == len(ids) - 1


def test_texts_that_the_models_divide_otherwise_are_refused(
    models: tuple[LlamaModel, LlamaModel],
) -> None:
    class Other:
        def text_ids(self, text: str) -> list[int]:
            return [1, 2]

    with pytest.raises(ModelError, match="different tokens"):
        divergence(models[0], Other(), TEXT)  # type: ignore[arg-type]


def test_quantiles_are_values_and_the_mean_is_the_mean() -> None:
    rows = [tuple(map(float, range(100))), (1000.0,), ()]
    found = spread_of("kl", rows)
    assert list(found) == list(SPREADS["kl"])
    assert found["kl median"].value == 50 and found["kl 99.9 %"].value == 1000
    assert found["kl mean"].value == pytest.approx((4950 + 1000) / 101)
    assert all(f.low <= f.value <= f.high for f in found.values())
    assert spread_of("kl", [()]) == {}


@pytest.mark.parametrize("text", ["", "a\n" * 3000, "word " * 1200, "x" * 5000, "a\r\n\x0bb"])
def test_pieces_of_a_text_lose_nothing(text: str) -> None:
    pieces = list(pieces_of(text))
    assert "".join(pieces) == text and all(0 < len(piece) <= PIECE for piece in pieces)


def task_on(name: str, path: Path) -> Task:
    task = read_task(name)
    return replace(task, split=replace(task.split, files=(str(path),)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(f"{TEXT}\n" * 40, "utf-8")
    return path


def test_a_text_is_a_task_like_others(file: Path, tmp_path: Path) -> None:
    task = task_on("divergence", file)
    items: list[Item] = load(task, tmp_path)
    assert [item.where for item in items] == ["text.txt, line 1", "text.txt, line 25"]
    options = replace(OPTIONS, context=1024)
    model = replace(
        examinee(path_of("clinical"), options), parent=examinee(path_of("instruct"), options)
    )
    outcomes = evaluate(model, task, items, tmp_path / "r.jsonl")
    names = [figure.measure for figure in figures(task, items, outcomes)]
    assert names == ["kl mean", "kl median", "kl 99.9 %", "same-top"]
    assert evaluate(model, task, items, tmp_path / "r.jsonl") == outcomes
    assert TEXT[:12] not in (tmp_path / "r.jsonl").read_text("utf-8")
    assert identity_of(model, task)["against"][0][0] == path_of("instruct").name
    with pytest.raises(Refused, match="different against"):
        evaluate(replace(model, parent=model), task, items, tmp_path / "r.jsonl")


def test_a_piece_that_does_not_fit_is_refused_by_its_line(file: Path, tmp_path: Path) -> None:
    task = task_on("perplexity", file)
    with pytest.raises(Refused, match=r"line 1: .* do not fit into the context of 64"):
        model = examinee(path_of("clinical"), replace(OPTIONS, context=64))
        evaluate(model, task, load(task, tmp_path), tmp_path / "r.jsonl")


def test_models_with_different_vocabularies_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="different vocabularies"):
        refuse_other_vocabulary(path_of("clinical"), small_model(tmp_path / "other.gguf"))
