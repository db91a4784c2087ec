"""One generator of events for command line and screen; every refusal comes before the first."""

import pytest
from edgemed_models.answer import Answer, collect
from edgemed_models.fake import ScriptedModel

from edgemed.clinic.note import Note, parse
from edgemed.clinic.summarizing.summarize import (
    budget,
    prompt_of,
    request_fitting,
    request_for,
    write,
)
from edgemed.clinic.summarizing.template import Template
from edgemed.clinic.summarizing.template_files import load_template
from edgemed.errors import Refused

NOTE = parse("Chest clear. No effusion. Heart normal. Follow-up in two weeks.")


def summarize(model: ScriptedModel, note: Note, template: Template) -> Answer:
    return collect(write(model, request_for(model, note, template)))


def test_a_note_becomes_pieces_and_one_done() -> None:
    model = ScriptedModel(["Subjective: ", "not stated"])
    answer = summarize(model, NOTE, load_template("soap"))
    assert (answer.text, answer.ending) == ("Subjective: not stated", "stop")


def test_the_request_holds_the_whole_note_and_the_templates_limits() -> None:
    model = ScriptedModel(["x"])
    summarize(model, NOTE, load_template("medication-list"))
    (request,) = model.requests
    assert NOTE.text in request.messages[-1].content
    assert request.max_tokens == 900
    assert request.schema is not None and '"allergies"' in request.schema
    assert request.temperature == 0


def test_an_empty_note_is_refused_before_the_model_is_asked() -> None:
    model = ScriptedModel(["an invented patient"])
    with pytest.raises(Refused):
        summarize(model, parse("   \n"), load_template("soap"))
    assert model.requests == []


def test_a_note_that_does_not_fit_is_refused_with_the_numbers() -> None:
    model = ScriptedModel(["x"], context=500)
    template = load_template("soap")
    needed = budget(model, prompt_of(NOTE, template))
    with pytest.raises(Refused) as refused:
        summarize(model, NOTE, template)
    assert str(needed.prompt) in refused.value.message and "500" in refused.value.message
    assert model.requests == []


def test_a_templates_limit_gives_way_to_a_small_context_by_half_at_most() -> None:
    template = load_template("soap")
    prompt = budget(ScriptedModel(), prompt_of(NOTE, template)).prompt
    for room, answer in ((2000, 800), (500, 500), (400, 400), (399, None)):
        model = ScriptedModel(["x"], context=prompt + room)
        if answer is None:
            assert not budget(model, prompt_of(NOTE, template)).fits
            continue
        summarize(model, NOTE, template)
        assert model.requests[0].max_tokens == answer


def test_what_the_user_set_is_never_changed_to_make_it_fit() -> None:
    template = load_template("soap")
    prompt = budget(ScriptedModel(), prompt_of(NOTE, template)).prompt
    model = ScriptedModel(["x"], context=prompt + 500)
    with pytest.raises(Refused):
        request_fitting(model, prompt_of(NOTE, template, 501))
