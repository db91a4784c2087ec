"""The page of screens before and after."""

from pathlib import Path

import pytest

from docs import beside
from docs.beside import ROOT, SNAPSHOTS

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no history is here")


def test_a_revision_that_there_is_not_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert beside.beside("no-such-revision", tmp_path / "page") == 1
    assert "no such revision" in capsys.readouterr().out
    assert not (tmp_path / "page").exists()


def test_the_page_has_what_changed_what_is_new_and_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = sorted(beside.names_at("HEAD") or ())
    changed = known[1]  # known[0] is gone
    (tmp_path / SNAPSHOTS).mkdir(parents=True)
    for name in known[2:]:
        (tmp_path / SNAPSHOTS / name).write_bytes(beside.earlier("HEAD", name))
    for name in (changed, "new.svg"):
        (tmp_path / SNAPSHOTS / name).write_text("<svg/>")
    monkeypatch.setattr(beside, "FOLDER_NOW", tmp_path)
    assert beside.beside("HEAD", tmp_path / "page") == 0
    page = (tmp_path / "page" / "index.html").read_text()
    assert page.count("<tr><th") == 3
    assert "was not there" in page and "is no longer there" in page
    assert len(list((tmp_path / "page").glob("*.svg"))) == 4
