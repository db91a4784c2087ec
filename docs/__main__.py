"""The pages: `python -m docs write` makes their made parts again, `python -m docs site` the site.

Made parts stand between `<!-- made: NAME -->` and `<!-- end -->`. The site needs the extra `docs`
and no network.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from docs.api import functions
from docs.commands import commands
from docs.methods import methods
from docs.tree import tree

FOLDER = Path(__file__).parent
BLOCK = re.compile(r"(?<=<!-- made: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
MADE: dict[str, Callable[[], str]] = {
    "tree": lambda: f"```\n{tree()}```\n",
    "commands": lambda: f"\n{commands()}\n",
    "functions": lambda: f"\n{functions()}\n",
    "methods": lambda: f"\n{methods()}\n",
}


def renewed(page: str) -> str:
    """The page with every made part as it is now."""
    return BLOCK.sub(lambda found: found[1] + found[2] + MADE[found[1]](), page)


def stale() -> list[Path]:
    """The pages whose made parts are not as they would be made now."""
    pages = sorted(FOLDER.glob("*.md"))
    return [page for page in pages if (text := page.read_text("utf-8")) != renewed(text)]


def write() -> None:
    for page in stale():
        page.write_text(renewed(page.read_text("utf-8")), "utf-8")
        print(f"renewed {page.name}")


def main(verb: str) -> int:
    if verb == "write":
        write()
        return 0
    if verb == "site":
        command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
        return subprocess.run(command, cwd=FOLDER.parent, check=False).returncode
    print("python -m docs write|site", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] else ""))
