"""Many requests at once: answers as one by one, shared beginnings, endings, cancels, failures."""

import itertools
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from edgemed_models.answer import Answer, ask, ask_many
from edgemed_models.base import Done, Event, Failed, Message, ModelError, Piece, Prefill, Request
from edgemed_models.engine import binding, loop, many
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.context import LlamaContext
from edgemed_models.engine.sampling import Sampler
from edgemed_models.engine.sequences import Sequences
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.engine.weights import Weights
from edgemed_models.fake import ScriptedModel

STORY = "Once upon a time there was a little girl who liked to sing. "
NAMED = '{"type":"object","properties":{"name":{"type":"string","maxLength":9}},"required":["name"],"additionalProperties":false}'  # noqa: E501


def asked(text: str, tokens: int = 24, **more: object) -> Request:
    return Request((Message("user", text),), max_tokens=tokens, **more)  # type: ignore[arg-type]


def test_beside_another_sequence_only_rounding_changes(settings: EngineSettings) -> None:
    weights, stop = Weights(settings), binding.StopFlag()
    text, other = (weights.tokenize(STORY + end, special=False) for end in ("One day", "A dog"))
    single = LlamaContext(weights, settings, 256, stop)
    assert list(loop.read(single, text, 0)) == [len(text)]
    alone = single.logits(-1).copy()
    pool = Sequences(weights, settings, 256, 2, stop)
    pool.put(2, other, 0, wanted=True)
    row = pool.put(1, text, 0, wanted=True)
    assert pool.decode()
    np.testing.assert_allclose(pool.logits(row), alone, atol=0.05)
    assert np.abs(pool.logits(len(other) - 1) - alone).max() > 1
    for owner in (single, pool, weights):
        owner.free()


@pytest.fixture
def crowd(settings: EngineSettings) -> Iterator[LlamaModel]:
    """A model that answers three requests at once."""
    loaded = LlamaModel(replace(settings, sequences=3))
    yield loaded
    loaded.close()


def answers(model: LlamaModel, requests: Sequence[Request]) -> list[Answer]:
    found = dict(ask_many(model, requests))
    return [found[number] for number in range(len(requests))]


REQUESTS = [
    asked(STORY * 2 + "One day", 18),
    asked(STORY * 2 + "The dog", 5),
    asked("Tom had a ball.", 40),
    asked(STORY + "Her name was", 17, temperature=0.8, seed=4),
    asked("Lily and Ben", 60, schema=NAMED),
    asked("She said", 1),
    asked(STORY * 20 + "The end", 20, stop_loops=True),
]


def test_answers_are_those_of_one_by_one(crowd: LlamaModel) -> None:
    together = answers(crowd, REQUESTS)
    alone = [ask(crowd, request) for request in REQUESTS]
    # No call is close enough for rounding: this model's heads are too small for flash attention,
    # and without it the place of a token in the cache decides the order of a sum.
    assert [a.text for a in together] == [a.text for a in alone]
    assert [(a.ending, a.tokens) for a in together] == [(a.ending, a.tokens) for a in alone]
    assert all(
        a.timings["prompt_tokens"] == b.timings["prompt_tokens"]
        for a, b in zip(together, alone, strict=True)
    )
    assert len({a.text for a in together}) == len(REQUESTS)


def test_events_of_each_request_come_in_the_order_of_generate(crowd: LlamaModel) -> None:
    events = list(crowd.generate_many(REQUESTS))
    for number in range(len(REQUESTS)):
        own = [event for at, event in events if at == number]
        kinds = [kind for kind, _ in itertools.groupby(own, type)]
        assert kinds in ([Prefill, Piece, Done], [Prefill, Done])
        assert sum(isinstance(event, Done) for event in own) == 1
    begun = [at for at, event in events if isinstance(event, Prefill)]
    assert begun.index(3) > begun.index(2)


def test_places_are_taken_by_the_next_as_soon_as_one_ends(crowd: LlamaModel) -> None:
    requests = [asked(STORY, 60), *(asked(f"{STORY} {n}", 4) for n in range(6))]
    ended = [at for at, event in crowd.generate_many(requests) if isinstance(event, Done)]
    assert ended[-1] == 0  # six short answers passed through the places beside the long one


def test_a_shared_beginning_is_read_once(crowd: LlamaModel) -> None:
    requests = [asked(STORY * 8 + end, 6) for end in ("Tom", "Lily", "A dog", "Rain")]
    found = answers(crowd, requests)
    kept = {answer.timings["kept_tokens"] for answer in found}
    assert len(kept) == 1 and kept.pop() > 100
    assert [a.text for a in found] == [ask(crowd, request).text for request in requests]


