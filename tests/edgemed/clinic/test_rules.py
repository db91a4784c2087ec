"""The digest of the checks' rules: it covers all that a review runs and reads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgemed.clinic.rules import MODELS, ROOM, code, digest_of_rules, files, of_models

RUN = """
import json, sys
import edgemed.clinic.reviewing.review as review
review.review("Doctor: any fever?\\nPatient: No, I take aspirin 81 mg daily.", "Aspirin 81 mg.")
rooms = "edgemed.clinic.", "edgemed_models."
print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.startswith(rooms)]))
"""
JUDGE_NOTHING = ("base.py", "machine.py", "engine/__init__.py", "privacy/")
"""What of the models a review loads that has no say: types, how many cores there are, silence."""


def test_every_module_that_a_review_loads_counts() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    loaded = {Path(name) for name in json.loads(done.stdout)}
    silent = {
        path
        for path in loaded
        for name in JUDGE_NOTHING
        if f"edgemed_models/{name}" in path.as_posix()
    }
    assert len(silent) >= len(JUDGE_NOTHING)
    assert {path for _, path in files()} >= loaded - silent > set(map(of_models, MODELS))
    assert set(code()) <= {path for _, path in files()}


def test_every_shipped_list_counts() -> None:
    lists = {p for p in (ROOM / "lists").rglob("*") if p.suffix in (".txt", ".tsv")}
    assert lists and lists <= {path for _, path in files()}


def test_a_sites_own_line_is_another_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEMED_LISTS", os.fspath(tmp_path))
    digest_of_rules.cache_clear()
    before = digest_of_rules()
    (tmp_path / "drugs.txt").write_text("newdrug\n", "utf-8")
    assert digest_of_rules() == before  # a process reads its lists once
    digest_of_rules.cache_clear()
    assert digest_of_rules() != before
    digest_of_rules.cache_clear()
