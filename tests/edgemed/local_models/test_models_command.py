"""`edgemed models`: checked before it is taken in, copied or linked, chosen, removed; and cards."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from edgemed_models.catalog import read_cards
from edgemed_models.scale import path_of

from edgemed.cli.main import main
from edgemed.errors import EdgemedError, UsageError
from edgemed.local_models.library import Library, find_model, folder, read_library, write_library
from edgemed.logs.audit import Log, default_place
from edgemed.logs.file_hashes import file_hash


@pytest.fixture
def file(data: Path) -> Path:
    return data / "models" / "stories260k" / "stories260K.gguf"


def test_a_model_is_copied_hashed_and_becomes_the_default(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "add", str(file)]) == 0
    out, err = capsys.readouterr()
    assert sha256(file.read_bytes()).hexdigest() in out and "licence" in out
    assert "no chat template" in err
    copied = find_model(None)
    assert copied.parent == folder() and copied.read_bytes() == file.read_bytes()
    assert main(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["default"] == "stories260K"


def test_a_linked_model_stays_where_it_is_also_when_it_is_removed(file: Path) -> None:
    assert main(["models", "add", str(file), "--link", "--name", "here"]) == 0
    assert find_model("here") == file.resolve()
    assert main(["models", "remove", "here"]) == 0
    assert file.exists() and read_library().entries == ()


@pytest.mark.parametrize("link", [[], ["--link"]])
def test_the_same_bytes_are_not_added_under_another_name(
    file: Path, link: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "add", str(file), "--name", "one"]) == 0
    assert "same bytes" not in capsys.readouterr().err
    assert main(["models", "add", str(file), "--name", "two", *link]) == 3
    said = capsys.readouterr().err
    assert "this file is among your models already, as one" in said
    assert "edgemed models alias one NAME" in said
    assert [entry.name for entry in read_library().entries] == ["one"]
    assert [path.name for path in folder().glob("*.gguf*")] == ["one.gguf"]


def test_a_second_name_has_the_same_file_which_goes_with_the_last_name(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "add", str(file), "--name", "one"]) == 0
    assert main(["models", "alias", "one", "one"]) == 2
    assert main(["models", "alias", "none", "two"]) == 2
    capsys.readouterr()
    assert main(["models", "alias", "one", "two"]) == 0
    assert capsys.readouterr().out == "added two: the file of one, not copied\n"
    copied = find_model("one")
    assert find_model("two") == copied
    assert main(["models", "list"]) == 0
    assert "the same file as one" in capsys.readouterr().out
    assert main(["models", "remove", "one"]) == 0
    assert "its file stays" in capsys.readouterr().out
    assert find_model(None) == find_model("two") == copied
    assert main(["models", "remove", "two"]) == 0
    assert not copied.exists()


def test_copies_that_an_earlier_version_took_in_are_told(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "add", str(file), "--name", "one"]) == 0
    (one,) = read_library().entries
    write_library(Library((one, replace(one, name="two", path=str(file))), "one"))
    capsys.readouterr()
    assert main(["models", "list"]) == 0
    assert "two is a copy of one: edgemed models remove two" in capsys.readouterr().err


def test_a_checkpoint_is_to_be_converted_first(tmp_path: Path) -> None:
    folder = tmp_path / "Tiny"
    folder.mkdir()
    with pytest.raises(UsageError, match="is a folder") as found:
        find_model(str(folder))
    assert f"edgemed convert {folder} -o Tiny.gguf --out-type Q4_K_M" in found.value.hint


def test_a_removed_copy_is_deleted_and_the_default_moves_on(file: Path) -> None:
    assert main(["models", "add", str(file), "--name", "one"]) == 0
    assert main(["models", "add", str(path_of("instruct")), "--name", "two", "--link"]) == 0
    copied = find_model("one")
    assert main(["models", "remove", "one"]) == 0
    assert not copied.exists() and read_library().default == "two"


def test_a_name_is_made_from_a_file_name_that_is_none(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "My Model (v1.5).gguf"
    odd.write_bytes(file.read_bytes())
    assert main(["models", "add", str(odd)]) == 0
    assert main(["models", "add", str(path_of("instruct")), "--link", "--name", "other"]) == 0
    assert [e.name for e in read_library().entries] == ["My-Model-v1.5", "other"]
    assert capsys.readouterr().out.count("default:") == 1
    assert main(["models", "remove", "My-Model-v1.5"]) == 0
    assert "default: other" in capsys.readouterr().out


def test_the_hash_of_a_model_that_was_added_is_known_to_the_records(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["models", "add", str(file)]) == 0

    def read_again(file: object) -> str:
        raise AssertionError("the model was read once more")

    monkeypatch.setattr("edgemed.logs.file_hashes.hash_of", read_again)
    known = file_hash(Log(default_place()), find_model(None))
    assert known == sha256(file.read_bytes()).hexdigest()


def test_a_hash_that_cannot_be_kept_is_said_and_the_model_is_added(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object) -> None:
        raise EdgemedError("the disk is full", "free some space")

    monkeypatch.setattr("edgemed.cli.options.keep_hash.remember", refuse)
    assert main(["models", "add", str(file)]) == 0
    assert "the hash is not kept (the disk is full)" in capsys.readouterr().err
    assert read_library().default == read_library().entries[0].name


def test_the_default_can_be_chosen(file: Path) -> None:
    main(["models", "add", str(file), "--link", "--name", "one"])
    main(["models", "alias", "one", "two"])
    assert main(["models", "default", "two"]) == 0
    assert read_library().default == "two"
    assert main(["models", "default", "three"]) == 2


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "x" * 80])
def test_a_name_that_is_no_file_name_is_refused(file: Path, name: str) -> None:
    assert main(["models", "add", str(file), "--name", name]) in (0, 2)
    assert all(e.name == "stories260K" for e in read_library().entries)


def test_a_taken_name_is_refused_and_the_first_model_stays(file: Path) -> None:
    main(["models", "add", str(file)])
    before = find_model(None).stat().st_mtime_ns
    assert main(["models", "add", str(file)]) == 2
    assert find_model(None).stat().st_mtime_ns == before


def test_what_is_no_model_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    assert main(["models", "add", str(broken)]) == 3
    assert read_library().entries == ()
    assert not folder().exists() or list(folder().iterdir()) == []


def test_one_model_is_shown_with_its_hash(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["models", "add", str(file), "--link"])
    assert main(["models", "show", "stories260K"]) == 0
    assert sha256(file.read_bytes()).hexdigest() in capsys.readouterr().out


def test_an_unknown_model_names_the_known_ones(file: Path) -> None:
    main(["models", "add", str(file), "--link"])
    with pytest.raises(UsageError) as error:
        find_model("other")
    assert "stories260K" in error.value.hint


def test_every_card_names_its_sources_with_licence_and_terms() -> None:
    cards = read_cards()
    assert sum(card.clinical is not None for card in cards) >= 5
    for card in cards:
        for source in card.sources.values():
            assert "/" in source.source and source.licence and source.terms
        assert card.file_types


def test_a_card_says_that_it_was_not_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "cards", "phi-3.5-mini"]) == 0
    assert "tried here    no" in capsys.readouterr().out
