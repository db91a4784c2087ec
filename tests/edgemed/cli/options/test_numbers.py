"""Numbers on the command line that are none, or that no machine can use."""

from pathlib import Path

import pytest

from edgemed.cli.main import main
from tests.edgemed.merge_pairs import weights, write_pair_member

NO_NUMBERS = ("nan", "inf", "-inf", "1e400")
ADAPT = ["adapt", "m.gguf", "--examples", "e.jsonl", "-o", "a.gguf"]
OPTIONS = {
    "chat --temperature": ["chat", "hi", "--temperature"],
    "summarize --temperature": ["summarize", "note.txt", "--template", "soap", "--temperature"],
    "merge --t": ["merge", "a.gguf", "b.gguf", "-o", "o.gguf", "--t"],
    "merge --weight": ["merge", "a.gguf", "b.gguf", "-o", "o.gguf", "--weight"],
    "diff --t": ["diff", "a.gguf", "b.gguf", "--t"],
    "extract --share": ["extract", "a.gguf", "b.gguf", "--rank", "auto", "-o", "x.gguf", "--share"],
    "adapt --rate": [*ADAPT, "--rate"],
    "adapt --alpha": [*ADAPT, "--alpha"],
    "adapt --held-out": [*ADAPT, "--held-out"],
}


@pytest.mark.parametrize("number", NO_NUMBERS)
@pytest.mark.parametrize("option", OPTIONS)
def test_what_is_no_number_is_wrong_usage(option: str, number: str, capsys) -> None:
    words = OPTIONS[option]
    with pytest.raises(SystemExit) as ended:
        main([*words[:-1], f"{words[-1]}={number}"])
    assert ended.value.code == 2
    assert "not a finite number" in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["-1", "4294967295", "9" * 30])
@pytest.mark.parametrize(
    "words",
    [["chat", "hi"], ["summarize", "n.txt", "--template", "soap"], ADAPT],
    ids=lambda w: w[0],
)
def test_a_seed_that_would_not_be_the_seed_of_the_draw(words: list[str], seed: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, f"--seed={seed}"])
    assert ended.value.code == 2 and "--seed" in capsys.readouterr().err


@pytest.mark.parametrize("more", ["--rate=1e300", "--rate=1.5", "--alpha=1e300"])
def test_a_rate_that_no_training_survives(more: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*ADAPT, more])
    assert ended.value.code == 2


@pytest.mark.parametrize("strength", ["1e999", "-1e999", "1001"])
def test_the_strength_of_an_adapter_has_a_limit(strength: str, tmp_path: Path, capsys) -> None:
    model = write_pair_member(tmp_path / "a.gguf", weights(1))
    out = tmp_path / "o.gguf"
    recipe = tmp_path / "r.yml"
    recipe.write_text(
        f"merge_method: linear\nmodels:\n- model: a.gguf+l.gguf:{strength}\n"
        "  parameters: {weight: 1}\n"
    )
    for words in (
        ["fold", str(model), f"l.gguf:{strength}", "-o", str(out)],
        ["merge", f"{model}+l.gguf:{strength}", str(model), "--t", "0.5", "-o", str(out)],
        ["merge", str(recipe), "-o", str(out)],
    ):
        assert main(words) == 2, words
        said = capsys.readouterr().err
        assert "is too large" in said and not out.exists()


def test_a_plus_without_an_adapter_is_said_in_words(capsys) -> None:
    assert main(["merge", "a.gguf+x++y", "b.gguf", "--t", "0.5", "-o", "o.gguf"]) == 2
    assert "has a + without an adapter" in capsys.readouterr().err
