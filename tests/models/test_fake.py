"""The scripted model keeps the protocol: the screen's tests stand on it."""

import threading

from edgemed_models.base import Done, Failed, LanguageModel, Message, Piece, Prefill, Request
from edgemed_models.fake import ScriptedModel

REQUEST = Request((Message("user", "one two three four five six seven"),), max_tokens=10)


def test_it_is_a_model_to_the_type_checker() -> None:
    model: LanguageModel = ScriptedModel()
    model.close()


def test_events_come_as_prefill_then_pieces_then_one_done() -> None:
    events = list(ScriptedModel(["a ", "b"]).generate(REQUEST))
    assert [type(e) for e in events] == [Prefill] * 4 + [Piece] * 2 + [Done]
    assert [(e.done, e.total) for e in events if isinstance(e, Prefill)][-1] == (8, 8)
    assert "".join(e.text for e in events if isinstance(e, Piece)) == "a b"


def test_a_script_longer_than_the_limit_is_cut_and_says_so() -> None:
    events = list(ScriptedModel(["x"] * 11).generate(REQUEST))
    assert sum(isinstance(e, Piece) for e in events) == 10
    assert isinstance(events[-1], Done) and events[-1].reason == "length"


def test_a_failure_comes_after_the_pieces_asked_for_and_ends_the_stream() -> None:
    events = list(ScriptedModel(["a", "b", "c"], fail_after=2).generate(REQUEST))
    assert [type(e) for e in events[4:]] == [Piece, Piece, Failed]


def test_a_cancel_from_another_thread_ends_the_stream_as_cancelled() -> None:
    model = ScriptedModel(["a"] * 10, delay=0.05)
    stream = model.generate(REQUEST)
    next(stream)
    threading.Thread(target=model.cancel).start()
    last = list(stream)[-1]
    assert isinstance(last, Done) and last.reason == "cancelled"


def test_a_cancel_does_not_reach_the_next_request() -> None:
    model = ScriptedModel(["a"])
    model.cancel()
    last = list(model.generate(REQUEST))[-1]
    assert isinstance(last, Done) and last.reason == "stop"


def test_a_script_may_depend_on_the_request() -> None:
    model = ScriptedModel(lambda request: [request.messages[0].content.upper()])
    assert Piece("ONE TWO THREE FOUR FIVE SIX SEVEN") in list(model.generate(REQUEST))
