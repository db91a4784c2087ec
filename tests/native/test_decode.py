"""Every decoder against three truths: gguf-py, libggml and a slow twin. NaN is compared as NaN."""

import hashlib

import gguf
import numpy as np
import pytest
from edgemed_native import libggml
from edgemed_native.codecs import CODECS, decode_rows
from edgemed_native.ggml_types import GGMLType
from numba import config
from numpy.typing import NDArray

from tests.native.guarded import guarded, guarded_copy, needs_guards
from tests.native.processors import output_on
from tests.oracles.decode import weight

NAMES = [name for name, codec in CODECS.items() if codec.decoder]
ONE_OF_EACH_KIND = [
    "F16",
    "Q5_1",
    "Q8_0",
    "Q4_K",
    "Q6_K",
    "IQ3_S",
    "IQ1_M",
    "IQ4_XS",
    "TQ1_0",
    "NVFP4",
]
IN_GGUF_PY = [n for n in NAMES if n not in ("Q8_1", "Q8_K", "Q1_0", "Q2_0")]
IN_LIBGGML = [n for n in NAMES if n in libggml.DECODABLE]

HALVES = {
    **dict.fromkeys(("Q4_0", "Q5_0", "Q8_0", "Q1_0", "Q2_0", "IQ4_NL", "IQ4_XS"), (0,)),
    **dict.fromkeys(("IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S"), (0,)),
    **dict.fromkeys(("Q4_1", "Q5_1", "Q8_1", "Q4_K", "Q5_K"), (0, 2)),
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q6_K": (208,),
    "TQ1_0": (52,),
    "TQ2_0": (64,),
    "F16": (0,),
}
"""Where the half-precision scales of a block are."""

STRANGE = (0x7C00, 0xFC00, 0x7E00, 0x7C01, 0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF)
"""+-Inf, two NaN, +-0, the smallest and largest subnormals, the smallest and largest halves."""

ROWS = 2 if config.DISABLE_JIT else 64


def row_length(type_: GGMLType) -> int:
    """Some weights that fill whole blocks: 17 blocks, or 257 single weights."""
    return 257 if type_.block == 1 else 17 * type_.block


def random_blocks(name: str, rows: int = ROWS) -> NDArray[np.uint8]:
    """Random bytes; then every block of the first row gets strange scales, one after the other."""
    type_ = CODECS[name].type
    seed = np.random.default_rng(type_.id)
    src = seed.integers(0, 256, (rows, type_.row_bytes(row_length(type_))), np.uint8)
    blocks = src[0].reshape(-1, type_.nbytes)
    for number, at in enumerate(HALVES.get(name, ())):
        for i, block in enumerate(blocks):
            strange = STRANGE[(i + i * number) % len(STRANGE)]
            block[at : at + 2] = np.frombuffer(strange.to_bytes(2, "little"), np.uint8)
    return src


def decoded(name: str, src: NDArray[np.uint8]) -> NDArray[np.float32]:
    dst = np.full((len(src), row_length(CODECS[name].type)), 7, np.float32)
    with np.errstate(all="ignore"):
        decode_rows(name, src, dst)
    return dst


def assert_same(ours: NDArray[np.float32], truth: NDArray[np.float32]) -> None:
    """Equal bits, but any NaN equals any NaN; shows the first difference."""
    wrong = (ours.view(np.uint32) != truth.view(np.uint32)) & ~(np.isnan(ours) & np.isnan(truth))
    where = np.argwhere(wrong)
    assert not len(where), (
        f"{len(where)} differ, first at {where[0]}: {ours[wrong][0]}, not {truth[wrong][0]}"
    )


@pytest.mark.parametrize("name", IN_GGUF_PY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_decoding_is_bit_exact_with_gguf_py(name: str) -> None:
    src = random_blocks(name)
    truth = gguf.quants.dequantize(src, gguf.GGMLQuantizationType[name])
    assert_same(decoded(name, src), truth)


@pytest.mark.parametrize("name", IN_LIBGGML)
def test_decoding_is_bit_exact_with_libggml(name: str) -> None:
    if not libggml.knows(name):
        pytest.skip(f"no libggml that knows {name} is installed")
    src = random_blocks(name)
    truth = np.empty((len(src), row_length(CODECS[name].type)), np.float32)
    libggml.decode_rows(name, src, truth)
    assert_same(decoded(name, src), truth)


@pytest.mark.parametrize("name", NAMES)
def test_decoding_is_bit_exact_with_the_slow_twin(name: str) -> None:
    type_, src = CODECS[name].type, random_blocks(name)
    dst = decoded(name, src).reshape(-1, type_.block)
    blocks = src.reshape(-1, type_.nbytes)
    for b in (*range(13), len(blocks) - 1):  # all strange scales, and a random block
        truth = [weight(name, blocks[b].tobytes(), i) for i in range(type_.block)]
        assert_same(dst[b], np.array(truth, np.float32))


@needs_guards
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", [True, False], ids=["end", "start"])
def test_no_byte_outside_the_buffers_is_touched(name: str, end: bool) -> None:
    src = random_blocks(name, rows=3)
    dst = guarded(3 * row_length(CODECS[name].type) * 4, end=end).view(np.float32).reshape(3, -1)
    with np.errstate(all="ignore"):
        decode_rows(name, guarded_copy(src, end=end), dst)
    assert_same(dst, decoded(name, src))


@pytest.mark.parametrize("name", NAMES)
def test_rows_decode_the_same_alone_and_together(name: str) -> None:
    src = random_blocks(name, rows=3)
    alone = np.concatenate([decoded(name, row[None]) for row in src])
    assert_same(alone, decoded(name, src))


def fingerprint(names: list[str]) -> str:
    """A digest over the decoded bytes of these types, NaN made alike."""
    digest = hashlib.sha256()
    for name in names:
        dst = decoded(name, random_blocks(name))
        dst[np.isnan(dst)] = np.nan
        digest.update(dst.tobytes())
    return digest.hexdigest()


@pytest.mark.skipif(config.DISABLE_JIT, reason="no machine code without the compiler")
@pytest.mark.parametrize(
    "processor, names",
    [("haswell", NAMES), ("generic", ONE_OF_EACH_KIND), ("skylake-avx512", ONE_OF_EACH_KIND)],
    ids=["haswell", "generic", "skylake-avx512"],
)
def test_the_bits_do_not_depend_on_the_vector_width(processor: str, names: list[str]) -> None:
    code = f"from tests.native.test_decode import fingerprint; print(fingerprint({names}))"
    assert output_on(processor, code) == fingerprint(names)
