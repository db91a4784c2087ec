"""Runs in an environment of its own: the verdicts of lm-evaluation-harness's IFEval checkers.

Reads JSON Lines on stdin, {"kinds": [...], "arguments": [...], "answer": "..."}, and writes
[strict verdicts, loose verdicts] for each. `pip install --no-deps lm_eval` is enough, with
langdetect, nltk, immutabledict, packaging and six, and nltk's punkt_tab where NLTK_DATA says.
"""

import importlib
import json
import sys
import types
from importlib.util import find_spec
from pathlib import Path


def bare(name: str, folder: Path) -> None:
    """A package without its own code, which would load the whole harness."""
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


def main() -> None:
    spec = find_spec("lm_eval")
    assert spec is not None and spec.origin is not None
    root = Path(spec.origin).parent
    for name, folder in (
        ("lm_eval", root),
        ("lm_eval.tasks", root / "tasks"),
        ("lm_eval.tasks.ifeval", root / "tasks" / "ifeval"),
    ):
        bare(name, folder)
    utils = importlib.import_module("lm_eval.tasks.ifeval.utils")
    importlib.import_module("langdetect").DetectorFactory.seed = 0
    for line in sys.stdin:
        row = json.loads(line)
        asked = utils.InputExample(0, row["kinds"], "", row["arguments"])
        both = (utils.test_instruction_following_strict, utils.test_instruction_following_loose)
        found = [test(asked, row["answer"]).follow_instruction_list for test in both]
        print(json.dumps([[bool(v) for v in verdicts] for verdicts in found]), flush=True)


if __name__ == "__main__":
    main()
