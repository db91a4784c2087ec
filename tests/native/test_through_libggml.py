"""Types that libggml encodes for us: checked before it is called, which aborts; importances."""

import subprocess
import sys

import numpy as np
import pytest
from edgemed_native import libggml
from edgemed_native.codecs import CODECS, IGNORES_WEIGHTS, THROUGH_LIBGGML, encode_rows, obstacle
from numpy.typing import NDArray

from tests.oracles.encode_error import ours

needs_libggml = pytest.mark.skipif(libggml.find() is None, reason="llama-cpp-python is absent")

F = np.float32
WEIGHTED = sorted(libggml.ENCODABLE - IGNORES_WEIGHTS)


def rows(name: str, n: int = 512) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    x = np.random.default_rng(6).standard_normal((3, n)).astype(F)
    return x, np.zeros((3, CODECS[name].type.row_bytes(n)), np.uint8)


def importances(n: int = 512) -> NDArray[np.float32]:
    return np.maximum(np.random.default_rng(7).random(n) ** 8, 1e-6).astype(F)


def weighted_error(name: str, packed: NDArray[np.uint8]) -> float:
    x, _ = rows(name)
    y = np.empty_like(x)
    libggml.decode_rows(name, packed, y)
    return float(((x - y) ** 2 * importances()).sum())


@needs_libggml
@pytest.mark.parametrize("name", sorted(THROUGH_LIBGGML))
def test_grid_types_are_written_by_libggml(name: str) -> None:
    x, packed = rows(name)
    encode_rows(name, x, packed, importances())
    theirs = np.zeros_like(packed)
    libggml.encode_rows(name, x, theirs, importances())
    assert (packed == theirs).all() and packed.any()


@needs_libggml
@pytest.mark.parametrize("name", sorted(THROUGH_LIBGGML - libggml.NEEDS_IMATRIX))
def test_some_grid_types_need_no_importances(name: str) -> None:
    x, packed = rows(name)
    encode_rows(name, x, packed)
    assert packed.any()


@needs_libggml
@pytest.mark.parametrize("name", WEIGHTED)
def test_importances_lower_the_error_that_they_weigh(name: str) -> None:
    x, packed = rows(name)
    encode_rows(name, x, packed, importances())
    if name in libggml.NEEDS_IMATRIX:
        flat = np.zeros_like(packed)
        encode_rows(name, x, flat, np.ones(512, F))
    else:
        flat = ours(name, x) if CODECS[name].encode else encoded_flat(name)
    assert weighted_error(name, packed) < weighted_error(name, flat)


def encoded_flat(name: str) -> NDArray[np.uint8]:
    x, packed = rows(name)
    encode_rows(name, x, packed)
    return packed


@needs_libggml
@pytest.mark.parametrize("name", sorted(THROUGH_LIBGGML))
def test_a_block_that_nothing_is_known_of_is_not_lost(name: str) -> None:
    x, packed = rows(name)
    known, y = importances(), np.empty_like(x)
    known[256:] = 0
    encode_rows(name, x, packed, known)
    libggml.decode_rows(name, packed, y)
    assert (y[:, 256:] - x[:, 256:]).std() < x.std()


@pytest.mark.parametrize("name", ["Q4_K", "Q8_0", "TQ1_0", "F16"])
def test_importances_of_zero_count_as_none(name: str) -> None:
    x, packed = rows(name)
    encode_rows(name, x, packed, np.zeros(512, F))
    assert (packed == ours(name, x)).all()


@pytest.mark.parametrize("name", sorted(IGNORES_WEIGHTS))
def test_types_without_a_search_ignore_importances(name: str) -> None:
    x, packed = rows(name)
    encode_rows(name, x, packed, importances())
    assert (packed == ours(name, x)).all()


@pytest.mark.parametrize("name", sorted(libggml.NEEDS_IMATRIX))
@pytest.mark.parametrize("weights", [None, np.zeros(512, F)], ids=["none", "zeros"])
def test_a_missing_matrix_is_refused_and_aborts_nothing(
    name: str, weights: NDArray[np.float32] | None
) -> None:
    x, packed = rows(name)
    with pytest.raises(ValueError, match=f"{name} cannot be written without an importance matrix"):
        encode_rows(name, x, packed, weights)


@pytest.mark.parametrize(
    "weights",
    [np.ones(511, F), np.ones(512), np.full(512, -1, F), np.full(512, np.nan, F)],
    ids=["short", "float64", "negative", "NaN"],
)
@pytest.mark.parametrize("name", ["IQ3_S", "Q4_K"])
@needs_libggml
def test_odd_importances_are_refused(name: str, weights: NDArray[np.float32]) -> None:
    x, packed = rows(name)
    with pytest.raises(ValueError, match="importance"):
        encode_rows(name, x, packed, weights)


def test_rows_that_fill_no_blocks_are_refused() -> None:
    x = np.zeros((1, 100), F)
    with pytest.raises(ValueError, match="multiples of 256"):
        encode_rows("IQ3_S", x, np.zeros((1, 1), np.uint8), np.ones(100, F))


@pytest.mark.parametrize("name", ["IQ3_S", "IQ2_S"])
def test_an_absent_library_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libggml, "find", lambda: None)
    x, packed = rows(name)
    with pytest.raises(ValueError, match=f"{name} is written by libggml: install llama-cpp-python"):
        encode_rows(name, x, packed)
    assert obstacle("Q4_K") is None
    assert obstacle("Q4_K", weighted=True) is None
    assert obstacle("Q8_0", weighted=True) is None


def test_neither_the_table_nor_an_encoder_imports_llama_cpp() -> None:
    code = (
        "import sys, numpy as np\n"
        "from edgemed_native.codecs import encode_rows, obstacle\n"
        "obstacle('IQ3_S')\n"
        "encode_rows('Q8_0', np.zeros((1, 32), np.float32), np.zeros((1, 34), np.uint8))\n"
        "assert 'llama_cpp' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
