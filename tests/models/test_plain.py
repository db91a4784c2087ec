"""A text continued as it stands: echo, log-probabilities, offsets, and tokens as the prompt."""

import math
from contextlib import closing

import pytest
from edgemed_models.answer import collect
from edgemed_models.base import Done, Failed, Message, Piece, Prefill, Request, Scored
from edgemed_models.engine.client import LlamaModel
from edgemed_models.scale import path_of

from edgemed.local_models.loading import Options, load_model

TEXT = "Once upon a time there was"


def loaded(options: Options) -> LlamaModel:
    return load_model(path_of("instruct"), options)


def plain(text: str, tokens: int = 5, **more: object) -> Request:
    return Request((Message("user", text),), tokens, plain=True, **more)  # type: ignore[arg-type]


def pieces(model: LlamaModel, request: Request) -> list[Piece]:
    return [event for event in model.generate(request) if isinstance(event, Piece)]


def scores(found: list[Piece]) -> list[Scored]:
    return [score for piece in found for score in piece.scores]


def test_a_text_is_continued_without_a_template(model: LlamaModel) -> None:
    answer = collect(model.generate(plain(TEXT)))
    assert answer.tokens == 5 and isinstance(answer.end, Done)
    ids = model.encode((Message("user", TEXT),), "x")[0]  # with the line end of the template
    assert answer.timings["prompt_tokens"] == len(ids) - 1


def test_an_echo_has_every_token_with_its_place_and_logarithm(model: LlamaModel) -> None:
    echo, *fresh = pieces(model, plain(TEXT, 3, echo=True, top=2))
    assert echo.text.strip() == TEXT and echo.tokens == 0
    whole = echo.text + "".join(piece.text for piece in fresh)
    every = scores([echo, *fresh])
    for score in every:
        assert whole[score.offset :].startswith(score.text) and score.log is not None
        (best, most), (_, second) = score.top
        assert most >= second and most >= score.log and best
    assert sum(math.exp(log) for _, log in every[-1].top) <= 1
    assert all(s.log == s.top[0][1] for s in scores(fresh))  # greedy
    assert len(every) == len(echo.scores) + 3


def test_the_logarithms_are_those_of_score(model: LlamaModel) -> None:
    message = (Message("user", "Once upon"),)
    expected = model.score(message, " a time there")
    prompt, _ = model.encode(message, "x")
    answer = model.encode(message, " a time there")[1][:-1]
    request = Request((), 0, plain=True, ids=(*prompt, *answer), echo=True, top=1)
    (echo,) = pieces(model, request)
    assert len(echo.scores) == len(prompt) + len(answer)
    assert echo.scores[0].log is None
    found = [score.log for score in echo.scores[len(prompt) :]]
    assert found == pytest.approx(expected, abs=0.02)


def test_a_text_that_is_scored_is_read_in_batches() -> None:
    """Not a few tokens at a time. llama.cpp multiplies batches of many tokens in another way, so
    the logarithms are near, and not the same to the digit."""
    text = "Once upon a time there was a patient with a cough. " * 6
    found = []
    for whole in (False, True):
        with closing(loaded(Options(context=512, threads=1, scores_texts=whole))) as model:
            found.append(list(model.generate(plain(text, 0, echo=True, top=0))))
    few, many = (next(e.scores for e in events if isinstance(e, Piece)) for events in found)
    read = [event.done for event in found[1] if isinstance(event, Prefill)]
    assert len(read) == math.ceil(len(many) / 128) and len(many) > 64
    pairs = zip(many[1:], few[1:], strict=True)
    apart = [abs((one.log or 0) - (two.log or 0)) for one, two in pairs]
    assert sum(apart) / len(apart) < 0.1


def test_characters_of_several_tokens_have_their_bytes_as_names(model: LlamaModel) -> None:
    (echo,) = pieces(model, plain("a 小 b", 0, echo=True, top=0))
    named = [score.text for score in echo.scores if score.text.startswith("bytes:")]
    assert named == [r"bytes:\xe5", r"bytes:\xb0", r"bytes:\x8f"]
    assert echo.text.strip() == "a 小 b" and all(not score.top for score in echo.scores)


def test_scored_and_unscored_text_are_the_same(model: LlamaModel) -> None:
    bare = collect(model.generate(plain(TEXT, 20)))
    scored = collect(model.generate(plain(TEXT, 20, top=0)))
    echoed = collect(model.generate(plain(TEXT, 20, echo=True)))
    assert scored.text == bare.text and echoed.text.lstrip() == TEXT + bare.text
    assert echoed.tokens == scored.tokens == bare.tokens == 20


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request((), 4, plain=True, ids=(10**6,)), "vocabulary"),
        (plain("word " * 2000), "context"),
    ],
)
def test_what_cannot_be_continued_fails(model: LlamaModel, request_: Request, says: str) -> None:
    end = list(model.generate(request_))[-1]
    assert isinstance(end, Failed) and says in end.message


def test_a_cancel_ends_a_scored_answer(model: LlamaModel) -> None:
    stream = model.generate(plain(TEXT, 900, top=1))
    next(stream)
    model.cancel()
    end = list(stream)[-1]
    assert isinstance(end, Done) and end.reason == "cancelled"


@pytest.mark.parametrize("more", [{"echo": True}, {"top": 1}, {"ids": (1,)}])
def test_only_a_plain_text_has_an_echo_and_scores(more: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="plain"):
        Request((Message("user", "a"),), **more)  # type: ignore[arg-type]


def test_the_token_that_ends_a_text_has_a_score_and_no_text() -> None:
    model = load_model(path_of("instruct"), Options(context=512, threads=1))
    try:
        ids, _ = model.encode((Message("user", "What is rest good for?"),), "x")
        request = Request((), 200, plain=True, ids=tuple(ids), top=1)
        events = list(model.generate(request))
    finally:
        model.close()
    found = [event for event in events if isinstance(event, Piece)]
    done = events[-1]
    assert isinstance(done, Done) and done.reason == "stop"
    *written, end = found
    assert (end.text, end.tokens) == ("", 0) and len(end.scores) == 1
    (score,) = end.scores
    assert score.log == score.top[0][1] and score.offset == len("".join(p.text for p in written))
    assert done.timings.answer_tokens == len(scores(written))
