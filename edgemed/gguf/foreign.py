"""Files that are not GGUF, and tensor types that only a fork of llama.cpp reads.

Naming what they are turns "invalid magic" into a remedy.
"""

import re
from typing import NamedTuple

from edgemed.gguf.flaw import Flaw

CONVERT = "convert it to GGUF with llama.cpp's convert_hf_to_gguf.py first"
FOLDER = "give the folder that it is in: edgemed convert FOLDER -o OUT.gguf"
DOWNLOAD = "download the model file itself"
BIG_ENDIAN = b"FUGG"
"""The magic written big-endian too; in most big-endian files only the numbers after it are."""

OLD = "get the model as GGUF from its publisher"


class Foreign(NamedTuple):
    """A kind of file, known by how it starts."""

    start: re.Pattern[bytes]
    what: str
    remedy: str


def _known(pattern: bytes, what: str, remedy: str) -> Foreign:
    return Foreign(re.compile(pattern, re.DOTALL | re.IGNORECASE), what, remedy)


FOREIGN: tuple[Foreign, ...] = (
    _known(rb"(lmgg|fmgg|tjgg|algg)", "a GGML file from before GGUF (2023)", OLD),
    _known(BIG_ENDIAN, "a big-endian GGUF file", "convert it with gguf-convert-endian"),
    _known(rb".{7}\0\{", "a safetensors file", FOLDER),
    _known(rb"PK\x03\x04", "a zip archive or PyTorch checkpoint", f"unpack it, or {CONVERT}"),
    _known(rb"\x80[\x02-\x05]", "a Python pickle (PyTorch checkpoint)", CONVERT),
    _known(rb"version https://git-lfs", "a Git LFS pointer, not a model", "run git lfs pull"),
    _known(rb"\s*(<!doctype|<html|<\?xml)", "a web page, not a model", f"{DOWNLOAD}, not its page"),
    _known(rb"\s*\{", "a JSON text, not a model", DOWNLOAD),
    _known(rb"(Entry not found|Invalid username|Access to model|Repository not found)",
           "a download error, not a model", f"{DOWNLOAD}; it may need an account"),
    _known(rb"\x1f\x8b|\x28\xb5\x2f\xfd|BZh|\xfd7zXZ", "a compressed file", "unpack it first"),
    _known(rb"MZqFpD", "a llamafile", "get the GGUF that is inside: unzip it"),
    _known(rb"\0{8}", "all zeros at its start, as an unfinished download leaves it", DOWNLOAD),
)  # fmt: skip

NOT_GGUF = "check that this is the model file, and not another file from the same download"


def foreign_file(start: bytes) -> Flaw:
    """What a file is that starts with these (about 64) bytes, and the remedy, as a Flaw."""
    for foreign in FOREIGN:
        if foreign.start.match(start):
            return Flaw(f"this is {foreign.what}", foreign.remedy)
    return Flaw(f"this is not a GGUF file: it starts with {start[:4]!r}", NOT_GGUF)


IK_LLAMA_TYPES: dict[int, str] = {
    97: "Q8_0_X4", 98: "Q8_1_X4", 99: "Q8_2_X4",
    133: "Q6_0", 134: "IQ1_BN", 135: "IQ2_BN", 136: "Q8_K64", 137: "IQ2_K", 138: "IQ3_K",
    139: "IQ4_K", 140: "IQ5_K", 141: "IQ6_K", 142: "IQ2_TN", 143: "IQ1_TN", 144: "IQ4_KS",
    145: "IQ2_KS", 146: "IQ4_KSS", 147: "Q8_K16", 148: "Q8_K32", 149: "Q8_KR8", 150: "Q8_K128",
    151: "Q8_KV", 152: "IQ5_KS", 153: "IQ2_KT", 154: "IQ3_KT", 155: "IQ4_KT", 156: "IQ3_KS",
    157: "IQ2_KL", 158: "IQ1_KT",
    202: "Q4_0_R8", 206: "Q5_0_R4", 208: "Q8_0_R8", 210: "Q2_K_R4", 211: "Q3_K_R4", 212: "Q4_K_R4",
    213: "Q5_K_R4", 214: "Q6_K_R4", 216: "IQ2_XXS_R4", 217: "IQ2_XS_R4", 218: "IQ3_XXS_R4",
    219: "IQ1_S_R4", 220: "IQ4_NL_R4", 221: "IQ3_S_R4", 222: "IQ2_S_R4", 223: "IQ4_XS_R8",
    229: "IQ1_M_R4", 230: "BF16_R16", 233: "Q6_0_R4", 335: "IQ2_BN_R4", 337: "IQ2_K_R4",
    338: "IQ3_K_R4", 339: "IQ4_K_R4", 340: "IQ5_K_R4", 344: "IQ4_KS_R4", 352: "IQ5_KS_R4",
    353: "MXFP4_R8", 397: "Q8_K_R16", 398: "Q8_KV_R8", 399: "Q8_K_R8",
}  # fmt: skip
"""Type ids of the fork ik_llama.cpp (ggml.h, August 2026); llama.cpp itself reads none of them."""

IK_LLAMA_IDS = (*range(97, 100), *range(133, 400))
"""The numbers that fork uses for its types; one that is not in the table above is newer than it."""

BITNET_TYPES: dict[int, str] = {36: "I2_S", 37: "I8_S", 38: "TL1"}
"""Type ids of bitnet.cpp (I2_S: of ik_llama.cpp too). llama.cpp once used these numbers itself for
types that it has since removed."""

REQUANTIZE = (
    "get the model in a type that llama.cpp reads, such as Q4_K_M or Q8_0, or convert it with that "
    "fork: llama-quantize --allow-requantize MODEL.gguf OUT.gguf Q8_0"
)


def fork_type(type_id: int, thing: str) -> Flaw | None:
    """A Flaw if only a fork of llama.cpp knows this type; None for any other number."""
    if type_id not in IK_LLAMA_IDS:
        return None
    known = IK_LLAMA_TYPES.get(type_id)
    name = f" ({known})" if known else ""
    fork = "which only ik_llama.cpp, a fork of llama.cpp, reads"
    return Flaw(f"{thing} has type {type_id}{name}, {fork}", REQUANTIZE)
