"""What clients get: chats and texts whole and in streams, echoes, grammars, stops, refusals."""

import json
from collections.abc import Iterator

import pytest
from edgemed_models.base import Done, Event, Message, Piece, Prefill, Timings
from edgemed_models.engine.client import LlamaModel
from edgemed_models.fake import ScriptedModel
from edgemed_models.scale import path_of

from edgemed.local_models.loading import Options, load_model
from edgemed.serving.stops import Stops, until
from tests.edgemed.serving.clients import MODELS, Client, served


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel(["It ", "is ", "fine."])


@pytest.fixture
def client(model: ScriptedModel) -> Iterator[Client]:
    with served(model) as client:
        yield client


@pytest.fixture(scope="module")
def engine() -> Iterator[LlamaModel]:
    loaded = load_model(path_of("instruct"), Options(context=512, threads=1))
    yield loaded
    loaded.close()


def test_a_chat_is_answered(client: Client, model: ScriptedModel) -> None:
    told = client.chat("How are you?", model="scripted", max_tokens=9, seed=3, temperature=0.5)
    assert told.status == 200 and told.table["object"] == "chat.completion"
    (choice,) = told.table["choices"]
    assert choice["message"] == {"role": "assistant", "content": "It is fine."}
    assert choice["finish_reason"] == "stop"
    assert told.table["usage"] == {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}
    (request,) = model.requests
    assert request.messages == (Message("user", "How are you?"),)
    assert (request.max_tokens, request.seed, request.temperature) == (9, 3, 0.5)
    assert "Access-Control-Allow-Origin" not in told.headers


def test_a_cut_answer_says_so(client: Client) -> None:
    (choice,) = client.chat(max_tokens=2).table["choices"]
    assert choice["finish_reason"] == "length" and choice["message"]["content"] == "It is "


def test_a_stream_has_the_same_text_piece_by_piece(client: Client) -> None:
    told = client.chat(stream=True)
    assert told.headers["Content-Type"] == "text/event-stream"
    *chunks, end = told.events
    deltas = [json.loads(chunk)["choices"][0] for chunk in chunks]
    assert end == "[DONE]" and deltas[0]["delta"]["role"] == "assistant"
    assert "".join(d["delta"].get("content", "") for d in deltas) == "It is fine."
    assert [d["finish_reason"] for d in deltas][-2:] == [None, "stop"]


def test_parts_of_a_content_and_other_names_of_roles(client: Client, model: ScriptedModel) -> None:
    turns = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    ]
    assert client.ask("/v1/chat/completions", {"messages": turns}).status == 200
    assert model.requests[0].messages == (Message("system", "Be brief."), Message("user", "ab"))


def test_several_plain_prompts_have_a_choice_each(client: Client, model: ScriptedModel) -> None:
    told = client.text(["one two", "three"], echo=True, logprobs=1, max_tokens=1)
    choices = told.table["choices"]
    assert [c["index"] for c in choices] == [0, 1] and choices[1]["text"] == "threeIt "
    assert choices[0]["logprobs"]["tokens"] == ["one", "two", "It"]
    assert choices[0]["logprobs"]["top_logprobs"][0] == {"one": -1.0}
    assert all(r.plain and r.echo and r.top == 1 for r in model.requests)


def test_models(client: Client) -> None:
    (row,) = client.ask(MODELS, method="GET").table["data"]
    assert row["id"] == "scripted"


@pytest.mark.parametrize(
    "more",
    [
        {"n": 2},
        {"tools": [{"type": "function"}]},
        {"frequency_penalty": 0.5},
        {"logprobs": True},
        {"top_p": 0.5, "temperature": 1},
        {"max_tokens": 0},
        {"max_tokens": True},
        {"max_tokens": "9"},
        {"temperature": -1},
        {"seed": 1 << 40},
        {"stop": [1]},
        {"stream": "yes"},
        {"min_p": 0.1},
        {"grammar": 'root ::= "a"', "response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema"}},
        {"messages": []},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": [{"role": "user", "content": "\ud800"}]},
        {"messages": "hello"},
    ],
)
def test_what_would_change_the_answer_and_is_not_there_is_refused(
    client: Client, model: ScriptedModel, more: dict[str, object]
) -> None:
    told = client.chat(**more)
    assert told.status == 400 and told.table["error"]["message"]
    assert not model.requests


def test_fields_that_ask_for_nothing_are_taken(client: Client) -> None:
    calm = {"n": 1, "presence_penalty": 0.0, "logprobs": False, "user": "me", "tools": None}
    assert client.chat(**calm).status == 200


def test_another_model_is_not_here(client: Client) -> None:
    assert client.chat(model="other").status == 404


@pytest.mark.parametrize("prompt", [[], None, 5, [[]], ["a", 5], {"a": 1}, [[1, "a"]]])
def test_a_prompt_that_is_none_is_refused(client: Client, prompt: object) -> None:
    assert client.text(prompt).status == 400


@pytest.mark.parametrize(
    ("stops", "sent", "ended"),
    [
        (("fine",), "It is ", True),
        (("is f", "zz"), "It ", True),
        (("I",), "", True),
        (("fine.x", "."), "It is fine", True),
        (("fine. And",), "It is fine.", False),
    ],
)
def test_an_answer_ends_before_the_first_stop(
    stops: tuple[str, ...], sent: str, ended: bool
) -> None:
    pieces = [Piece("It "), Piece("is "), Piece("fi"), Piece("ne"), Piece(".")]
    end = Done("stop", Timings(1, 0.0, 5, 0.0))
    given: list[Event] = [Prefill(1, 1, 0.0), *pieces, end]
    found = list(until(iter(given), Stops(stops)))
    assert "".join(event.text for event in found if isinstance(event, Piece)) == sent
    assert (end in found) is not ended


def test_a_stop_ends_a_served_answer(client: Client) -> None:
    (choice,) = client.chat(stop=["fi"]).table["choices"]
    assert choice["message"]["content"] == "It is " and choice["finish_reason"] == "stop"


def test_a_real_model_echoes_with_places_and_logarithms(engine: LlamaModel) -> None:
    with served(engine) as client:
        prompt = "The patient has a fever"
        (choice,) = client.text(prompt, echo=True, logprobs=2, max_tokens=1).table["choices"]
        logs = choice["logprobs"]
        assert choice["text"].startswith(prompt)
        assert len({len(values) for values in logs.values()}) == 1
        for token, at in zip(logs["tokens"], logs["text_offset"], strict=True):
            assert choice["text"][at:].startswith(token)
        last = logs["token_logprobs"][-1]
        assert last == max(logs["top_logprobs"][-1].values())
        assert client.text("word " * 900).status == 400


def test_a_schema_binds_what_a_real_model_answers(engine: LlamaModel) -> None:
    schema = {
        "type": "object",
        "properties": {"fever": {"type": "boolean"}},
        "required": ["fever"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    with served(engine) as client:
        told = client.chat("Has he a fever?", response_format=form, max_tokens=40)
        assert list(json.loads(told.table["choices"][0]["message"]["content"])) == ["fever"]
        told = client.chat("Yes or no?", grammar='root ::= "yes" | "no"', max_tokens=8)
        assert told.table["choices"][0]["message"]["content"] in ("yes", "no")
        assert client.chat("x", grammar='root ::= "').status == 400
        assert client.chat("x", max_tokens=2).status == 200
