"""`edgemed templates` and `edgemed chat`: listing, showing, checking with the real converter."""

import json
from pathlib import Path

import pytest

from edgemed.cli.main import main
from edgemed.clinic.summarizing.template_files import list_templates, own_folder
from tests.edgemed.commands import Run

STRUCTURED = """title = "T"
purpose = "P"
instruction = "Do it."
version = 1
max_tokens = 100
form = "json"
[schema]
"""


def own(name: str, text: str) -> Path:
    own_folder().mkdir(parents=True, exist_ok=True)
    path = own_folder() / f"{name}.toml"
    path.write_text(text)
    return path


def test_the_list_holds_ones_own_templates(capsys: pytest.CaptureFixture[str]) -> None:
    shipped = {template.name for template in list_templates()}
    own("mine", STRUCTURED + 'type="string"')
    assert main(["templates", "list", "--json"]) == 0
    names = [t["name"] for t in json.loads(capsys.readouterr().out)]
    assert len(names) == len(shipped) + 1 and {*names} == {*shipped, "mine"}


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_broken_template_is_named_beside_the_others(
    capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    own("mine", 'title = "x"\n')
    assert main(["templates", "list", *more]) == 3
    said = capsys.readouterr()
    assert "discharge-summary" in said.out and "mine" not in said.out
    assert "mine.toml: " in said.err and "`purpose` is missing" in said.err
    assert "1 of " in said.err and "cannot be used" in said.err


def test_a_template_is_shown_as_its_file_stands(capsys: pytest.CaptureFixture[str]) -> None:
    path = own("mine", STRUCTURED + 'type="string"')
    assert main(["templates", "show", "mine"]) == 0
    assert capsys.readouterr().out == path.read_text()


def test_every_template_of_the_package_is_right() -> None:
    assert main(["templates", "check"]) == 0


def test_a_template_is_checked_by_its_name_as_it_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own("mine", STRUCTURED + 'type="hologram"')
    assert main(["templates", "check", "mine"]) == 3
    assert "mine.toml: " in capsys.readouterr().err


def test_a_schema_that_no_grammar_can_be_made_of_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = own("odd", STRUCTURED + 'type="hologram"')
    assert main(["templates", "check", str(path)]) == 3
    assert "schema" in capsys.readouterr().err


def test_chat_answers_one_instruction(run: Run) -> None:
    done = run(["chat", "Once upon a time", "--max-tokens", "12"])
    assert done.returncode == 1 and "ANSWER CUT" in done.stdout
    assert "wrote 12 in" in done.stderr


def test_chat_refuses_to_ask_nothing(run: Run) -> None:
    assert run(["chat", " "]).returncode == 3
