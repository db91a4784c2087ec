"""The figures of the house on the page about architecture: `python -m docs figures` measures them.

What git has of REVISION is measured beside the files as they are, with the benchmark's own
functions: 20 s. A test holds the page to a tenth of what it would measure.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.bench import house, house_hops

REVISION = "80e7c6e"
"""The last commit in which merging was one row of 43 files."""
PAGE = Path(__file__).parent / "architecture.md"
BLOCK = re.compile(r"(?<=<!-- measured: figures -->\n).*?(?=<!-- end -->)", re.DOTALL)
ROW = re.compile(r"^\| ([a-zA-Z].+) \| (.+) \| (.+) \|$", re.MULTILINE)


def measured(revisions: tuple[str, ...]) -> list[dict[str, str]]:
    """A column for each tree: its figures, then the hops of t and of a note."""
    with tempfile.TemporaryDirectory() as folder:
        trees = [house.unpack(revision, Path(folder)) for revision in revisions]
        return [
            house.figures(house.read(tree)) | house_hops.measured(tree, Path(folder))
            for tree in trees
        ]


def table(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Both columns as a Markdown table."""
    rows = "".join(f"| {title} | {before[title]} | {now[title]} |\n" for title in now)
    return f"\n| | {REVISION} | this one |\n| --- | --- | --- |\n{rows}\n"


def shown() -> dict[str, str]:
    """What the page says of this tree, by title."""
    block = BLOCK.search(PAGE.read_text("utf-8"))
    assert block, f"{PAGE} has no figures"
    return {title: now for title, _, now in ROW.findall(block[0])}


def figures() -> int:
    """Measures both trees and writes the page."""
    made = table(*measured((REVISION, house.HERE)))
    text = PAGE.read_text("utf-8")
    PAGE.write_text(BLOCK.sub(lambda _: made, text, count=1), "utf-8")
    print(f"renewed {PAGE.name}")
    return 0
