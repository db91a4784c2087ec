"""A card with an adapter in the package: one file fetched, three models listed."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from edgemed_models.catalog import Card, Partner, partner_path, read_cards

from edgemed.adapters.adapter import Adapter
from edgemed.adapters.gguf_form import write_adapter
from edgemed.adapters.naming import Use
from edgemed.cli.main import main
from edgemed.gguf import open_model
from edgemed.local_models import library
from edgemed.local_models.demonstration import is_demonstration, limits_of
from edgemed.local_models.getting import partner
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.folding import folding
from edgemed.merging.recipe.recipe import Recipe, between
from edgemed.merging.run.run import run_plan
from tests.edgemed.adapters.test_fold import TOUCHED, pairs, tensor_of
from tests.edgemed.whole_llamas import pairs as byte_pairs
from tests.edgemed.whole_llamas import write_llama

CARD = """billions = 0.1
architecture = "llama"
file_types = ["F32"]
note = "tiny"
t = 0.25

[instruct]
source = "somebody/tiny"
licence = "MIT"
terms = "none"

[instruct.file]
name = "tiny.gguf"
place = "https://localhost/tiny.gguf"
bytes = {bytes}
sha256 = "{sha256}"

[partner]
file = "tiny-clinical.gguf"
sha256 = "{adapter}"
out_type = "Q8_0"
"""


def hash_of(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the instruct model and its card; the adapter stands where a package has it."""
    folder, packaged = tmp_path / "stick", tmp_path / "tiny-clinical.gguf"
    folder.mkdir()
    model = write_llama(folder / "tiny.gguf", None, byte_pairs)
    write_adapter(packaged, Adapter("llama", pairs(1)))
    monkeypatch.setattr(partner, "partner_path", lambda _: packaged)
    (tmp_path / "tiny.toml").write_text(
        CARD.format(bytes=model.stat().st_size, sha256=hash_of(model), adapter=hash_of(packaged))
    )
    return folder


def get(stick: Path) -> int:
    card = stick.with_name("tiny.toml")
    return main(["models", "get", str(card), "--from", str(stick)])


def test_one_file_gives_three_models_and_the_merge_is_the_default(stick: Path) -> None:
    assert get(stick) == 0
    found = library.read_library()
    assert [e.name for e in found.entries] == ["tiny-instruct", "tiny-clinical", "tiny-merged"]
    assert found.default == "tiny-merged"
    clinical = open_model(found.entries[1].path)
    assert clinical.tensors["blk.0.attn_q.weight"].type.name == "Q8_0"


def test_given_again_nothing_is_made_again_and_what_was_removed_is(
    stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert get(stick) == 0
    made = library.find_model("tiny-merged").stat().st_mtime_ns
    assert get(stick) == 0
    assert library.find_model("tiny-merged").stat().st_mtime_ns == made
    library.find_model("tiny-clinical").unlink()
    assert get(stick) == 0
    assert library.find_model("tiny-clinical").is_file()
    assert "tiny-clinical.gguf folded in" in capsys.readouterr().out


def test_an_adapter_that_is_not_the_card_s_is_refused(
    stick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stick.with_name("tiny-clinical.gguf").write_bytes(b"another")
    assert get(stick) == 3
    assert "not the one of its card" in capsys.readouterr().err


def test_a_linear_merge_at_t_is_the_adapter_at_strength_one_minus_t(
    stick: Path, tmp_path: Path
) -> None:
    """An oracle that needs no other program: in F32 both are the same but for rounding."""
    instruct, adapter = stick / "tiny.gguf", stick.with_name("tiny-clinical.gguf")

    def made(recipe: Recipe, name: str) -> Path:
        run_plan(plan_merge(recipe, tmp_path / name, 1, None), load_check=False)
        return tmp_path / name

    clinical = made(folding(instruct, [Use(adapter)]), "clinical.gguf")
    for t in (0.25, 0.5, 0.75):
        merged = made(between(clinical, instruct, t), f"merged-{t}.gguf")
        scaled = made(folding(instruct, [Use(adapter, 1 - t)]), f"scaled-{t}.gguf")
        for name in TOUCHED:
            one, other = tensor_of(merged, name), tensor_of(scaled, name)
            assert np.abs(one - other).max() <= 1e-6 * np.abs(other).max()
            assert np.abs(one - tensor_of(instruct, name)).max() > 1e-3


def test_what_a_card_says_of_limits_holds_for_all_that_is_made_of_its_model(
    stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.edgemed import whole_llamas

    named = whole_llamas.hyper_parameters() | {"general.name": ("string", "Tiny Mix1")}
    monkeypatch.setattr(whole_llamas, "hyper_parameters", lambda: named)
    model = write_llama(tmp_path / "named.gguf")
    (tiny,) = [c for c in read_cards() if c.name == "smollm2-135m"]
    told = Card(**{f: getattr(tiny, f) for f in tiny.__slots__} | {"calls_itself": "Tiny Mix1"})
    monkeypatch.setattr("edgemed.local_models.demonstration.read_cards", lambda: [told])
    folded = folding(model, [Use(stick.with_name("tiny-clinical.gguf"))])
    run_plan(plan_merge(folded, tmp_path / "f.gguf", 1, None), load_check=False)
    merged = between(tmp_path / "f.gguf", model, 0.5)
    run_plan(plan_merge(merged, tmp_path / "m.gguf", 1, None), load_check=False)
    for path in (model, tmp_path / "f.gguf", tmp_path / "m.gguf"):
        assert is_demonstration(path) and limits_of(path) == tiny.limits
    assert not is_demonstration(stick / "tiny.gguf")


def test_the_cards_of_the_package_name_adapters_that_are_in_it() -> None:
    for card in read_cards():
        if card.partner is not None:
            assert partner_path(card.partner).stat().st_size <= 12_000_000
            assert hash_of(partner_path(card.partner)) == card.partner.sha256
            assert card.limits and card.calls_itself


def test_a_partner_has_a_plain_name_and_a_hash() -> None:
    with pytest.raises(ValueError, match="sha256"):
        Partner("../a.gguf", "0" * 64, "Q8_0")
