"""No two rooms import each other, not even by way of others or inside a function."""

from pathlib import Path

from tests.bench import house

ROOT = Path(__file__).parents[2]


def test_no_room_leads_back_to_itself() -> None:
    joined = set(house.imports(house.sources(house.read(ROOT))))
    circle = house.in_circles(joined)
    within = sorted(f"{i.room} -> {i.of}" for i in joined if {*i} <= {*circle})
    assert len(joined) > 100 and not circle, "\n".join(within)
