"""Output forms: what counts as the form asked for, and what does not."""

import pytest

from edgemed.evals.forms import FORMS, has_form
from edgemed.evals.tasks.task import read_task

JSON = '{"complaint": "cough", "findings": "clear lungs", "plan": "rest"}'
SECTIONS = "COMPLAINT\nCough.\n\nFINDINGS\nClear.\nStill clear.\nPLAN\nRest."


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("json", JSON),
        ("json", f"```json\n{JSON}\n```"),
        ("json", f" {JSON}\n"),
        ("bullets", "- a\n- b\n\n- c"),
        ("bullets", "1. a\n2. b\n3. c\n4. d"),
        ("sections", SECTIONS),
        ("sections", "**COMPLAINT:**\nCough.\n## FINDINGS\nClear.\nPLAN:\nRest."),
    ],
)
def test_the_form_is_kept(form: str, answer: str) -> None:
    assert has_form(form, answer) == 1.0


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ("json", f"Here it is: {JSON}"),
        ("json", '{"complaint": "cough", "findings": "", "plan": "rest"}'),
        ("json", '{"complaint": "cough", "findings": 3, "plan": "rest"}'),
        ("json", "[1]"),
        ("json", "[" * 100_000),
        ("json", JSON[:-1]),
        ("bullets", "- a\n- b"),
        ("bullets", "- a\n- b\n- c\nThat is all."),
        ("bullets", "\n".join(["- a"] * 7)),
        ("sections", "COMPLAINT\nCough.\nPLAN\nRest.\nFINDINGS\nClear."),
        ("sections", "COMPLAINT\nFINDINGS\nClear.\nPLAN\nRest."),
        ("sections", "COMPLAINT: cough\nFINDINGS: clear\nPLAN: rest"),
        ("sections", "COMPLAINT\nCough.\nFINDINGS\nClear.\nPLAN"),
        ("sections", "COMPLAINT\nCough.\nFINDINGS\nClear.\nPLAN\nRest.\nPLAN\nRest."),
        *((form, "") for form in FORMS),
    ],
)
def test_the_form_is_not_kept(form: str, answer: str) -> None:
    assert has_form(form, answer) == 0.0


def test_every_form_that_is_asked_for_is_checked() -> None:
    assert set(read_task("output-forms").table["forms"]) == set(FORMS)
