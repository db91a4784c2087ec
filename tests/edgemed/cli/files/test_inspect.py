"""`edgemed inspect`: the summary, the tensors, JSON, and strings that want to be more than text."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgemed.cli.main import main
from tests.edgemed.gguf_files import METADATA, TENSORS, small_model, write_gguf


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return small_model(tmp_path / "small.gguf")


def fields(out: str) -> dict[str, str]:
    """The two-column summary as a dict."""
    lines = out.split("\n\n")[0].splitlines()
    return dict(line.split(maxsplit=1) for line in lines if not line.startswith("chat template"))


def test_the_summary_says_what_the_model_is(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(small)]) == 0
    out = capsys.readouterr().out
    found = fields(out)
    assert found["file"] == str(small)
    assert f"{small.stat().st_size:,} bytes" in found["size"]
    assert found["architecture"] == "llama"
    assert found["name"] == "A small model"
    assert found["licence"] == "not stated"
    assert found["weights"] == "286 (10.57 bits each)"
    assert found["context"] == "2,048 tokens"
    assert found["vocabulary"] == "4 tokens (gpt2)"
    assert "chat template  none" in out


def test_the_types_are_counted_largest_first(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["inspect", str(small)])
    table = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert [line.split() for line in table] == [
        ["type", "tensors", "weights", "bytes"],
        ["Q8_0", "1", "128", "136"],
        ["F32", "1", "32", "128"],
        ["F16", "1", "30", "60"],
        ["Q4_0", "1", "96", "54"],
    ]


def test_tensors_are_listed_where_asked_for(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["inspect", str(small)])
    assert "ffn_down" not in capsys.readouterr().out
    main(["inspect", "--tensors", str(small)])
    lines = capsys.readouterr().out.split("\n\n")[2].splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(TENSORS)
    assert lines[-1].split() == ["blk.0.ffn_up_exps.weight", "5", "x", "2", "x", "3", "F16", "60"]


def test_json_holds_the_same_for_programs(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--json", str(small)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["types"]["Q8_0"] == {"tensors": 1, "weights": 128, "nbytes": 136}
    assert (document["weights"], document["files"]) == (286, [str(small)])
    assert (document["vocabulary_size"], document["chat_template"]) == (4, False)
    assert "tensors" not in document
    main(["inspect", "--json", "--tensors", str(small)])
    tensors = json.loads(capsys.readouterr().out)["tensors"]
    raw = small.read_bytes()
    for tensor in tensors:
        start = tensor["offset"]
        assert raw[start : start + tensor["nbytes"]] == TENSORS[tensor["name"]][2]


def test_a_chat_template_and_a_pre_tokenizer_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata: dict[str, tuple[str, Any]] = METADATA | {
        "tokenizer.chat_template": ("string", "{{ messages }}"),
        "tokenizer.ggml.pre": ("string", "llama-bpe"),
        "general.license": ("string", "apache-2.0"),
    }
    main(["inspect", str(write_gguf(tmp_path / "m.gguf", metadata, TENSORS))])
    out = capsys.readouterr().out
    assert "chat template  yes" in out
    assert "4 tokens (gpt2, llama-bpe)" in out
    assert "apache-2.0" in out


def test_keys_of_an_unexpected_kind_are_not_stated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata: dict[str, tuple[str, Any]] = {
        "general.architecture": ("string", "llama"),
        "general.name": ("uint32", 7),
        "llama.context_length": ("uint32[]", [1, 2]),
        "tokenizer.ggml.tokens": ("int32[]", [1, 2]),
        "tokenizer.chat_template": ("string[]", ["a"]),
    }
    main(["inspect", str(write_gguf(tmp_path / "odd.gguf", metadata, {}))])
    out = capsys.readouterr().out
    found = fields(out)
    assert (found["name"], found["context"]) == ("not stated", "not stated")
    assert (found["vocabulary"], found["weights"]) == ("none", "none")


HOSTILE = "[red]x[/red] [link=http://a]b[/link]\x1b]0;title\x07\x1b[2J\r\n\u202e\u2028\udcff"
ESCAPED = r"\x1b]0;title\x07\x1b[2J\r\n\u202e\u2028"


@pytest.mark.parametrize("terminal", [False, True])
def test_strings_of_a_file_are_text_and_nothing_else(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
) -> None:
    metadata = METADATA | {"general.name": ("string", HOSTILE)}
    tensors = {"\x1b[31m[b]w[/b]": TENSORS["blk.0.attn_norm.weight"]}
    path = write_gguf(tmp_path / "h.gguf", metadata, tensors)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert main(["inspect", "--tensors", str(path)]) == 0
    out = capsys.readouterr().out
    assert "[red]x[/red] [link=http://a]b[/link]" in out
    assert ESCAPED in out
    assert r"\x1b[31m[b]w[/b]" in out
    for character in ("\x07", "\r", "\u202e", "\u2028", "\x1b]", "\x1b[2J", "\x1b[31m"):
        assert character not in out


def test_json_is_plain_ascii_whatever_the_file_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata = METADATA | {"general.name": ("string", HOSTILE)}
    path = write_gguf(tmp_path / "h.gguf", metadata, {})
    main(["inspect", "--json", str(path)])
    out = capsys.readouterr().out
    assert out.isascii() and out.replace("\n", "").isprintable()
    assert json.loads(out)["name"] == HOSTILE


def test_a_name_that_never_ends_is_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metadata = METADATA | {"general.name": ("string", "n" * 100_000)}
    main(["inspect", str(write_gguf(tmp_path / "l.gguf", metadata, {}))])
    assert len(capsys.readouterr().out) < 2000


def test_a_file_that_is_refused_exits_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "page.gguf"
    path.write_text("<!doctype html><html>Sign in</html>")
    assert main(["inspect", str(path)]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "web page" in printed.err and len(printed.err.splitlines()) == 2


def test_a_split_model_is_shown_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / f"m-{n:05d}-of-00002.gguf" for n in (1, 2)]
    for number, (path, name) in enumerate(zip(paths, list(TENSORS)[:2], strict=True)):
        split: dict[str, tuple[str, Any]] = {
            "split.no": ("uint16", number),
            "split.count": ("uint16", 2),
        }
        write_gguf(path, (METADATA if number == 0 else {}) | split, {name: TENSORS[name]})
    main(["inspect", str(paths[1])])
    found = fields(capsys.readouterr().out)
    assert found["file"] == f"{paths[0]} and 1 more shard"
    assert f"{sum(path.stat().st_size for path in paths):,} bytes" in found["size"]
    main(["inspect", "--json", "--tensors", str(paths[1])])
    document = json.loads(capsys.readouterr().out)
    assert document["files"] == [str(path) for path in paths]
    assert [t["file"] for t in document["tensors"]] == [path.name for path in paths]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_finds_no_room_is_a_failure_in_words(tmp_path):
    words = [sys.executable, "-m", "edgemed.cli.main", "inspect", str(small_model(tmp_path / "m"))]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2] == (
        "edgemed: the output could not be written completely: No space left on device"
    )
    assert "free some disk space" in done.stderr
    assert "Traceback" not in done.stderr
