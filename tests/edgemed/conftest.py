"""A small real model behind whole commands."""

from pathlib import Path

import pytest

from tests.edgemed.commands import Run, runner


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Run:
    """`edgemed` as a process, with stories260K and user folders of its own."""
    folder = tmp_path / "place"
    folder.mkdir()
    return runner(data / "models" / "stories260k" / "stories260K.gguf", folder)
