"""No command lets a stranger's string steer the terminal: every command, on files full of escapes.

Each runs twice, into a pseudo-terminal and into pipes. The table of calls is held against the
commands that there are, so that a new one is covered or the first test fails.
"""

import argparse
import ast
import io
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from edgemed_models.base import Failed
from edgemed_models.catalog import card_text
from edgemed_models.fake import ScriptedModel

import edgemed
from edgemed.adapters.adapter import Adapter, Pair
from edgemed.adapters.gguf_form import adapter_bytes
from edgemed.cli.main import COMMANDS, build_parser, main
from edgemed.cli.terminal.printing import Cleaned, cleaned, data, print_json
from edgemed.clinic.summarizing.template_files import own_folder
from edgemed.gguf import open_model
from edgemed.local_models import library
from edgemed.local_models.library import AddedModel, Library
from tests.bench import escapes
from tests.edgemed.commands import NOTE, scripted
from tests.edgemed.hostile import (
    EVIL,
    FILE,
    SHORT,
    Found,
    case_file,
    checkpoint,
    forged_in,
    listening,
    parents,
    raw_in,
    runnable,
    stranger,
    task_folder,
)
from tests.edgemed.quantizing.test_quantize import matrix_file

TOML_EVIL = json.dumps(EVIL).replace("\x7f", "\\u007f")
TOML = (
    f"title = {TOML_EVIL}\npurpose = {TOML_EVIL}\ninstruction = {TOML_EVIL}\n"
    f"sections = [{TOML_EVIL}]\nversion = 1\nmax_tokens = 64\n"
)


@dataclass(frozen=True)
class Place:
    """What every call may name."""

    folder: Path
    a: Path
    b: Path
    stranger: Path
    note: Path
    draft: Path
    template: Path
    recipe: Path
    merged: Path

    def file(self, name: str) -> str:
        """A path that is not there yet."""
        return str(self.folder / f"{name}{FILE}.gguf")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / f"f{FILE}"
    folder.mkdir()
    a, b = parents(folder)
    text = f"{NOTE}\nAspirin 810 {EVIL} mg daily. {EVIL}\n"
    note, draft = folder / f"n{FILE}.txt", folder / f"d{FILE}.txt"
    note.write_text(NOTE + EVIL, encoding="utf-8")
    draft.write_text(text, encoding="utf-8")
    template = folder / f"t{FILE}.toml"
    template.write_text(TOML, encoding="utf-8")
    recipe = folder / f"r{FILE}.yml"
    recipe.write_text(
        "merge_method: linear\nparameters: {weight: 1.0, int8_mask: true}\nmodels:\n"
        + "".join(f"  - model: {json.dumps(path.name)}\n" for path in (a, b)),
        encoding="utf-8",
    )
    return Place(folder, a, b, stranger(folder), note, draft, template, recipe, folder / "m.gguf")


Call = Callable[[Place], Sequence[str | Path]]

