"""The pages: `python -m docs write` renews their generated parts, `python -m docs site` the site.

`python -m docs figures` measures the figures of the architecture page (it needs git's history),
`python -m docs pictures` makes the pictures of the screens again, and `python -m docs beside REV
FOLDER` a page with the screens of an earlier revision beside the current ones. Generated parts are
between `<!-- made: NAME -->` and `<!-- end -->`. The site needs the extra `docs` and no network.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from docs.api import functions
from docs.beside import beside
from docs.commands import commands
from docs.gallery import gallery
from docs.methods import methods
from docs.tree import tree

FOLDER = Path(__file__).parent
BLOCK = re.compile(r"(?<=<!-- made: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
MADE: dict[str, Callable[[], str]] = {
    "tree": lambda: f"```\n{tree()}```\n",
    "commands": lambda: f"\n{commands()}\n",
    "functions": lambda: f"\n{functions()}\n",
    "screens": lambda: f"\n{gallery()}\n",
    "methods": lambda: f"\n{methods()}\n",
}


def renewed(page: str) -> str:
    """The page with every generated part renewed."""
    return BLOCK.sub(lambda found: found[1] + found[2] + MADE[found[1]](), page)


def stale() -> list[Path]:
    """The pages whose generated parts are out of date."""
    pages = sorted(FOLDER.glob("*.md"))
    return [page for page in pages if (text := page.read_text("utf-8")) != renewed(text)]


def write() -> None:
    for page in stale():
        page.write_text(renewed(page.read_text("utf-8")), "utf-8")
        print(f"renewed {page.name}")


def main(verb: str, *rest: str) -> int:
    if verb == "pictures":
        from docs.screens import pictures  # loads the whole program

        return pictures()
    if verb == "figures":
        from docs.figures import figures  # runs commands of the program

        return figures()
    if verb == "beside" and len(rest) == 2:
        return beside(rest[0], Path(rest[1]))
    if verb == "write":
        write()
        return 0
    if verb == "site":
        command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
        return subprocess.run(command, cwd=FOLDER.parent, check=False).returncode
    print("python -m docs write|site|pictures|figures, or beside REV FOLDER", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or [""])))
