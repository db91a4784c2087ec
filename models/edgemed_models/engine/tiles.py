"""Whether the installed llama.cpp crashes in its code for AMX tiles on this processor.

llama.cpp copies weights for the tiles that Xeons have from 2023 on. Older releases of GCC keep only
the first 8 of the 64 bytes that configure the tiles (GCC's bug 114098), and reading a prompt ends
the process with SIGSEGV (ggml-org/llama.cpp, issue 20824). Without the copy the tiles are not used.
"""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from edgemed_models.machine import cpu_features

CODE = b"ggml_backend_amx_mul_mat"  # part of a symbol's name, in a library that has the code
GCC = re.compile(rb"GCC: \([^)]*\) (\d+)\.(\d+)")  # in the section .comment of an ELF file
CLANG = b"clang version"
MENDED = {11: 5, 12: 4, 13: 3}  # the first release of each series of GCC that keeps all 64 bytes
FIRST_MENDED_SERIES = 14


@cache
def tiles_crash() -> bool:
    """Whether llama.cpp's faster copy of the weights cannot be used here."""
    return "amx_tile" in cpu_features() and any(map(crashes, libraries()))


def libraries() -> list[Path]:
    """The files of the installed llama.cpp that compute on the processor."""
    spec = find_spec("llama_cpp")
    if spec is None or not spec.submodule_search_locations:
        return []
    return sorted((Path(spec.submodule_search_locations[0]) / "lib").glob("*ggml-cpu*"))


def crashes(library: Path) -> bool:
    """Whether a library has code for tiles, from a compiler that may have broken it.

    A library made by clang names GCC as well, for its few lines of start-up code.
    """
    data = library.read_bytes()
    if CODE not in data or CLANG in data:
        return False
    releases = [(int(major), int(minor)) for major, minor in GCC.findall(data)]
    return not releases or not all(keeps_all(*release) for release in releases)


def keeps_all(major: int, minor: int) -> bool:
    """Whether this release of GCC configures the tiles correctly."""
    if major >= FIRST_MENDED_SERIES:
        return True
    return major in MENDED and minor >= MENDED[major]
