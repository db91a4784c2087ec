"""Models that were trained for their rounding are found by what files say, and by nothing else."""

from pathlib import Path
from typing import Any

import pytest

from edgemed.cli.main import main
from edgemed.gguf import open_model
from edgemed.gguf.trained_rounding import trained_rounding
from tests.edgemed.gguf_files import METADATA, TENSORS, write_gguf
from tests.edgemed.merge_pairs import weights, write_pair_member

SAID: dict[str, tuple[str, str, Any]] = {
    "name": ("general.name", "string", "Gemma 3 4b It Qat Q4_0 Unquantized"),
    "finetune": ("general.finetune", "string", "it-qat-uncensored"),
    "base": ("general.base_model.0.repo_url", "string", "https://x.org/google/gemma-3-4b-it-qat"),
    "tags": ("general.tags", "string[]", ["medical", "QAT"]),
    "words": ("general.description", "string", "made by quantization-aware training"),
    "maker": ("general.quantized_by", "string", "someone (qat)"),
}
SILENT: dict[str, tuple[str, str, Any]] = {
    "part of a word": ("general.name", "string", "Qatar 7B Equations"),
    "licence": ("general.license.name", "string", "qat"),
    "not about the model": ("tokenizer.chat_template", "string", "qat"),
    "a number": ("general.version", "uint32", 3),
}


def said_of(path: Path, key: str, kind: str, content: Any, name: str = "m.gguf") -> str | None:
    write_gguf(path / name, METADATA | {key: (kind, content)}, TENSORS)
    return trained_rounding(open_model(path / name))


@pytest.mark.parametrize("name", SAID)
def test_what_says_so_is_quoted(name: str, tmp_path: Path) -> None:
    key, _, content = SAID[name]
    word = content if isinstance(content, str) else content[-1]
    said = said_of(tmp_path, *SAID[name])
    assert said is not None and key in said and word in said


@pytest.mark.parametrize("name", SILENT)
def test_what_does_not_say_so_is_not_guessed(name: str, tmp_path: Path) -> None:
    assert said_of(tmp_path, *SILENT[name]) is None


def test_the_name_of_the_file_counts(tmp_path: Path) -> None:
    said = said_of(tmp_path, "general.name", "string", "x", "gemma-3-4b-it-qat-Q4_0.gguf")
    assert said == "the file's name is 'gemma-3-4b-it-qat-Q4_0.gguf'"


def test_architectures_that_are_always_trained_so(tmp_path: Path) -> None:
    for architecture, type, nbytes, found in (
        ("bitnet", "F16", 64, True),
        ("gpt-oss", "MXFP4", 17, True),
        ("gpt-oss", "F16", 64, False),
    ):
        metadata = {"general.architecture": ("string", architecture)}
        tensors = {"blk.0.ffn_up_exps.weight": (type, (32,), bytes(nbytes))}
        path = write_gguf(tmp_path / "m.gguf", metadata, tensors)
        assert bool(trained_rounding(open_model(path))) == found


def test_check_merge_quantize_and_inspect_warn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = write_pair_member(tmp_path / "a.gguf", weights(1), "Q4_0", general__name="X QAT")
    plain = write_pair_member(tmp_path / "b.gguf", weights(2), "Q4_0", general__name="Y")
    out, both = tmp_path / "out.gguf", [str(trained), str(plain)]
    reason = "a.gguf had quantization-aware training ('general.name' is 'X QAT')"
    assert main(["check", *both]) == 0
    shown = capsys.readouterr().out
    assert f"note    rounding:        {reason}" in shown and "edgemed sweep" in shown
    assert main(["merge", *both, "--t", "0.5", "-o", str(out)]) == 0
    assert f"{reason}: a merge rounds it again" in capsys.readouterr().err
    assert main(["inspect", str(trained)]) == 0
    assert "quantization-aware: 'general.name' is 'X QAT'" in capsys.readouterr().out
    assert main(["inspect", str(out)]) == 0
    assert "quantization-aware" not in capsys.readouterr().out
    quantized = ["quantize", str(trained), str(tmp_path / "q.gguf"), "--dry-run"]
    assert main([*quantized, "--out-type", "Q8_0"]) == 0
    assert "only the type that it was trained for" in capsys.readouterr().out
    assert main(["check", str(plain), str(plain)]) == 0
    assert "ok      rounding:" in capsys.readouterr().out
