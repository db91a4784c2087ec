"""README's tree is the one its modules' own first lines make."""

from tests.house.tree import BLOCK, README, tree


def test_the_tree_names_every_source_file_with_its_purpose() -> None:
    found = BLOCK.search(README.read_text(encoding="utf-8"))
    assert found, "README.md has no tree"
    assert found[0] == tree(), "run `python -m tests.house.tree --write`"
