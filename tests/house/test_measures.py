"""The figures of the house are those of the tree that they are asked of."""

import json
import subprocess
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from tests.bench import house, house_trace

TEXTS = {
    "README.md": "hello\n",
    "edgemed/errors.py": "class Wrong(Exception):\n    pass\n",
    "edgemed/a/__init__.py": "",
    "edgemed/a/one.py": (
        "from typing import TYPE_CHECKING\nfrom edgemed.b.two import g\n\n\n"
        'def f(x: int) -> int:\n    """Words."""\n    return g(x)\n'
    ),
    "edgemed/b/__init__.py": "",
    "edgemed/b/two.py": (
        "from typing import TYPE_CHECKING\nfrom edgemed.errors import Wrong\n\n"
        "if TYPE_CHECKING:\n    from edgemed.a.one import f\n\n\n"
        "def g(x: int) -> int:\n    if x < 0:\n        raise Wrong\n    return x\n"
    ),
    "tests/test_one.py": "def test_f() -> None:\n    assert True\n",
    "tests/bench/speed.py": "print(1)\n" * 3,
}
BACK = "\n\ndef h() -> None:\n    import edgemed.a.one\n"


def test_figures_of_a_small_tree() -> None:
    found = house.figures(TEXTS)
    assert found["source files"] == "5" and found["source lines"] == "20"
    assert found["imports across rooms"] == "2" and found["rooms in circles"] == "0"
    assert found["median function, lines"] == "3"
    assert found["longest function, lines"] == "4 (edgemed/b/two.py:g)"
    assert found["README, bytes"] == "6"
    assert found["tests / source, benches too"] == "0.25"
    assert found["tests / source, without benches"] == "0.10"


def test_an_import_inside_a_function_closes_a_circle() -> None:
    changed = TEXTS | {"edgemed/b/two.py": TEXTS["edgemed/b/two.py"] + BACK}
    assert house.figures(changed)["rooms in circles"] == "2"


@dataclass(frozen=True)
class Holder:
    inside: tuple[object, ...]


def test_a_value_is_found_inside_of_what_carries_it() -> None:
    trace = house_trace.Trace(Path("/nowhere"), house_trace.T)
    assert trace.holds(Namespace(t=0.317), 5) and trace.holds(Holder(({"t": [0.317]},)), 5)
    assert not trace.holds(Holder((0.3, "0.317")), 5)


def test_a_run_is_followed_through_the_modules_of_its_tree(tmp_path: Path) -> None:
    package = tmp_path / "edgemed" / "cli"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "main.py").write_text(
        "import sys\nfrom edgemed.cli.next import again\n\n"
        "def main(t):\n    print('to be seen nowhere')\n    again(t)\n    again(1.0)\n\n"
        "main(float(sys.argv[1]))\n"
    )
    (package / "next.py").write_text("def again(t):\n    return [t]\n")
    script = str(house_trace.__file__)
    done = subprocess.run(
        [sys.executable, "-P", script, str(tmp_path), "t", "0.317"],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads(done.stdout)
    assert figures["functions given it"] == 2 and figures["modules"] == 2
    hops = figures["hops: calls that take it into another module"]
    assert hops == 2  # from outside into main, and on
    assert "main -> edgemed/cli/next.py:again" in done.stderr
