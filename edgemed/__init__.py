"""edgemed: merge quantized GGUF models on a laptop and work with the result offline.

Importing this package loads nothing else; a function loads its code when it is first used.

    >>> import edgemed
    >>> edgemed.merge("clinical.gguf", "instruct.gguf", t=0.5, out="merged.gguf")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from edgemed.api import Fold as Fold
    from edgemed.api import Summary as Summary
    from edgemed.api import Sweep as Sweep
    from edgemed.api import check as check
    from edgemed.api import fold as fold
    from edgemed.api import merge as merge
    from edgemed.api import open_model as open_model
    from edgemed.api import quantize as quantize
    from edgemed.api import review as review
    from edgemed.api import summarize as summarize
    from edgemed.api import sweep as sweep
    from edgemed.errors import EdgemedError as EdgemedError

_LAZY = {
    "EdgemedError": "edgemed.errors",
    "Fold": "edgemed.api",
    "Summary": "edgemed.api",
    "Sweep": "edgemed.api",
    "check": "edgemed.api",
    "fold": "edgemed.api",
    "merge": "edgemed.api",
    "open_model": "edgemed.api",
    "quantize": "edgemed.api",
    "review": "edgemed.api",
    "summarize": "edgemed.api",
    "sweep": "edgemed.api",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'edgemed' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
