"""The binding to libggml: our type table against its own, and what would abort the process."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest
from edgemed_native import libggml
from edgemed_native.ggml_types import BY_ID, BY_NAME, REMOVED, TYPES, GGMLType

pytestmark = pytest.mark.skipif(libggml.find() is None, reason="llama-cpp-python is not installed")


def arrays(name: str, rows: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """A ramp of weights, and room for their blocks."""
    type_ = BY_NAME[name]
    src = np.linspace(-1, 1, rows * type_.block, dtype=np.float32).reshape(rows, -1)
    return src, np.zeros((rows, type_.nbytes), np.uint8)


def need(name: str) -> None:
    """Skip where the installed libggml is older than this type."""
    if name in libggml.DECODABLE and not libggml.knows(name):
        pytest.skip(f"this libggml does not know {name}")


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.name)
def test_our_table_agrees_with_libggml(type_: GGMLType) -> None:
    need(type_.name)
    lib = libggml.library()
    lib.ggml_type_name.restype = ctypes.c_char_p
    lib.ggml_blck_size.restype = ctypes.c_int64
    lib.ggml_type_size.restype = ctypes.c_size_t
    assert lib.ggml_type_name(type_.id).decode().upper() == type_.name
    assert lib.ggml_blck_size(type_.id) == type_.block
    assert lib.ggml_type_size(type_.id) == type_.nbytes


def test_libggml_calls_the_ids_that_we_call_removed_deprecated() -> None:
    need("Q2_0")
    lib = libggml.library()
    lib.ggml_blck_size.restype = ctypes.c_int64
    assert [id_ for id_ in range(43) if lib.ggml_blck_size(id_) == 0] == sorted(REMOVED)
    assert BY_ID.keys() | REMOVED.keys() == set(range(43))


SLOW = frozenset({"IQ1_S", "IQ1_M", "IQ2_XS", "IQ2_S"})
"""libggml spends seconds on the search grids of these when they are first used."""


@pytest.mark.parametrize("name", sorted(libggml.ENCODABLE - SLOW))
def test_encodable_types_are_written_and_read_back(name: str) -> None:
    need(name)
    src, packed = arrays(name)
    libggml.encode_rows(name, src, packed, np.ones(src.shape[1], np.float32))
    if name == "F32":
        assert np.array_equal(packed.view(np.float32), src)
        return
    back = np.empty_like(src)
    libggml.decode_rows(name, packed, back)
    assert np.isfinite(back).all()
    assert np.corrcoef(back.ravel(), src.ravel())[0, 1] > 0.75


@pytest.mark.parametrize("name", sorted(libggml.NEEDS_IMATRIX))
def test_a_missing_importance_matrix_is_refused_not_fatal(name: str) -> None:
    src, packed = arrays(name)
    with pytest.raises(ValueError, match="importance"):
        libggml.encode_rows(name, src, packed)
    lib = libggml.library()
    lib.ggml_quantize_requires_imatrix.restype = ctypes.c_bool
    assert lib.ggml_quantize_requires_imatrix(BY_NAME[name].id)


def test_no_other_type_needs_an_importance_matrix() -> None:
    lib = libggml.library()
    lib.ggml_quantize_requires_imatrix.restype = ctypes.c_bool
    needing = {t.name for t in TYPES if lib.ggml_quantize_requires_imatrix(t.id)}
    assert needing == libggml.NEEDS_IMATRIX


@pytest.mark.parametrize("name", ["I8", "I32", "F64", "Q8_1", "Q8_K", "Q4_9"])
def test_types_without_an_encoder_are_refused_not_fatal(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        libggml.encode_rows(name, np.zeros((1, 256), np.float32), np.zeros((1, 512), np.uint8))


def test_bad_importances_and_bad_weights_are_refused() -> None:
    src, packed = arrays("Q4_K")
    for imatrix in (np.ones(255), np.full(256, np.nan), np.full(256, -1.0)):
        with pytest.raises(ValueError, match="importance"):
            libggml.encode_rows("Q4_K", src, packed, imatrix.astype(np.float32))
    with pytest.raises(ValueError, match="NaN"):
        libggml.encode_rows("Q4_K", src * np.float32(np.inf), packed)


def test_shapes_are_checked_before_the_call() -> None:
    src, packed = arrays("Q4_K")
    with pytest.raises(ValueError, match="Q4_K"):
        libggml.encode_rows("Q4_K", src, packed[:1])
    with pytest.raises(ValueError, match="multiples of 256"):
        libggml.decode_rows("Q4_K", packed, src[:, :100].copy())


def test_finding_the_library_does_not_import_llama_cpp() -> None:
    code = "import sys; from edgemed_native.libggml import library; library(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "edgemed_native.libggml" in done.stdout.split()
    assert "llama_cpp" not in done.stdout.split()