def prompt(text: str) -> many.Ask:
    return many.Ask(0, list(text.encode()), 1, sampler=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompts", "shared"),
    [
        (("a" * 40 + "b", "a" * 40 + "c", "a" * 50), 40),
        (("a" * 47 + "b", "a" * 47 + "c"), 40),  # whole batches, as one by one reads them
        (("a" * 40, "a" * 40), 32),  # the last token is read by each, for its logits
        (("a" * 40, "a" * 20), 16),
        (("a" * 7 + "b", "a" * 7 + "c"), 0),
        (("a" * 40,), 0),
    ],
)
def test_what_is_shared(prompts: tuple[str, ...], shared: int) -> None:
    assert many.shared_start([prompt(text) for text in prompts], 8) == shared


def test_one_place_is_enough(model: LlamaModel) -> None:
    assert model.settings.sequences == 1
    found = answers(model, REQUESTS[:3])
    assert [a.text for a in found] == [ask(model, request).text for request in REQUESTS[:3]]


def test_no_request_is_no_work(crowd: LlamaModel) -> None:
    assert not list(crowd.generate_many([]))
    assert not list(ScriptedModel().generate_many([]))


@pytest.mark.parametrize(
    "bad",
    [
        asked(STORY * 200),
        asked("x", grammar='root ::= "'),
        asked("x", schema='{"type": "hologram"}'),
    ],
    ids=["too long", "grammar", "schema"],
)
def test_a_request_that_cannot_be_answered_fails_alone(crowd: LlamaModel, bad: Request) -> None:
    good = REQUESTS[0]
    found = answers(crowd, [good, bad, REQUESTS[2]])
    assert [a.ending for a in found] == ["length", "failed", "length"]
    assert isinstance(found[1].end, Failed) and found[1].end.hint
    assert found[0].text == ask(crowd, good).text
    assert [a.ending for a in answers(crowd, [bad])] == ["failed"]


def test_a_grammar_that_finds_no_token_on_the_way_ends_its_answer_alone(
    settings: EngineSettings,
) -> None:
    class Stuck(Sampler):
        def choose(self, logits: object) -> int:
            raise ModelError("the grammar allows no token of this model", "simplify the schema")

    weights = Weights(settings)
    pool = Sequences(weights, settings, 256, 2, binding.StopFlag())
    ids = weights.tokenize("Once upon a time", special=False)
    asks = [
        many.Ask(n, ids, 4, kind(weights, 0.0, 0, None)) for n, kind in enumerate((Sampler, Stuck))
    ]
    ends = {n: e for n, e in many.generate(weights, pool, asks) if isinstance(e, Done | Failed)}
    assert isinstance(ends[0], Done) and isinstance(ends[1], Failed)
    pool.free()
    weights.free()


def test_a_cancel_ends_all_and_the_next_requests_are_answered(crowd: LlamaModel) -> None:
    stream = crowd.generate_many([asked(STORY + str(n), 900) for n in range(5)])
    events: list[tuple[int, Event]] = [next(stream)]
    threading.Thread(target=crowd.cancel).start()
    events += stream
    ends = {at: e.reason for at, e in events if isinstance(e, Done)}
    assert sorted(ends) == list(range(5)) and set(ends.values()) == {"cancelled"}
    assert [a.ending for a in answers(crowd, REQUESTS[:2])] == ["length", "length"]


def test_a_caller_that_stops_listening_leaves_a_model_that_works(crowd: LlamaModel) -> None:
    stream = crowd.generate_many([asked(STORY + str(n), 900) for n in range(5)])
    next(stream)
    with pytest.raises(ModelError, match="another request"):
        next(crowd.generate(REQUESTS[0]))
    stream.close()
    assert ask(crowd, REQUESTS[1]).ending == "length"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
def test_a_killed_worker_fails_every_request_that_has_not_ended(crowd: LlamaModel) -> None:
    requests = [asked(STORY, 2), *(asked(STORY + str(n), 900) for n in range(4))]
    ends: dict[int, Event] = {}
    for at, event in crowd.generate_many(requests):
        if isinstance(event, Done | Failed):
            ends[at] = event
            if at == 0 and crowd.pid:
                os.kill(crowd.pid, signal.SIGKILL)
    assert isinstance(ends.pop(0), Done)
    assert sorted(ends) == [1, 2, 3, 4]
    assert all(isinstance(end, Failed) and "SIGKILL" in end.message for end in ends.values())
    assert ask(crowd, REQUESTS[1]).ending == "length"


def test_the_scripted_model_answers_many_in_turn() -> None:
    model = ScriptedModel(lambda request: [request.messages[0].content] * 2)
    events = list(model.generate_many([asked("a"), asked("b")]))
    assert [at for at, _ in events[:4]] == [0, 1, 0, 1]
    assert [a.text for _, a in ask_many(model, [asked("a"), asked("b")])] == ["aa", "bb"]
    assert len(model.requests) == 4
