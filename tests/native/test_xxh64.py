"""The checksum against the reference library, and the values its author published."""

import numpy as np
import pytest
import xxhash
from edgemed_native.xxh64 import xxh64
from hypothesis import given
from hypothesis import strategies as st

# Sums wrap around: that is the algorithm. Without the compiler numpy remarks on it.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")


@given(data=st.binary(max_size=200))
def test_every_length_and_content_is_as_the_reference_library_has_it(data: bytes) -> None:
    assert xxh64(np.frombuffer(data, np.uint8)) == xxhash.xxh64_intdigest(data)


@pytest.mark.parametrize(
    ("text", "value"), [(b"", 0xEF46DB3751D8E999), (b"abc", 0x44BC2CF5AD770999)]
)
def test_published_values(text: bytes, value: int) -> None:
    assert xxh64(np.frombuffer(text, np.uint8)) == value


@pytest.mark.parametrize("first", range(9))
def test_bytes_may_start_anywhere(first: int) -> None:
    data = np.random.default_rng(1).integers(0, 256, 3000, np.uint8)[first:]
    assert xxh64(data) == xxhash.xxh64_intdigest(data.tobytes())


def test_other_arrays_are_refused() -> None:
    for wrong in (np.zeros(3, np.float32), np.zeros((2, 2), np.uint8), np.zeros(9, np.uint8)[::2]):
        with pytest.raises(ValueError, match="a checksum needs"):
            xxh64(wrong)