# For every command and action, calls that print what they can print of a stranger's: done and
# refused. `{...}` words are set up below, by the name of the command.
CALLS: dict[str, tuple[Call, ...]] = {
    "tui": (lambda p: ["tui", "--plain", p.note],),
    "summarize": (
        lambda p: ["summarize", p.note, "--template", p.template],
        lambda p: ["summarize", p.note, "--template", p.template, "--json", "--revise"],
        lambda p: ["summarize", p.note, "--template", p.template, "--second-look", "--revise"],
        lambda p: ["summarize", p.note, "--template", EVIL],
    ),
    "check-draft": (
        lambda p: ["check-draft", p.note, p.draft],
        lambda p: ["check-draft", p.note, p.draft, "--json"],
    ),
    "chat": (lambda p: ["chat", EVIL, "--system", EVIL],),
    "templates list": (
        lambda p: ["templates", "list"],
        lambda p: ["templates", "list", "--json"],
    ),
    "templates show": (lambda p: ["templates", "show", p.template],),
    "templates check": (
        lambda p: ["templates", "check", p.template],
        lambda p: ["templates", "check", p.recipe],
    ),
    "models add": (
        lambda p: ["models", "add", p.a, "--name", "new"],
        lambda p: ["models", "add", p.a, "--link"],
        lambda p: ["models", "add", p.stranger, "--name", EVIL],
        lambda p: ["models", "add", p.note],
    ),
    "models alias": (
        lambda p: ["models", "alias", EVIL, "second"],
        lambda p: ["models", "alias", FILE, EVIL],
    ),
    "models adapter": (
        lambda p: ["models", "adapter", EVIL, "--none"],
        lambda p: ["models", "adapter", EVIL, p.a],
        lambda p: ["models", "adapter", FILE, EVIL],
    ),
    "models list": (lambda p: ["models", "list"], lambda p: ["models", "list", "--json"]),
    "models show": (lambda p: ["models", "show", EVIL], lambda p: ["models", "show", FILE]),
    "models tune": (lambda p: ["models", "tune", p.stranger],),
    "models default": (
        lambda p: ["models", "default", EVIL],
        lambda p: ["models", "default", FILE],
    ),
    "models remove": (lambda p: ["models", "remove", EVIL], lambda p: ["models", "remove", FILE]),
    "models get": (
        lambda p: ["models", "get", card(p), "--from", p.folder],
        lambda p: ["models", "get", EVIL],
    ),
    "models cards": (
        lambda p: ["models", "cards", EVIL],
        lambda p: ["models", "cards", card(p)],
    ),
    "doctor": (lambda p: ["doctor", runnable(p.folder, "clinical")],
               lambda p: ["doctor", p.stranger, "--json"]),
    "check": (
        lambda p: ["check", p.a, p.b],
        lambda p: ["check", p.a, p.stranger],
        lambda p: ["check", p.a, p.b, "--json", "--tokenizer-from", EVIL],
        lambda p: ["check", p.a, p.b, "--json"],
    ),
    "merge": (
        lambda p: ["merge", p.a, p.b, "--t", "0.5", "-o", p.file("o"), "--dry-run"],
        lambda p: ["merge", p.a, p.b, "--t", "0.5", "-o", p.file("o")],
        lambda p: ["merge", p.recipe, "-o", p.file("r"), "--out-type", "Q8_0"],
        lambda p: ["merge", p.a, p.stranger, "--t", "0.5", "-o", p.file("x")],
        lambda p: ["merge", p.a, p.b, "--set", f"{EVIL}={EVIL}", "-o", p.file("x")],
        lambda p: ["merge", p.a, p.b, "--t", "0.5", "-o", p.file("i"), "--dry-run",
                   "--out-type", "Q4_K", "--imatrix", imatrix(p)],
    ),
    "sweep": (
        lambda p: ["sweep", runnable(p.folder, "clinical"), runnable(p.folder, "instruct"),
                   "--cases", case_file(p.folder), "--max-tokens", "2", "--t", "0", "1",
                   "-o", p.folder / f"s{FILE}.jsonl"],
        lambda p: ["sweep", p.a, p.b, "--cases", p.note],
    ),
    "eval": (
        lambda p: ["eval", runnable(p.folder, "instruct"), "--tasks", "medqa", "--data",
                   task_folder(p.folder), "-o", p.folder / f"e{FILE}"],
        lambda p: ["eval", p.a, "--tasks", EVIL],
        lambda p: ["eval", p.a, "--tasks", "mts-dialog", "--data", task_folder(p.folder)],
        lambda p: ["eval", p.a, "--tasks", "medqa", "--data", p.folder],
    ),
    "judge": (
        lambda p: ["judge", p.a, "--by", p.b, "--tasks", EVIL],
        lambda p: ["judge", p.a, "--by", p.b, "--tasks", "mts-dialog", "--data",
                   task_folder(p.folder), "-o", p.folder / f"j{FILE}"],
        lambda p: ["judge", p.note, "--by", p.b, "--tasks", "mts-dialog", "--data", p.folder],
    ),
    "diff": (
        lambda p: ["diff", p.a, p.b, "--report", p.folder / "d.html"],
        lambda p: ["diff", p.a, p.stranger],
    ),
    "verify": (
        lambda p: ["verify", merged(p), "--inputs", p.a, p.b],
        lambda p: ["verify", merged(p), "--inputs", p.b, p.a],
        lambda p: ["verify", p.a],
        lambda p: ["verify", merged(p), "--json", "--inputs", p.a, p.stranger],
    ),
    "recipe show": (
        lambda p: ["recipe", "show", p.recipe],
        lambda p: ["recipe", "show", p.note],
        lambda p: ["recipe", "show", wrong_recipe(p)],
    ),
    "convert": (
        lambda p: ["convert", checkpoint(p.folder), "-o", p.file("c"), "--dry-run"],
        lambda p: ["convert", p.folder / f"c{FILE}", "-o", p.file("c"), "--out-type", "Q8_0"],
        lambda p: ["convert", p.folder / f"c{FILE}", "-o", p.file("d"), "--out-type", EVIL],
        lambda p: ["convert", p.folder / f"c{FILE}", "-o", p.file("d"),
                   "--tensor-type", f"{EVIL}=F16"],
        lambda p: ["convert", p.note, "-o", p.file("d")],
        lambda p: ["convert", checkpoint(p.folder, "x", EVIL), "-o", p.file("d")],
        lambda p: ["inspect", p.folder / f"c{FILE}", "--tensors"],
        lambda p: ["inspect", p.folder / f"x{FILE}"],
    ),
    "quantize": (
        lambda p: ["quantize", p.a, p.file("q"), "--out-type", "Q8_0", "--dry-run"],
        lambda p: ["quantize", p.a, p.file("q"), "--out-type", "Q8_0"],
        lambda p: ["quantize", p.a, p.file("q"), "--out-type", EVIL],
        lambda p: ["quantize", p.a, p.file("q"), "--out-type", "Q8_0", "--tensor-type",
                   f"{EVIL}=Q4_K"],
        lambda p: ["quantize", p.a, p.file("i"), "--out-type", "Q4_K", "--dry-run", "--imatrix",
                   imatrix(p)],
    ),
    "fold": (
        lambda p: ["fold", p.a, adapter(p), "-o", p.file("f")],
        lambda p: ["fold", p.a, adapter(p), "-o", p.file("g"), "--dry-run"],
        lambda p: ["fold", p.stranger, adapter(p), "-o", p.file("x")],
        lambda p: ["fold", p.a, p.note, "-o", p.file("x")],
    ),
    "extract": (
        lambda p: ["extract", p.a, p.b, "--rank", "2", "--without-vectors", "-o", p.file("e")],
        lambda p: ["extract", p.a, p.stranger, "--rank", "2", "-o", p.file("x")],
    ),
    "audit drafts": (
        lambda p: ["audit", "drafts", "--log", p.note, "--key", p.draft],
        lambda p: ["audit", "drafts", "--note", p.note],
    ),
    "audit verify": (lambda p: ["audit", "verify", "--log", p.note, "--key", p.draft],
                     lambda p: ["audit", "verify", "--seal", EVIL]),
    "audit export": (lambda p: ["audit", "export", "--log", p.note, "--key", p.draft],),
    "audit seal": (lambda p: ["audit", "seal", "--to", p.note, "--log", p.draft],),
    "adapt": (lambda p: ["adapt", p.a, "--examples", p.note, "-o", p.note],),
    "instructions make": (
        lambda p: ["instructions", "make", "-o", p.folder / f"t{FILE}.jsonl", "--count", "1",
                   "--tries", "2", "--seeds", seed_tasks(p), "--alpaca", p.folder / "t.json"],
        lambda p: ["instructions", "make", "-o", p.folder / f"u{FILE}.jsonl", "--tries", "2",
                   "--seeds", seed_tasks(p)],
        lambda p: ["instructions", "make", "-o", p.folder / "u.jsonl", "--seeds", p.note],
        lambda p: ["instructions", "make", "-o", p.folder / "u.jsonl", "--seeds",
                   seed_tasks(p, {EVIL: 1})],
        lambda p: ["instructions", "make", "-o", p.file("u"), "--model", EVIL],
    ),
    "instructions report": (
        lambda p: ["instructions", "report", tasks(p), "--test-set", p.note],
        lambda p: ["instructions", "report", tasks(p), "--json"],
        lambda p: ["instructions", "report", p.note],
        lambda p: ["instructions", "report", tasks(p), "--test-set", p.file("absent")],
    ),
    "demo": (lambda p: ["demo", "--items", "1"],),
    "inspect": (
        lambda p: ["inspect", p.a, "--tensors"],
        lambda p: ["inspect", p.stranger, "--json", "--tensors"],
        lambda p: ["inspect", p.note],
        lambda p: ["inspect", p.file("absent")],
    ),
    "serve": (
        lambda p: ["serve", p.stranger],
        lambda p: ["serve", EVIL],
        lambda p: ["serve", runnable(p.folder, "instruct"), "--token-file", p.note],
        lambda p: ["serve", runnable(p.folder, "instruct"), "--chat-template", p.folder / FILE],
    ),
}  # fmt: skip

