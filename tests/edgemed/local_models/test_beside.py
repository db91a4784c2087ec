"""An adapter that is kept with a model: tried, listed, used wherever the model is named."""

import json
from pathlib import Path

import pytest
from edgemed_models.scale import path_of
from edgemed_tui import machine
from edgemed_tui.services import ModelChoice

from edgemed import api
from edgemed.adapters.forms import CONFIG, WEIGHTS
from edgemed.cli.main import main
from edgemed.local_models import adding, beside, library
from edgemed.local_models.loading import Options, decisive
from edgemed.storage.sha256 import sha256_of
from tests.edgemed.adapters.test_unfolded import adapter, peft

ASK = ["chat", "What is rest good for?", "--threads", "1", "--max-tokens", "12"]


@pytest.fixture
def style(tmp_path: Path) -> Path:
    """An adapter that changes every answer of the embedded model, which is added as `clinic`."""
    adding.add(path_of("instruct"), "clinic", True, lambda nbytes: None)
    return adapter(path_of("instruct"), tmp_path / "style.gguf", 0.5)


def test_a_kept_adapter_runs_where_the_model_is_named(
    style: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(*words: str) -> tuple[str, str]:
        main([*ASK, *words])
        found = capsys.readouterr()
        return found.out, found.err

    bare, with_it = asked()[0], asked("--adapter", str(style))[0]
    assert bare != with_it
    assert main(["models", "adapter", "clinic", str(style)]) == 0
    assert "clinic runs with the adapter" in capsys.readouterr().out
    for words in ((), ("--model", "clinic")):
        out, err = asked(*words)
        assert out == with_it and "note: with the adapter style.gguf, kept with the model" in err
    assert asked("--model", str(path_of("instruct")))[0] == bare
    weak = asked("--adapter", f"{style}:0.01")
    assert weak[0] != with_it and "kept with the model" not in weak[1]
    assert main(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"][0]["adapter"] == str(style)
    assert main(["models", "adapter", "clinic", "--none"]) == 0
    capsys.readouterr()
    assert asked()[0] == bare


def test_the_screen_opens_the_model_with_it_and_says_so(style: Path, tmp_path: Path) -> None:
    folder = peft(path_of("instruct"), tmp_path / "letters", 0.5)
    assert main(["models", "adapter", "clinic", f"{folder}:0.5"]) == 0
    services = machine.services(None, Options(context=512, threads=1))
    choice = services.models()[0]
    assert choice.name == "clinic" and "with letters:0.5" in choice.about
    assert "letters" not in services.models()[-1].about
    assert machine.services("clinic", Options()).models()[0].adapter == f"{folder}:0.5"
    model = services.open_model(choice)
    hashes = [sha256_of(folder / name) for name in (CONFIG, WEIGHTS)]
    assert decisive(model, 8)["adapters"] == [["letters", 0.5, *hashes]]
    model.close()
    given = Options(adapters=beside.kept_adapter("clinic"))
    assert "with letters:0.5" in machine.services(None, given).models()[-1].about


def test_what_cannot_run_is_not_kept(
    style: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = adapter(path_of("instruct"), tmp_path / "nothing.gguf", 0.0)
    said = {
        str(nothing): "the adapter nothing.gguf does not change what the model computes",
        str(tmp_path / "gone.gguf"): "gone.gguf",
        str(path_of("clinical")): "is not a LoRA adapter",
    }
    for words, why in said.items():
        assert main(["models", "adapter", "clinic", words]) == 3
        assert why in capsys.readouterr().err
    assert main(["models", "adapter", "other", str(style)]) == 2
    with pytest.raises(SystemExit):
        main(["models", "adapter", "clinic"])
    assert library.read_library().entries[0].adapter == ""


def test_an_adapter_that_is_gone_is_named_with_what_to_do(
    style: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside.keep_adapter("clinic", beside.use_of(str(style)))
    style.unlink()
    capsys.readouterr()
    assert main(ASK) == 3
    err = capsys.readouterr().err
    assert "style.gguf, kept with the model clinic, is not there" in err
    assert "edgemed models adapter clinic --none" in err
    assert main(["models", "adapter", "clinic", "--none"]) == 0
    capsys.readouterr()
    assert main(ASK) in (0, 1) and capsys.readouterr().out


def test_python_uses_it_too(style: Path, sample_note: str) -> None:
    def draft(**given: object) -> str:
        return api.summarize(sample_note, "sample", max_tokens=8, **given).text  # type: ignore[arg-type]

    options = Options(threads=1)
    bare = draft(model="clinic", options=options)
    beside.keep_adapter("clinic", beside.use_of(str(style)))
    assert draft(model="clinic", options=options) != bare
    assert draft(model=path_of("instruct"), options=options) == bare


@pytest.fixture
def sample_note() -> str:
    return "CHIEF COMPLAINT: Cough.\nHPI: Aspirin 81 mg daily.\n"


def test_a_choice_without_one_is_opened_bare() -> None:
    assert machine.kept_with(ModelChoice("a", "b")) == ()
