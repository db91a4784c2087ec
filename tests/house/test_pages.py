"""The pages: made parts are fresh, links lead somewhere, README is short."""

import re
from pathlib import Path

import pytest

from docs.__main__ import stale
from edgemed import __version__

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def test_made_parts_are_as_they_would_be_made_now() -> None:
    assert not stale(), "run `python -m docs write`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 10_240


def test_systems_that_were_not_tried_are_listed_in_one_place() -> None:
    """Any other page that names one leads there."""
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
        if page.name != "it.md" and re.search(r"\b(Windows|macOS)\b", text):
            assert "it.md#what-was-tried" in text, page.name
    assert "\n## What was tried\n" in (ROOT / "docs" / "it.md").read_text("utf-8")


def test_the_newest_dated_entry_of_the_changelog_is_this_version() -> None:
    dated = re.findall(r"^## (\S+) - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert dated[0] == __version__
