"""A note on its way to the printed draft: rendered once, counted once, collected by one loop."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from edgemed_models.base import Event, Message, Request
from edgemed_models.fake import ScriptedModel
from edgemed_tui import plain
from edgemed_tui.plain.line import LineMode

import edgemed
from edgemed.cli.main import main
from edgemed.clinic.summarizing import summarize as drafting
from edgemed.local_models.loading import Planned
from edgemed.logs import audit
from edgemed.logs.audit import LogFiles
from edgemed.logs.drafts import drafts
from tests.edgemed.commands import NOTE, find, scripted
from tests.edgemed.logs.earlier_logs import place_in
from tests.tui.driving import case_of, press, started, until
from tests.tui.scripted import app, pieces, services

DRAFT = "Aspirin 81 mg daily."
ROOT = Path(__file__).parents[2]


class Counting(ScriptedModel):
    """Counts what it is asked to count, but for its own counting while it writes."""

    def count(self, messages: Sequence[Message]) -> int:
        if not getattr(self, "writing", False):
            COUNTED[messages[-1].content] += 1
        return super().count(messages)

    def generate(self, request: Request) -> Iterator[Event]:
        self.writing = True
        yield from super().generate(request)
        self.writing = False


DECISIVE = {"context", "max_tokens", "temperature", "seed", "sampler"}
COUNTED: Counter[str] = Counter()
RENDERED: Counter[str] = Counter()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """A model that counts, and `messages` made to count."""
    COUNTED.clear()
    RENDERED.clear()
    rendered = drafting.messages

    def render(template: Any, note: Any) -> tuple[Message, ...]:
        made = rendered(template, note)
        RENDERED[made[-1].content] += 1
        return made

    monkeypatch.setattr(drafting, "messages", render)
    monkeypatch.setattr("edgemed.clinic.summarizing.template.messages", render)
    return Counting(pieces(DRAFT))


def hops(model: Counting) -> tuple[int, int]:
    """How often the prompt that was written from had been rendered, and counted."""
    prompt = model.requests[-1].messages[-1].content
    return RENDERED[prompt], COUNTED[prompt]


def recorded(place: LogFiles) -> set[str]:
    """The names of the settings in the one draft that was recorded; all else is as it must be."""
    (draft,) = drafts(place)
    (row,) = (row for row in audit.read(place) if row.what == "draft")
    assert audit.verify(place).faults == ()
    assert (draft.row, draft.template, draft.ending) == (row.number, "soap", "stop")
    assert draft.timings["answer_tokens"] == len(pieces(DRAFT))
    assert json.loads(row.facts)["settings"] == draft.settings
    return set(draft.settings)


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text(NOTE)
    return path


@pytest.mark.parametrize(("planned", "counted"), [(None, 1), (77, 0)])
def test_the_command_line_renders_once_and_counts_once(
    model: Counting, note: Path, monkeypatch: pytest.MonkeyPatch, planned: int, counted: int
) -> None:
    scripted(monkeypatch, model)
    plan = Planned(None, planned)  # type: ignore[arg-type]
    monkeypatch.setattr("edgemed.cli.clinic.summarize.plan_request", lambda *words: plan)
    assert main(["summarize", str(note), "--template", "soap"]) == 0
    assert hops(model) == (1, counted)  # the planning's own count is the one, where it counted
    assert recorded(audit.default_place()) >= DECISIVE


def test_the_api_renders_once_and_counts_once(
    model: Counting, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def running(*words: object) -> Iterator[tuple[Counting, None]]:
        yield model, None

    monkeypatch.setattr("edgemed.local_models.loading.running", running)
    monkeypatch.setattr("edgemed.local_models.library.find_model", find)
    assert edgemed.summarize(note, "soap").text == DRAFT
    assert hops(model) == (1, 1)


def test_the_line_mode_renders_once_and_counts_once(
    model: Counting, note: Path, tmp_path: Path
) -> None:
    line = LineMode(services(model, folder=tmp_path), print, lambda prompt: "no")
    for typed in (f"note {note}", "template soap", "draft"):
        plain.answer(line, typed)
    assert line.session.text == DRAFT
    assert hops(model) == (1, 1)
    assert recorded(line.services.place) >= DECISIVE


async def test_the_screen_renders_once_and_counts_once(model: Counting, tmp_path: Path) -> None:
    made = app(model, folder=tmp_path)
    async with started(made) as pilot:
        await press(pilot, "ctrl+t", *"soap", "enter", "ctrl+g")
        await until(pilot, "reviewed")
        assert case_of(pilot).session.text == DRAFT
    assert hops(model) == (1, 1)
    assert recorded(place_in(tmp_path)) >= DECISIVE


def collects(loop: str) -> bool:
    """Whether a loop looks for pieces, and does not only hand them on."""
    return re.search(r"isinstance\(\w+, .*\bPiece\b", loop) is not None and "yield" not in loop


def test_one_loop_collects_an_answer() -> None:
    """Nothing of ours but the one loop adds up the pieces of an answer."""
    adding = []
    for room in ("edgemed", "models", "tui"):
        for path in sorted((ROOT / room).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            loops = [n for n in ast.walk(tree) if isinstance(n, ast.For | ast.comprehension)]
            text = [ast.unparse(loop) for loop in loops]
            if any(
                re.search(r"isinstance\((\w+), .*\bPiece\b", t) and "yield" not in t for t in text
            ):
                adding.append(path.relative_to(ROOT).as_posix())
    assert adding == ["models/edgemed_models/answer.py"]
