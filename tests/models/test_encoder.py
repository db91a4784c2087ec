"""The shipped sentence encoder gives the published vectors, whatever else is encoded with it."""

from pathlib import Path

import numpy as np
import pytest
from edgemed_models import encoder as module
from edgemed_models.encoder import DamagedModel, encoder

# Cosines that the model's authors print for these three sentences (documentation of
# sentence-transformers, all-MiniLM-L6-v2).
SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
PUBLISHED = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]


def test_cosines_are_the_published_ones() -> None:
    vectors = encoder().vectors(SENTENCES)
    assert vectors.shape == (3, 384)
    assert np.abs(vectors @ vectors.T - np.array(PUBLISHED)).max() < 0.02


def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    alone = encoder().vectors(["No chest pain."])
    among = encoder().vectors([*SENTENCES, "No chest pain.", "word " * 400])
    assert np.array_equal(alone[0], among[3])


def test_vectors_of_many_texts_are_made_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*SENTENCES, SENTENCES[0], "No chest pain."]
    whole = encoder().vectors(texts)
    monkeypatch.setattr(module, "AT_ONCE", 2)
    assert np.array_equal(encoder().vectors(texts), whole)
    assert encoder().vectors([]).shape == (0, 384)


def test_empty_text_and_long_text_have_vectors_of_unit_length() -> None:
    vectors = encoder().vectors(["", "pain " * 1000])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_a_damaged_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "minilm.onnx").write_bytes(b"not the model")
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    with pytest.raises(DamagedModel):
        module.read("minilm.onnx")
