"""edgemed: merge quantized GGUF models on a laptop and work with the result offline.

Importing this package costs nothing: `edgemed.merge` loads its code when it is first used.

    >>> import edgemed
    >>> edgemed.merge("clinical.gguf", "instruct.gguf", t=0.5, out="merged.gguf")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from edgemed.merging.run.run import merge as merge

_LAZY = {"merge": "edgemed.merging.run.run"}

__all__ = ["__version__", "merge"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'edgemed' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
