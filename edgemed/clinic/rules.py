"""A short digest of the rules that the checks follow: their code and their word lists.

Do not mix figures of two versions of the rules: what was "supported" by one may be
"contradicted" by the next. A site's own lines in lists are rules too.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import edgemed_models

from edgemed.clinic.lists import SHIPPED, site_folder

ROOM = Path(__file__).parent
CODE = ("checks", "reading", "vital", "lists")
"""Folders of `edgemed/clinic` whose modules a review runs."""
MODULES = tuple(
    f"{name}.py"
    for name in """evidence findings language note sentences spelling words
    reviewing/__init__ reviewing/omissions reviewing/review reviewing/second_look reviewing/support
    reviewing/usable summarizing/__init__ summarizing/template
    summarizing/template_files""".split()
)
"""Single modules that it runs."""
MODELS = ("encoder.py", "engine/counting.py", "engine/rewording.py")
"""Modules of the models that it runs: which passages are evidence (the encoder names its files by
their hash), and what repeats itself."""


@cache
def digest_of_rules() -> str:
    """16 hexadecimal digits that change with any of these files."""
    whole = hashlib.sha256()
    for name, path in files():
        data = path.read_bytes().replace(b"\r\n", b"\n")
        whole.update(f"{name}\0{len(data)}\0".encode() + data)
    return whole.hexdigest()[:16]


def files() -> Iterator[tuple[str, Path]]:
    """Every file by a name that does not depend on where edgemed lies."""
    for path in sorted(code()):
        yield path.relative_to(ROOM).as_posix(), path
    for name in MODELS:
        yield f"models/{name}", of_models(name)
    for label, folder in (("shipped", SHIPPED), ("site", site_folder())):
        for path in sorted(p for p in folder.rglob("*") if p.suffix in (".txt", ".tsv")):
            yield f"{label}/{path.relative_to(folder).as_posix()}", path


def of_models(name: str) -> Path:
    """The file of one of `MODELS`."""
    return Path(edgemed_models.__file__).parent / name


def code() -> Iterator[Path]:
    """The modules of this room."""
    yield from (ROOM / name for name in MODULES)
    for folder in CODE:
        yield from (ROOM / folder).rglob("*.py")
