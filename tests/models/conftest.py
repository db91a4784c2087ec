"""A small real model, and settings for it that one core runs quickly."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.settings import EngineSettings

from tests.models.random_model import Size, write_model

PLAIN = "{% for m in messages %}{{ m.content }}\n{% endfor %}"


@pytest.fixture(scope="session")
def settings(data: Path) -> EngineSettings:
    """stories260K with a template that adds a line end to each message."""
    path = data / "models" / "stories260k" / "stories260K.gguf"
    return EngineSettings(str(path), context=1024, threads=1, chat_template=PLAIN)


@pytest.fixture(scope="session")
def random_model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model large enough to be slow: 8 layers, Q4_0, the Llama-3 vocabulary and template."""
    vocabulary = data / "vocab" / "ggml-vocab-llama-bpe.gguf"
    path = tmp_path_factory.mktemp("model") / "random.gguf"
    return write_model(path, vocabulary, Size(8, 512, 1536, 8, 4), "Q4_0")


@pytest.fixture
def model(settings: EngineSettings) -> Iterator[LlamaModel]:
    """A loaded model, closed after the test."""
    loaded = LlamaModel(replace(settings))
    yield loaded
    loaded.close()
