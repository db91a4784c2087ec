"""A llama.cpp whose code for AMX tiles the compiler broke is known by its file."""

from pathlib import Path

import pytest
from edgemed_models.engine import tiles

from edgemed.machine.llama import build_checks
from tests.edgemed.cli.local_models.test_doctor import LINE, Build

DEBIAN = b"\0GCC: (Debian 12.2.0-14) 12.2.0\0"


@pytest.mark.parametrize(
    ("data", "broken"),
    [
        (tiles.CODE + DEBIAN, True),
        (tiles.CODE + b"GCC: (GNU) 11.4.1", True),
        (tiles.CODE + b"GCC: (GNU) 12.4.0", False),
        (tiles.CODE + b"GCC: (GNU) 13.2.0", True),
        (tiles.CODE + b"GCC: (Ubuntu 14.2.0-4) 14.2.0", False),
        (tiles.CODE + b"GCC: (GNU) 14.1.0" + DEBIAN, True),
        (tiles.CODE + DEBIAN + b"clang version 18.1.3", False),
        (tiles.CODE, True),
        (DEBIAN, False),
    ],
)
def test_a_broken_library(data: bytes, broken: bool, tmp_path: Path) -> None:
    library = tmp_path / "libggml-cpu.so"
    library.write_bytes(b"\x7fELF" + data)
    assert tiles.crashes(library) == broken


@pytest.mark.parametrize("features", [{"avx2", "amx_tile"}, {"avx2"}])
@pytest.mark.parametrize("code", [tiles.CODE, b""])
def test_it_matters_on_processors_with_tiles_and_is_said(
    features: set[str], code: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "libggml-cpu.so"
    library.write_bytes(code + DEBIAN)
    monkeypatch.setattr(tiles, "libraries", lambda: [library])
    monkeypatch.setattr(tiles, "cpu_features", lambda: frozenset(features))
    tiles.tiles_crash.cache_clear()
    crash = bool(code) and "amx_tile" in features
    assert tiles.tiles_crash() == crash
    assert [row.name for row in build_checks(Build("0", LINE, ()))][1:] == ["AMX"] * crash
    tiles.tiles_crash.cache_clear()


def test_the_installed_llama_cpp_is_found() -> None:
    assert tiles.libraries()
