"""What the page about architecture says in figures is so today, to a tenth."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from edgemed_native import _jit

from docs.figures import shown, shown_figures, way
from tests.bench import house, house_hops

ROOT = Path(__file__).parents[2]


def number(figure: str) -> float:
    """The number that a figure begins with."""
    found = re.match(r"[\d,.]+", figure)
    assert found, figure
    return float(found[0].replace(",", ""))


def far_off(now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The figures of the page that are more than a tenth from those of now, with both."""
    page = shown_figures()
    pairs = {title: (page.get(title, "0"), figure) for title, figure in now.items()}
    return {
        title: (said, figure)
        for title, (said, figure) in pairs.items()
        if abs(number(said) - number(figure)) > number(figure) / 10
    }


def test_the_figures_of_the_tree() -> None:
    assert not far_off(house.figures(house.read(ROOT))), "run `python -m docs figures`"


@pytest.mark.parametrize("what", ["t", "a note"])
def test_the_way_of_t_and_of_a_note(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merge and a summary in processes of their own, with the kernels of this one: the figures
    to a tenth, the rooms as they are."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(_jit.CACHE.parent))
    figures, rooms = house_hops.traced(ROOT, what, tmp_path)
    counted = house_hops.told(what, figures)
    assert len(counted) >= 3 and not far_off(counted), "run `python -m docs figures`"
    assert way(what, rooms) in shown("ways"), "run `python -m docs figures`"
