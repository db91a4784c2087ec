"""The file types of llama.cpp: their numbers, and the type that most of their matrices have.

A file type is a mix; which tensors get more bits than most is in `mixes`. Source: llama.h and
src/llama-quant.cpp of llama.cpp.
"""

from typing import NamedTuple

from edgemed_native.ggml_types import BY_NAME


class FileType(NamedTuple):
    """`number` is what general.file_type says; `usual` is the ggml type of most matrices."""

    number: int
    usual: str


FILE_TYPES: dict[str, FileType] = {
    "F32": FileType(0, "F32"),
    "F16": FileType(1, "F16"),
    "BF16": FileType(32, "BF16"),
    "Q8_0": FileType(7, "Q8_0"),
    "Q6_K": FileType(18, "Q6_K"),
    "Q5_K_M": FileType(17, "Q5_K"),
    "Q5_K_S": FileType(16, "Q5_K"),
    "Q5_1": FileType(9, "Q5_1"),
    "Q5_0": FileType(8, "Q5_0"),
    "Q4_K_M": FileType(15, "Q4_K"),
    "Q4_K_S": FileType(14, "Q4_K"),
    "Q4_1": FileType(3, "Q4_1"),
    "Q4_0": FileType(2, "Q4_0"),
    "IQ4_NL": FileType(25, "IQ4_NL"),
    "IQ4_XS": FileType(30, "IQ4_XS"),
    "MXFP4_MOE": FileType(38, "MXFP4"),
    "Q3_K_L": FileType(13, "Q3_K"),
    "Q3_K_M": FileType(12, "Q3_K"),
    "Q3_K_S": FileType(11, "Q3_K"),
    "IQ3_M": FileType(27, "IQ3_S"),
    "IQ3_S": FileType(26, "IQ3_S"),
    "IQ3_XS": FileType(22, "IQ3_S"),
    "IQ3_XXS": FileType(23, "IQ3_XXS"),
    "Q2_K": FileType(10, "Q2_K"),
    "Q2_K_S": FileType(21, "Q2_K"),
    "IQ2_M": FileType(29, "IQ2_S"),
    "IQ2_S": FileType(28, "IQ2_XS"),
    "IQ2_XS": FileType(20, "IQ2_XS"),
    "IQ2_XXS": FileType(19, "IQ2_XXS"),
    "IQ1_M": FileType(31, "IQ1_M"),
    "IQ1_S": FileType(24, "IQ1_S"),
    "TQ1_0": FileType(36, "TQ1_0"),
    "TQ2_0": FileType(37, "TQ2_0"),
    "Q2_0": FileType(41, "Q2_0"),
    "Q1_0": FileType(40, "Q1_0"),
}
"""From most bits per weight to fewest."""

MOSTLY: dict[str, int] = {"NVFP4": 39} | {
    usual: number for number, usual in reversed(FILE_TYPES.values())
}
"""The file type of a file whose matrices are all, or mostly, of one ggml type."""

FLOATS = frozenset({"F32", "F16", "BF16"})

QUANTIZATION_VERSION = 2
"""general.quantization_version of every quantized file since 2023."""


def usual_bits(name: str) -> float:
    """Bits per weight of most matrices in the file type called `name`."""
    usual = BY_NAME[FILE_TYPES[name].usual]
    return 8 * usual.nbytes / usual.block
