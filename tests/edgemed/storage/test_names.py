"""Names that no file can have: refused in one line, by every command and by what writes files."""

import json
import os
from pathlib import Path

import pytest
from edgemed_models.scale import path_of

from edgemed.cli.main import main
from edgemed.clinic.note import read_note
from edgemed.errors import EdgemedError, UsageError
from edgemed.gguf import open_model
from edgemed.logs.audit import Log, LogFiles
from edgemed.storage import held, whole
from edgemed.storage.bounded import read_bounded
from edgemed.storage.place import refuse_place

LONG = "n" * 300
DEEP = "/".join(["d" * 200] * 30)
A, B = str(path_of("clinical")), str(path_of("instruct"))

pytestmark = pytest.mark.skipif(os.name == "nt", reason="lengths as Linux and macOS allow them")

COMMANDS = (
    "inspect {}",
    f"check {{}} {A}",
    f"merge {A} {B} --t 0.5 -o {{}}",
    f"merge {A} {B} --t 0.5 -o {'n' * 250}",  # as long as may be, and too long with .journal
    f"merge {A} {B} --t 0.5 --dry-run -o o.gguf --report {{}}.html",
    f"merge {A} {B} --t 0.5 -o o.gguf --imatrix {{}}",
    "quantize {} o.gguf --out-type Q8_0",
    f"quantize {A} {{}} --out-type Q8_0",
    f"quantize {A} o.gguf --out-type IQ2_S --imatrix {{}}",
    "recipe show {}",
    "models add {}",
    "summarize {} --template soap --demo --no-record",
    "summarize note.txt --template soap --model {}",
    "check-draft note.txt {}",
    f"sweep {A} {B} --cases {{}}",
    "templates check {}",
    "audit verify --seal {}",
    "chat hello --model {}",
)


@pytest.mark.parametrize("name", [LONG, DEEP, "x\0y"], ids=["long", "deep", "NUL"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_in_one_line(
    command: str,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("note.txt").write_text("A note of five words, invented for this test alone.")
    before = sorted(Path().iterdir())
    assert main([word.replace("{}", name) for word in command.split()]) in (1, 2, 3)
    said = capsys.readouterr().err
    assert "internal error" not in said
    assert "edgemed: " in said
    assert "\0" not in said
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("place", [".", "", "/", ".."])
def test_an_output_without_a_name_is_refused(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["merge", A, B, "--t", "0.5", "-o", place], ["quantize", A, place]):
        assert main(words + ["--out-type", "Q8_0"] * (words[0] == "quantize")) == 3
        assert "is a folder" in capsys.readouterr().err


def test_a_link_that_leads_to_itself_is_no_model_and_no_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, to in (("one", "two"), ("two", "one")):
        (tmp_path / name).symlink_to(tmp_path / to)
    loop = tmp_path / "one"
    for command in ("models add {}", "inspect {}", "summarize {} --template soap --demo"):
        assert main(command.format(loop).split()) in (1, 2, 3)
        assert "internal error" not in capsys.readouterr().err
    with pytest.raises(EdgemedError, match="no file can have this name"):
        Log(LogFiles(loop, tmp_path / "key", tmp_path / "seal"))


@pytest.mark.parametrize("name", [LONG, "x\0y", "\ud800"], ids=["long", "NUL", "half a pair"])
def test_what_reads_and_writes_refuses_too(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for use in (
        lambda: whole.write_new(path, b""),
        lambda: whole.write_whole(path, b""),
        lambda: held.hold(path),
        lambda: read_bounded(path, "note"),
        lambda: refuse_place(path, replace=False),
        lambda: open_model(path),
    ):
        with pytest.raises(UsageError, match="no file can have this name"):
            use()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError) as refused:
        read_note(path)
    assert name[:20] not in str(refused.value)


def test_a_recipe_that_names_such_a_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "r.yml"
    models = [{"model": name, "parameters": {"weight": 1}} for name in (A, LONG)]
    recipe.write_text(json.dumps({"merge_method": "linear", "models": models}))
    assert main(["merge", str(recipe), "-o", str(tmp_path / "o.gguf")]) == 2
    said = capsys.readouterr().err
    assert "no file can have this name" in said
