"""Events and requests survive the pipe whatever characters they hold."""

from edgemed_models.base import Done, Event, Failed, Message, Piece, Prefill, Request, Timings
from edgemed_models.engine import wire
from hypothesis import given
from hypothesis import strategies as st


@given(st.text())
def test_any_text_comes_back_as_one_line(text: str) -> None:
    for event in (Piece(text), Failed(text, text, (text, text))):
        data = wire.event_line(event)
        assert data.count(b"\n") == 1 and data.endswith(b"\n")
        assert wire.event(wire.parse(data)) == event


def test_every_kind_of_event_comes_back() -> None:
    timings = Timings(1, 0.5, 2, 0.25)
    events: list[Event] = [
        Prefill(1, 2, 0.5),
        Piece("a"),
        Done("length", timings),
        Failed("m", "h"),
    ]
    assert [wire.event(wire.parse(wire.event_line(e))) for e in events] == events


@given(st.text(), st.integers(1, 9000), st.floats(0, 2))
def test_a_request_comes_back_as_it_was(text: str, limit: int, temperature: float) -> None:
    asked = Request((Message("user", text),), limit, temperature, 3, None, "{}")
    data = wire.line({"request": wire.request_table(asked)})
    assert wire.request(wire.parse(data)["request"]) == asked


def test_an_answer_that_is_no_event_is_told_apart() -> None:
    assert wire.event({"tokens": 5}) is None
