"""What a draft is made of, chosen on the screen and in line mode alike."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from edgemed_tui.services import ModelChoice

from edgemed.clinic.case import session as steps
from edgemed.clinic.case import sessions
from edgemed.clinic.case.document import Origin
from edgemed.clinic.summarizing.template_files import own_folder
from edgemed.errors import EdgemedError
from tests.tui.both_ways.verbs import PASSPHRASE
from tests.tui.both_ways.ways import both_ways, model, way
from tests.tui.scripted import DRAFT, NOTE, services


@both_ways
async def test_a_broken_template_is_named_and_the_others_can_be_chosen(
    tmp_path: Path, name: str
) -> None:
    own_folder().mkdir(parents=True)
    (own_folder() / "mine.toml").write_text('title = "x"\n')
    async with way(name, tmp_path, model()) as by:
        chosen = by.template_name
        said = await by.broken_template("mine")
        assert "mine.toml" in said and "is missing" in said and "templates show soap" in said
        assert by.template_name == chosen
        await by.template("One section from a dialogue", "Allergies")
        assert by.template_name == "visit-section"


@both_ways
async def test_a_list_of_models_that_is_damaged_is_said_and_ends_nothing(
    tmp_path: Path, name: str
) -> None:
    here = services(model()).models
    damaged: list[bool] = []

    def models() -> Sequence[ModelChoice]:
        if damaged:
            raise EdgemedError("library.json is damaged", "move it away and add the models again")
        return here()

    async with way(name, tmp_path, model(), models=models) as by:
        await by.draft()
        damaged.append(True)
        said = await by.command("model")
        assert "library.json is damaged" in said and "move it away" in said
        assert by.session.text == DRAFT


@both_ways
async def test_the_sample_is_opened_and_a_template_with_a_field_is_chosen_from_lists(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.sample()
        assert by.session == steps.opened(NOTE) and by.asked == 0
        await by.template("One section from a dialogue", "Allergies")
        await by.draft()
        assert by.session.origin is not None and by.session.origin.template == "visit-section"
        assert ("field section", "Allergies") in by.session.origin.settings


@both_ways
async def test_a_saved_draft_goes_on_with_its_template_and_its_fields(
    tmp_path: Path, name: str
) -> None:
    origin = Origin("m", "visit-section", settings=(("field section", "Allergies"), ("seed", 1)))
    made = steps.drafted(steps.opened(NOTE), origin, DRAFT)
    path = sessions.save_new(
        tmp_path / "sessions", "2026-01-01T00:00:00", made, sessions.make_lock(PASSPHRASE)
    )
    async with way(name, tmp_path, model()) as by:
        assert by.template_name == "soap" or name == "screen"
        await by.open(path)
        assert by.template_name == "visit-section"
        await by.draft()
        assert by.session.number == 2 and by.session.origin is not None
        assert by.session.origin.template == "visit-section"
        assert ("field section", "Allergies") in by.session.origin.settings


@both_ways
@pytest.mark.parametrize("origin", [Origin("m", "no-such-template"), None])
async def test_a_template_that_is_no_longer_there_leaves_the_one_that_was_chosen(
    tmp_path: Path, name: str, origin: Origin | None
) -> None:
    made = steps.opened(NOTE)
    made = steps.drafted(made, origin, DRAFT) if origin else made
    path = sessions.save_new(
        tmp_path / "sessions", "2026-01-01T00:00:00", made, sessions.make_lock(PASSPHRASE)
    )
    async with way(name, tmp_path, model()) as by:
        chosen = by.template_name
        await by.open(path)
        assert by.template_name == chosen


@both_ways
@pytest.mark.parametrize("demonstration", [True, False])
async def test_the_sample_comes_with_the_template_that_the_model_has_learned(
    tmp_path: Path, name: str, demonstration: bool
) -> None:
    async with way(name, tmp_path, model(), demonstration=demonstration) as by:
        chosen = by.template_name
        await by.sample()
        assert by.template_name == ("sample" if demonstration else chosen)


@both_ways
async def test_the_sample_too_takes_the_place_of_unsaved_work_only_for_a_yes(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        mine = by.session
        await by.sample(lose=False)
        assert (by.session, by.asked) == (mine, 1)
        await by.sample()
        assert (by.session, by.asked) == (steps.opened(NOTE), 2)
