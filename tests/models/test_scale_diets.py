"""What the scale models are fed: never what the test asks; notes in the forms they come in."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from edgemed_models.base import Message
from edgemed_models.engine.prompt import render, segments
from edgemed_models.scale.clinical_tasks import REQUESTS, clinical_item
from edgemed_models.scale.everyday_words import SCENES
from edgemed_models.scale.formats import FRAMES, LAYOUTS
from edgemed_models.scale.items import TEMPLATE
from edgemed_models.scale.patients import is_held_out

from edgemed.clinic.note import parse
from edgemed.clinic.summarizing.template import messages
from edgemed.clinic.summarizing.template_files import load_template
from tests.models.scale_scripts import imported

WORDS = "river stone lamp winter bridge paper".split()
DEMANDS = {
    name: [request.split("{")[0].strip() for request in part.requests]
    for part_of in (LAYOUTS, FRAMES)
    for name, part in part_of.items()  # type: ignore[attr-defined]
}


@pytest.fixture
def scripts() -> Iterator[dict[str, Any]]:
    """The modules that draw training data."""
    with imported("excerpts", "note_forms", "relayout", "reports") as found:
        yield found


def drawn(scripts: dict[str, Any], seed: int) -> Iterator[Any]:
    """One item of each source of the diets that demands formats."""
    rng = Random(seed)
    yield scripts["excerpts"].draw_excerpt(rng)
    yield scripts["relayout"].draw_relayout(rng, WORDS)
    yield scripts["reports"].draw_report(rng)


def demanded(prompt: str) -> list[str]:
    """The formats asked for on the last line of a prompt."""
    asked = prompt.rsplit("\n", 1)[-1]
    return [name for name, starts in DEMANDS.items() if any(start in asked for start in starts)]


def test_no_diet_demands_a_format_of_a_clinical_summary(scripts: dict[str, Any]) -> None:
    requests = [request for kind in REQUESTS.values() for request in kind]
    for seed in range(300):
        for item in drawn(scripts, seed):
            assert not any(request in item.prompt for request in requests)
        note = clinical_item(Random(seed), "discharge", "train")
        assert not demanded(scripts["note_forms"].formed(Random(seed), note.prompt, 512))


def test_no_diet_holds_a_pair_of_layout_and_frame_kept_for_the_test(
    scripts: dict[str, Any],
) -> None:
    pairs = 0
    for seed in range(400):
        for item in drawn(scripts, seed):
            names = demanded(item.prompt)
            layouts, frames = [n for n in names if n in LAYOUTS], [n for n in names if n in FRAMES]
            pairs += bool(layouts and frames)
            assert not any(is_held_out(layout, frame) for layout in layouts for frame in frames)
    assert pairs > 100


def test_no_excerpt_of_an_everyday_text_has_a_layout_kept_for_the_test(
    scripts: dict[str, Any],
) -> None:
    for topic in SCENES:
        for seed in range(100):
            layout, _ = scripts["relayout"].draw_format(Random(seed), topic)
            assert not (layout and is_held_out(topic, layout))
    assert any(is_held_out(topic, layout) for topic in SCENES for layout in LAYOUTS)


def test_what_an_answer_copies_stands_in_its_text(scripts: dict[str, Any]) -> None:
    for seed in range(200):
        excerpt, relayout, report = drawn(scripts, seed)
        assert all(line in excerpt.prompt for line in excerpt.lines)
        assert all(line in relayout.prompt for line in relayout.lines)
        numbers = [w for line in report.lines for w in line.split() if w.isdigit()]
        assert report.lines
        assert set(numbers) <= set(report.prompt.replace(".", " ").replace(",", " ").split())


def test_the_products_own_prompt_is_learned_as_the_engine_sends_it(
    scripts: dict[str, Any],
) -> None:
    template = load_template("soap")
    note, request = "No fever.\nNa 128.", template.instruction.strip()
    asked = scripts["note_forms"].asked_by_product(note, request)
    alone = template.__class__("", "", "", request, 1, 200, (), "text", {}, "", "")
    sent = segments(TEMPLATE, messages(alone, parse(note)), "<s>", "</s>", render)
    learned = segments(TEMPLATE, (Message("user", asked),), "<s>", "</s>", render)
    assert "".join(s.text for s in sent) == "".join(s.text for s in learned)


def test_a_laid_out_note_loses_no_word(scripts: dict[str, Any]) -> None:
    for seed in range(100):
        note = clinical_item(Random(seed), "problems", "train").prompt.rsplit("\n", 1)[0]
        laid = scripts["note_forms"].laid_out(Random(seed), note)
        assert laid.split()[-len(note.split()) :] == note.split()
