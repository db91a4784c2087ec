"""A small real model, and settings for it that one core runs quickly."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.settings import Settings

PLAIN = "{% for m in messages %}{{ m.content }}\n{% endfor %}"


@pytest.fixture(scope="session")
def settings(data: Path) -> Settings:
    """stories260K with a template that adds a line end to each message."""
    path = data / "models" / "stories260k" / "stories260K.gguf"
    return Settings(str(path), context=1024, threads=1, chat_template=PLAIN)


@pytest.fixture
def model(settings: Settings) -> Iterator[LlamaModel]:
    """A loaded model, closed after the test."""
    loaded = LlamaModel(replace(settings))
    yield loaded
    loaded.close()
