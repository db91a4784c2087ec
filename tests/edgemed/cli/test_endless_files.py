"""Files without an end, and numbers without one, where a small file is meant: refused at once."""

import sys
from pathlib import Path

import pytest

from edgemed.cli.main import main

ZEROS = Path("/dev/zero")

COMMANDS = {
    "recipe show {}": ".yml",
    "merge {} -o out.gguf --dry-run": ".yml",
    "models get {}": ".toml",
    "sweep a.gguf b.gguf --cases {}": ".jsonl",
    "summarize {} --template soap --demo": ".txt",
    "instructions make -o out.jsonl --seeds {}": ".jsonl",
    "instructions report {}": ".jsonl",
    "templates check {}": ".toml",
}


@pytest.mark.skipif(not ZEROS.exists(), reason="no device without an end here")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_without_an_end_is_read_to_its_limit(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / f"endless{COMMANDS[command]}"
    link.symlink_to(ZEROS)
    assert main(command.format(link).split()) in (1, 2, 3)
    said = capsys.readouterr().err
    assert "is larger than" in said
    assert "internal" not in said


NUMBERS = {
    "seed": "0x" + "f" * 20_000,
    "seed in base 60": "1" + ":1" * 20_000,
    "seed in base 60, broken": "1" + ":1" * 20_000 + ".5",
    "seed of a tag": "!!bool abc",
    "seed as a time": "!!timestamp abc",
    "seed as a float": "!!float abc",
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_none_is_refused_by_its_place(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(
        "merge_method: linear\nmodels:\n- model: a.gguf\n  parameters: {weight: 1}\n"
        f"seed: {NUMBERS[name]}\n"
    )
    assert main(["recipe", "show", str(recipe)]) == 2
    said = capsys.readouterr().err
    assert "is not YAML" in said
    assert len(said) < 1000


@pytest.mark.parametrize("value", ["!!timestamp x", "0x" + "f" * 5000, "[" * 5000, "1\n---\n2"])
def test_a_parameter_that_is_no_value_is_refused(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["merge", "a.gguf", "b.gguf", "--method", "linear", "-o", "out.gguf", "--dry-run"]
    assert main([*words, "--set", f"weight={value}"]) == 2
    said = capsys.readouterr().err
    assert "internal" not in said
    assert "weight=" in said


def test_numbers_of_a_usual_length_are_read_as_before(tmp_path: Path) -> None:
    from edgemed.merging.recipe.documents import documents

    text = f"[0.30000000000000004, 1e-6, 0x10, 1_000, {sys.maxsize}, -.inf]"
    read = documents(text, "recipe")[0]
    assert [str(value) for value in read] == [
        "0.30000000000000004", "1e-6", "16", "1000", str(sys.maxsize), "-inf"
    ]  # fmt: skip


@pytest.mark.parametrize("given", ["0", "-1", "1025", "99999999", "9" * 5000, "x"])
@pytest.mark.parametrize(
    "command",
    [
        "merge a.gguf b.gguf --t 0.5 -o o.gguf",
        "quantize a.gguf o.gguf --out-type F16",
        "chat hello",
    ],
)
def test_threads_are_as_many_as_a_system_gives(
    command: str, given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main([*command.split(), f"--threads={given}"])
    assert refused.value.code == 2
    assert "--threads" in capsys.readouterr().err
