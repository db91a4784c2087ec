"""Several documents of a note, on the screen and in line mode alike."""

from pathlib import Path

import pytest

from edgemed.clinic.case import session as steps
from edgemed.clinic.case import sessions
from edgemed.errors import Refused
from tests.tui.both_ways.verbs import PASSPHRASE
from tests.tui.both_ways.ways import both_ways, logged, model, saved, way
from tests.tui.scripted import DRAFT


@both_ways
async def test_a_new_draft_is_a_new_document_beside_the_signed_one(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.sign()
        await by.export(tmp_path / "first.txt")
        await by.save()
        signed = by.session.document
        await by.draft()
        assert by.session.signature is None and by.session.documents[0] == signed
        await by.edit_last("Mine.")
        await by.sign()
        await by.turn_to(1)
        assert by.session.document == signed
        await by.export(tmp_path / "again.txt")
        await by.turn_to(2)
        await by.export(tmp_path / "second.txt")
        assert await by.quit() and by.asked == 0
    (path,) = saved(tmp_path)
    kept = sessions.load(path, PASSPHRASE)[0].documents
    assert kept[0] == signed and [d.signature is not None for d in kept] == [True, True]
    first, again, second = (tmp_path / f"{n}.txt" for n in ("first", "again", "second"))
    assert first.read_bytes() == again.read_bytes() and "Mine." in second.read_text()


@both_ways
async def test_documents_keep_their_own_edits_and_decisions(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.dismiss(by.finding(steps.Flag))
        await by.edit_last("One.")
        await by.draft()
        assert by.session.dismissals == ()
        await by.edit_last("Two.")
        await by.turn_to(1)
        assert by.session.text.strip().endswith("One.")
        assert len(by.session.dismissals) == 1 and by.session.review is not None
        await by.turn_to(2)
        assert "Two." in by.session.text and "One." not in by.session.text


@both_ways
async def test_a_signed_text_is_added_to_with_an_addendum(tmp_path: Path, name: str) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.add("Too early.")
        assert len(by.session.documents) == 1
        await by.sign()
        signed = by.session.document
        await by.add("Potassium was repeated.")
        assert by.session.text == "Potassium was repeated.\n"
        assert by.session.document.adds_to == 1 and by.session.documents[0] == signed
        await by.sign()
        await by.export(tmp_path / "out.txt")
        await by.save()
    text = (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert text.startswith("Addendum to the text that Dr A signed") and "repeated." in text
    assert DRAFT.splitlines()[0] not in text
    kept = sessions.load(saved(tmp_path)[0], PASSPHRASE)[0]
    assert kept.documents[0] == signed and kept.number == 2
    assert logged(tmp_path) == ["draft", "sign", "sign", "export"]


@both_ways
async def test_two_documents_are_compared_and_each_with_its_models_draft(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        assert "Nothing is different" in await by.compare(0)
        await by.edit_last("Mine.")
        assert "Mine." in await by.compare(0)
        await by.draft()
        assert "Mine." in await by.compare(1)
        assert "Nothing is different" in await by.compare(0)


@both_ways
async def test_an_addendum_is_compared_with_the_text_that_it_adds_to(
    tmp_path: Path, name: str
) -> None:
    async with way(name, tmp_path, model()) as by:
        await by.draft()
        await by.sign()
        await by.add("Potassium was repeated.")
        with pytest.raises(Refused, match="no model wrote this text"):
            by.case.compared()
        assert "breathlessness" in await by.compare(1)
