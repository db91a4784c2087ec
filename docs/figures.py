"""The figures on the architecture page: `python -m docs figures` measures them.

REVISION, from git, is measured beside the present files, with the benchmark's own functions: 20 s.
A test fails if the page is more than a tenth off.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import house, house_hops

REVISION = "80e7c6e"
"""The last commit with all 43 files of merging in one folder."""
ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BLOCK = r"(?<=<!-- measured: {} -->\n).*?(?=<!-- end -->)"
ROW = re.compile(r"^\| ([a-zA-Z].+) \| (.+) \| (.+) \|$", re.MULTILINE)


def measured(revisions: tuple[str, ...], folder: Path) -> list[dict[str, str]]:
    """A column for each tree: its figures, then the hops of t and of a note."""
    trees = [house.unpack(revision, folder) for revision in revisions]
    return [house.figures(house.read(tree)) | house_hops.measured(tree, folder) for tree in trees]


def table(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Both columns as a Markdown table."""
    rows = "".join(f"| {title} | {before[title]} | {now[title]} |\n" for title in now)
    return f"\n| | {REVISION} | this one |\n| --- | --- | --- |\n{rows}\n"


def way(what: str, rooms: Sequence[str]) -> str:
    """The rooms that t or a note passes through, as a line of the page."""
    return f"{what + ':':<9}{' -> '.join(rooms)}\n"


def shown(block: str) -> str:
    """The text of a measured part of the page."""
    found = re.search(BLOCK.format(block), PAGE.read_text("utf-8"), re.DOTALL)
    assert found, f"{PAGE} has no part {block}"
    return found[0]


def shown_figures() -> dict[str, str]:
    """The page's figures of this tree, by title."""
    return {title: now for title, _, now in ROW.findall(shown("figures"))}


def figures() -> int:
    """Measures both trees and writes the page."""
    with tempfile.TemporaryDirectory() as folder:
        made = {"figures": table(*measured((REVISION, house.HERE), Path(folder)))}
        ways = [way(w, house_hops.traced(ROOT, w, Path(folder))[1]) for w in house_hops.COMMANDS]
    made["ways"] = f"```\n{''.join(ways)}```\n"
    text = PAGE.read_text("utf-8")
    for block, new in made.items():
        pattern = re.compile(BLOCK.format(block), re.DOTALL)
        text = pattern.sub(lambda _, new=new: new, text, count=1)
    PAGE.write_text(text, "utf-8")
    print(f"renewed {PAGE.name}")
    return 0