REFUSED = {
    "judge",
    "models get",
    "models tune",
    "models cards",
    "audit verify",
    "audit export",
    "audit seal",
    "audit drafts",
    "adapt",
    "serve",
}
"""Commands whose first call already is a refusal; that of all others is done."""

TEXT_OUT = {"summarize", "chat", "templates show", "models show"}
"""What prints a text whose lines are its own."""


def imatrix(place: Place) -> Path:
    """An importance matrix that says EVIL of itself and has an entry for a tensor called so."""
    ones = np.ones((1, 256), np.float32)
    return matrix_file(
        place.folder / f"i{FILE}.gguf", {"blk.0.attn_q.weight": ones, SHORT: ones}, dataset=EVIL
    )


def adapter(place: Place) -> Path:
    """An adapter of the first model, of strings that all are EVIL."""
    path = place.folder / f"l{FILE}.gguf"
    if not path.exists():
        found = open_model(place.a)
        tensor = found.tensors["blk.0.attn_q.weight"]
        pair = Pair(
            np.ones((1, tensor.row_length), np.float32),
            np.ones((tensor.rows, 1), np.float32),
            1.0,
        )
        about = {"name": EVIL, "base": EVIL, "note": EVIL}
        made = Adapter("llama", {"blk.0.attn_q.weight": pair}, about)
        path.write_bytes(adapter_bytes(made))
    return path


