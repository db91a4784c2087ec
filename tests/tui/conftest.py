"""Two small models that can be merged."""

from pathlib import Path

import pytest

from tests.edgemed.merge_pairs import weights, write_pair_member


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Files of one architecture with other weights."""
    a, b = tmp_path / "a.gguf", tmp_path / "b.gguf"
    return write_pair_member(a, weights(1)), write_pair_member(b, weights(2))