ALONE = " ".join(f"word{n}" for n in range(40))  # so that a task is unlike its seeds


def seed_tasks(place: Place, more: dict[str, object] | None = None) -> Path:
    """Seed tasks whose instructions are EVIL; with `more` fields, they are refused."""
    path = place.folder / f"s{FILE}.jsonl"
    row = {"topic": "A", "view": "B", "type": "C", "difficulty": 1, **(more or {})}
    rows = [row | {"instruction": f"Do {n} {EVIL}"} for n in range(3)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def tasks(place: Place) -> Path:
    """Tasks with answers that are EVIL, and so are their labels."""
    path = place.folder / f"r{FILE}.jsonl"
    labels = dict.fromkeys(("topic", "view", "type", "difficulty"), EVIL)
    said = {"instruction": EVIL, "input": EVIL, "output": f"{place.note.read_text('utf-8')} {EVIL}"}
    path.write_text(json.dumps(said | labels), encoding="utf-8")
    return path


def merged(place: Place) -> Path:
    """A merge that edgemed made; its provenance names the files."""
    if not place.merged.exists():
        edgemed.merge(place.a, place.b, t=0.5, out=place.merged)
    return place.merged


def card(place: Place) -> Path:
    """A card of the user's: where its file lies is nowhere, so it ends after it was shown."""
    path = place.folder / "card.toml"
    text = card_text("smollm2-135m")
    for key in ("source", "licence", "terms", "note"):
        text = re.sub(
            rf"^{key} = .*$", lambda _, k=key: f"{k} = {json.dumps(EVIL)}", text, flags=re.M
        )
    path.write_text(text, encoding="utf-8")
    return path


def wrong_recipe(place: Place) -> Path:
    path = place.folder / f"w{FILE}.yml"
    path.write_text(f"{json.dumps(EVIL)}: {json.dumps(EVIL)}\n", encoding="utf-8")
    return path


def actions_of(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    """Every command with its actions, as the parsers know them."""
    subs = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for sub in subs:
        for word, inner in sub.choices.items():
            yield from actions_of(inner, f"{name} {word}".strip())
    if not subs:
        yield name


def test_every_command_and_action_has_calls() -> None:
    known = set()
    for name in COMMANDS:
        known |= {n for n in actions_of(build_parser(name), "") if n.split()[0] == name}
    assert known == set(CALLS)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("name", CALLS)
def test_nothing_of_a_stranger_acts_on_the_terminal(
    name: str, terminal: bool, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(name, place, monkeypatch)
    for number, call in enumerate(CALLS[name]):
        words = [str(word) for word in call(place)]
        found = heard(words, terminal)
        assert number or (found.code == 0) == (name not in REFUSED), (words, found.err)
        told = found.err if name in TEXT_OUT and not terminal else found.out + found.err
        assert told or found.out, words
        assert raw_in(told) == [], words
        if name not in TEXT_OUT or "--json" in words:
            assert forged_in(found.out) == [], words
        if not terminal:
            assert forged_in(found.err) == [], words


def heard(words: Sequence[str], terminal: bool) -> Found:
    """What a command prints; its exit code is that of something edgemed foresaw."""
    with listening(terminal) as found:
        try:
            code = main(words)
        except SystemExit as ended:
            code = int(str(ended.code))
    assert code in (0, 1, 2, 3), words
    assert "internal error" not in found[0].err, found[0].err
    found[0].code = code
    return found[0]


def set_up(name: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that somebody tampered with, templates of the user's, and a model that answers."""
    own_folder().mkdir(parents=True)
    (own_folder() / place.template.name).write_bytes(place.template.read_bytes())
    entry = AddedModel(EVIL, str(place.a), EVIL, False, EVIL, True)
    if name.startswith("models"):
        library.write_library(Library((entry,), EVIL))
    if name == "serve":  # this process keeps its sockets
        monkeypatch.setattr("edgemed.cli.local_models.serve.listen", nullcontext)
    if name in ("summarize", "chat"):
        answer = ["Takes metformin", f"{EVIL}.\n", f"Aspirin 810 {EVIL} mg.\r\n", "\ud800\r"]
        scripted(monkeypatch, ScriptedModel(answer), f"clinic.{name}")
    if name == "instructions make":
        said = json.dumps({"topic": EVIL, "instruction": f"{EVIL} {ALONE}", "input": ""})
        scripted(monkeypatch, ScriptedModel([said]), "training.instructions_make")
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed(place)))


def typed(place: Place) -> str:
    """What is typed into the line mode."""
    lines = ["models", "templates", f"template {place.template.stem}", "source", "paste", EVIL, "."]
    return "\n".join([*lines, "note nowhere\x1b[2J", "\x1b[2J\u202e", "model 9", "quit", "yes", ""])


def answering(pieces: Sequence[str], terminal: bool, monkeypatch: pytest.MonkeyPatch) -> Found:
    """`edgemed chat` with a model that says `pieces`."""
    scripted(monkeypatch, ScriptedModel(pieces), "clinic.chat")
    return heard(["chat", "pain?"], terminal)


def test_an_answer_is_whole_in_a_pipe_and_cleaned_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = "5\u00a0mg \u200b\u200c\r\n\ttwice\u200f\ufeff"
    assert answering([said], False, monkeypatch).out.startswith(said)
    shown = answering([said], True, monkeypatch).out
    assert "5\u00a0mg \\u200b\\u200c\n" in shown
    assert "twice\\u200f\\ufeff" in shown and raw_in(shown) == []


def test_an_engine_that_breaks_cannot_speak_through_its_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = ScriptedModel(["a"])
    end = Failed(f"ended {EVIL}", f"ask again {EVIL}", (EVIL, EVIL))
    monkeypatch.setattr(ScriptedModel, "generate", lambda self, request: iter([end]))
    scripted(monkeypatch, broken, "clinic.chat")
    err = heard(["chat", "pain?"], False).err
    assert raw_in(err) == [] and forged_in(err) == [] and err.count("FORGED") == 8


def test_json_is_ascii_and_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with cleaned():
        print_json({"evil": EVIL})
    out = capsys.readouterr().out
    assert out.isascii() and out.replace("\n", "").isprintable()
    assert json.loads(out) == {"evil": EVIL}


def test_what_is_put_back_is_what_was_there(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with cleaned():
        assert isinstance(sys.stdout, Cleaned) and isinstance(sys.stderr, Cleaned)
        sys.stdout.writelines(["\x1b", "a"])
        data().write("\x1b")
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out == "\\x1ba\x1b"


def test_a_list_of_models_that_holds_something_else_is_damaged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    library.write_library(Library((AddedModel(7, "a", "b", False, "c", True),), None))  # type: ignore[arg-type]
    assert main(["models", "list"]) == 1
    assert "library.json is damaged" in capsys.readouterr().err


def test_headers_at_random_let_nothing_through(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, flaws = escapes.run(40, 7, lambda line: None)
    assert flaws == [] and ended["inspect: 0"] > 10
    assert ended["merge: 0"] + ended["merge: 3"] > 10
    for name in ("cli.terminal.printing.printable_text", "tables.printable"):
        monkeypatch.setattr(f"edgemed.{name}", lambda text: text)
    assert len(escapes.run(8, 7, lambda line: None)[1]) > 3  # what finds nothing would find this


def test_a_name_that_is_no_utf8_is_refused_where_it_would_be_written_down(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = place.folder / "odd\udcff.gguf"
    odd.write_bytes(place.a.read_bytes())
    for words in (
        ["merge", str(odd), str(place.b), "--t", "0.5", "-o", place.file("o")],
        ["merge", str(place.a), str(place.b), "--t", "0.5", "-o", place.file("\udcff")],
        ["models", "add", str(odd), "--link", "--name", "odd"],
        ["doctor", str(odd)],
    ):
        assert main(words) == 3, words
        err = capsys.readouterr().err
        assert "UTF-8" in err and "rename the file" in err and "\\udcff" in err
    assert main(["inspect", str(odd)]) == 0


PAST = {"__stdout__", "__stderr__", "buffer", "beneath", "Console", "openpty"}
"""Names that lead past `printing`, and the files that may use them, each for a reason."""
MAY = {"printing.py": PAST, "tables.py": {"beneath", "Console"}, "bar.py": {"beneath", "Console"}}


def ways_past(path: Path) -> set[str]:
    """What a file uses to write past `printing`; reading stdin's bytes is no such thing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        name = getattr(node, "attr", getattr(node, "id", None))
        if name in PAST and "sys.stdin" not in ast.unparse(node):
            found.add(str(name))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "os.write":
            found.add("os.write")
    return found


@pytest.mark.parametrize(
    "path", sorted(Path(edgemed.__file__).parent.glob("cli/**/*.py")), ids=lambda path: path.name
)
def test_no_command_prints_past_what_cleans(path: Path) -> None:
    assert ways_past(path) <= MAY.get(path.name, set())
