"""The engine on a small real model: events, sampling, scores, cancelling, refusals."""

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgemed_models.base import Done, Failed, Message, ModelError, Piece, Prefill, Request
from edgemed_models.engine import binding
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.process import Process
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.engine.weights import Weights

ONCE = (Message("user", "Once upon a time"),)
NAMED = '{"type":"object","properties":{"name":{"type":"string","maxLength":9}},"required":["name"],"additionalProperties":false}'  # noqa: E501


def text(model: LlamaModel, request: Request) -> str:
    return "".join(e.text for e in model.generate(request) if isinstance(e, Piece))


def last(model: LlamaModel, request: Request) -> object:
    return list(model.generate(request))[-1]


class Seen:
    """Stands for llama.cpp's loader: keeps how many layers and which devices it is given."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, list[int | None] | None]] = []

    def look(self, path: bytes, params: Any) -> None:
        first = params.devices
        devices = [ctypes.c_void_p.from_address(first).value] if first else None
        self.seen.append((params.n_gpu_layers, devices))


def test_a_prompt_becomes_prefill_pieces_and_one_done(model: LlamaModel) -> None:
    events = list(model.generate(Request(ONCE, max_tokens=20)))
    first, end = events[0], events[-1]
    assert isinstance(first, Prefill) and first.total == model.count(ONCE)
    assert isinstance(end, Done) and end.reason == "length"
    assert end.timings.answer_tokens == 20
    assert sum(isinstance(e, Done | Failed) for e in events) == 1


def test_greedy_text_is_the_same_every_time_and_in_a_fresh_worker(settings: EngineSettings) -> None:
    drafts = set()
    for _ in range(2):
        model = LlamaModel(settings)
        drafts |= {text(model, Request(ONCE, max_tokens=40)) for _ in range(2)}
        model.close()
    assert len(drafts) == 1 and drafts.pop()


def test_a_draw_depends_on_its_seed_alone(model: LlamaModel) -> None:
    drawn = [
        text(model, Request(ONCE, max_tokens=30, temperature=1.0, seed=seed)) for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_batches_do_not_change_what_is_read(settings: EngineSettings) -> None:
    words = (Message("user", "Once upon a time there was a little girl. " * 8),)
    found = []
    for batch in (7, 128):
        model = LlamaModel(replace(settings, batch=batch))
        found.append(model.score(words, "She was happy."))
        model.close()
    np.testing.assert_allclose(found[0], found[1], atol=1e-2)


def test_a_score_is_the_log_probability_that_the_decoder_itself_gives(model: LlamaModel) -> None:
    answer = text(model, Request(ONCE, max_tokens=12))
    greedy = model.score(ONCE, answer)
    other = model.score(ONCE, " zebra quickly")
    assert all(value <= 0 for value in greedy)
    assert np.mean(greedy) > np.mean(other)


def test_scores_of_a_text_in_two_parts_add_up_to_the_whole(model: LlamaModel) -> None:
    whole = model.score(ONCE, "she was a girl")
    assert sum(model.score(ONCE, "she was")) == pytest.approx(
        sum(whole[: len(model.score(ONCE, "she was"))]), abs=1e-3
    )


def test_a_schema_binds_the_whole_answer(model: LlamaModel) -> None:
    answer = json.loads(text(model, Request(ONCE, max_tokens=60, schema=NAMED)))
    assert list(answer) == ["name"] and len(answer["name"]) <= 9


def test_a_schema_binds_a_drawn_answer_too(model: LlamaModel) -> None:
    request = Request(ONCE, max_tokens=60, schema=NAMED, temperature=1.5, seed=3)
    assert list(json.loads(text(model, request))) == ["name"]


def test_a_schema_that_cannot_be_converted_is_an_error_not_generic_json(model: LlamaModel) -> None:
    end = last(model, Request(ONCE, max_tokens=9, schema='{"type": "hologram"}'))
    assert isinstance(end, Failed) and "schema" in end.message


@pytest.mark.parametrize("grammar", ['root ::= "{}', "root ::= {}", 'rot ::= "{}"'])
def test_a_grammar_that_cannot_be_read_is_an_error_and_no_word_of_it_is_logged(
    model: LlamaModel, grammar: str
) -> None:
    end = last(model, Request(ONCE, max_tokens=5, grammar=grammar.format("Zyxwvut")))
    assert isinstance(end, Failed) and "grammar" in end.message and end.hint
    assert "Zyxwvut" not in "\n".join((*end.log, *model.log))
    assert isinstance(last(model, Request(ONCE, max_tokens=2)), Done)


@pytest.mark.parametrize("wrong", [{"max_tokens": 0}, {"grammar": 'root ::= "a"', "schema": NAMED}])
def test_a_request_that_contradicts_itself_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="max_tokens must be 1 or more"):
        Request(ONCE, **wrong)


def test_what_two_prompts_share_is_read_once_and_changes_no_number(
    settings: EngineSettings,
) -> None:
    story = "Once upon a time there was a little girl who liked to sing. " * 12
    first, second = ((Message("user", story + end),) for end in ("Then it rained.", "The end."))
    fresh, kept = (LlamaModel(replace(settings, batch=64)) for _ in range(2))
    alone = (text(fresh, Request(second, max_tokens=30)), fresh.score(second, "She sang."))
    text(kept, Request(first, max_tokens=5))
    (begin, *_, end) = kept.generate(Request(second, max_tokens=30))
    assert isinstance(begin, Prefill) and isinstance(end, Done)
    assert begin.done == begin.kept == end.timings.kept_tokens >= begin.total // 64 * 64 - 64 > 0
    together = (text(kept, Request(second, max_tokens=30)), kept.score(second, "She sang."))
    assert together == alone
    fresh.close()
    kept.close()


@pytest.mark.parametrize("batch", [16, 64, 512])
def test_a_further_question_about_a_text_reads_the_question_alone_and_changes_no_number(
    settings: EngineSettings, batch: int
) -> None:
    story = "Once upon a time there was a little girl who liked to sing. " * 12
    asked = [Message("user", f"{story}\n\n{words}") for words in ("Then?", "Why did she sing?")]

    def request(message: Message, tokens: int = 30) -> Request:
        return Request((message,), max_tokens=tokens, shared=len(story))

    fresh, kept = (LlamaModel(replace(settings, batch=batch)) for _ in range(2))
    alone = text(fresh, request(asked[1])), fresh.score((asked[1],), "She sang.")
    text(kept, request(Message("user", story), 1))  # read ahead
    told = kept.count((Message("user", story),))
    for message in (*asked, asked[0], asked[1]):
        begin, *_ = kept.generate(request(message, 5))
        assert isinstance(begin, Prefill)
        assert begin.total - begin.kept <= kept.count((message,)) - told + 8
    assert (text(kept, request(asked[1])), kept.score((asked[1],), "She sang.")) == alone
    text(kept, Request((asked[0],), max_tokens=3))  # one that does not pause
    assert text(kept, request(asked[1])) == alone[0]
    fresh.close()
    kept.close()


def test_a_prompt_whose_reading_was_cancelled_is_kept_as_far_as_it_was_read(
    settings: EngineSettings,
) -> None:
    story = (Message("user", "Once upon a time there was a little girl. " * 80),)
    alone, model = (LlamaModel(replace(settings, batch=16)) for _ in range(2))
    stream = model.generate(Request(story, max_tokens=5))
    while (event := next(stream)) and isinstance(event, Prefill) and event.done < 64:
        pass
    stream.close()
    assert model.score(story, "The end.") == alone.score(story, "The end.")
    alone.close()
    model.close()


def test_one_process_counts_with_the_vocabulary_and_then_loads_the_weights(
    settings: EngineSettings,
) -> None:
    process = Process()
    counter = LlamaModel(replace(settings, context=0, vocab_only=True), process)
    tokens = counter.count(ONCE)
    model = LlamaModel(settings, process)
    (begin, *_, end) = model.generate(Request(ONCE, max_tokens=4))
    assert isinstance(begin, Prefill) and begin.total == tokens == model.count(ONCE)
    assert isinstance(end, Done) and model.pid == counter.pid
    model.close()


def test_pieces_know_how_many_tokens_they_came_from(model: LlamaModel) -> None:
    *events, end = model.generate(Request(ONCE, max_tokens=40))
    assert isinstance(end, Done)
    told = sum(event.tokens for event in events if isinstance(event, Piece))
    assert told == end.timings.answer_tokens


def test_the_time_left_goes_by_what_was_read_and_not_by_what_was_held() -> None:
    assert Prefill(300, 500, 2.0, kept=200).left == 4.0
    assert Prefill(200, 500, 0.0, kept=200).left is None


def test_a_prompt_that_does_not_fit_fails_with_the_numbers(model: LlamaModel) -> None:
    end = last(model, Request(ONCE, max_tokens=5000))
    assert isinstance(end, Failed) and "1024" in end.message and end.hint


def test_a_missing_chat_template_is_refused_with_the_remedy(settings: EngineSettings) -> None:
    model = LlamaModel(replace(settings, chat_template=None))
    with pytest.raises(ModelError, match="no chat template") as refused:
        model.count(ONCE)
    assert "chat template" in refused.value.hint and refused.value.log == ()
    end = last(model, Request(ONCE))
    assert isinstance(end, Failed) and "no chat template" in end.message
    model.close()


def test_a_file_that_is_no_model_is_refused_with_log_lines(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\xff" * 60)
    with pytest.raises(ModelError) as refused:
        LlamaModel(EngineSettings(str(broken), context=256, threads=1))
    assert refused.value.log


def test_a_cancel_while_writing_ends_the_stream_within_a_second(model: LlamaModel) -> None:
    stream = model.generate(Request(ONCE, max_tokens=1000))
    while not isinstance(next(stream), Piece):
        pass
    threading.Thread(target=model.cancel).start()
    start = time.perf_counter()
    *_, end = stream
    assert isinstance(end, Done) and end.reason == "cancelled"
    assert end.timings.answer_tokens < 1000
    assert time.perf_counter() - start < 1.0


def test_a_cancel_inside_a_batch_of_the_prompt_stops_the_worker_without_killing_it(
    random_model: Path,
) -> None:
    model = LlamaModel(EngineSettings(str(random_model), context=4096, threads=1, batch=4096))
    pid = model.pid
    stream = model.generate(Request((Message("user", "pain " * 3000),), max_tokens=10))
    assert isinstance(next(stream), Prefill)
    timer = threading.Timer(0.1, model.cancel)
    timer.start()
    (end,) = stream
    timer.join()
    assert isinstance(end, Done) and end.reason == "cancelled"
    assert end.timings.prompt_tokens == 0
    assert isinstance(last(model, Request(ONCE, max_tokens=2)), Done)
    assert model.pid == pid
    model.close()


def test_a_note_that_holds_the_models_own_control_token_is_longer_not_shorter(
    random_model: Path,
) -> None:
    model = LlamaModel(EngineSettings(str(random_model), context=512, threads=1))
    plain, hostile = (
        model.count((Message("user", f"Pt writes {text} and waits."),))
        for text in ("x", "<|eot_id|>")
    )
    model.close()
    assert hostile >= plain + 3


def test_a_worker_that_does_not_stop_is_killed_and_the_cancel_still_counts(
    model: LlamaModel,
) -> None:
    stream = model.generate(Request(ONCE, max_tokens=1000))
    next(stream)
    assert model.pid is not None
    os.kill(model.pid, signal.SIGSTOP)
    model.cancel()
    *_, end = stream
    assert isinstance(end, Done) and end.reason == "cancelled"
    assert text(model, Request(ONCE, max_tokens=5))


def test_a_score_whose_worker_does_not_stop_is_cancelled_all_the_same(model: LlamaModel) -> None:
    assert model.score(ONCE, "She was happy.") and model.pid is not None
    os.kill(model.pid, signal.SIGSTOP)
    cancelling = threading.Timer(0.2, model.cancel)
    cancelling.start()
    with pytest.raises(ModelError, match="cancelled"):
        model.score(ONCE, "She was happy.")
    cancelling.join()
    assert model.score(ONCE, "She was happy.")


def test_a_score_that_is_cancelled_is_an_error_not_a_short_list(settings: EngineSettings) -> None:
    model = LlamaModel(replace(settings, context=2048, batch=1))
    prompt = (Message("user", "Once upon a time there was a girl. " * 150),)
    done = threading.Event()

    def cancel_again() -> None:  # one that comes before the work begins cancels nothing
        while not done.wait(0.05):
            model.cancel()

    cancelling = threading.Thread(target=cancel_again)
    cancelling.start()
    with pytest.raises(ModelError, match="cancelled"):
        model.score(prompt, "She was happy.")
    done.set()
    cancelling.join()
    model.close()


def test_a_caller_that_stops_listening_leaves_the_model_ready(model: LlamaModel) -> None:
    stream = model.generate(Request(ONCE, max_tokens=1000))
    next(stream)
    pid = model.pid
    stream.close()
    assert text(model, Request(ONCE, max_tokens=5))
    assert model.pid == pid


def test_a_second_request_meanwhile_is_refused(model: LlamaModel) -> None:
    stream = model.generate(Request(ONCE, max_tokens=1000))
    next(stream)
    with pytest.raises(ModelError, match="another request"):
        model.count(ONCE)
    stream.close()


def test_what_llama_prints_is_kept_as_a_log_and_not_on_the_terminal(
    model: LlamaModel, capfd: pytest.CaptureFixture[str]
) -> None:
    text(model, Request(ONCE, max_tokens=3))
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
    assert any("llama" in line for line in model.log)


def test_the_worker_loads_llama_cpp_before_all_other_libraries() -> None:
    code = "import sys; from edgemed_models.engine import worker; worker.load_libraries(); "
    code += "print(*[name for name in sys.modules if name in ('numpy', 'llama_cpp.llama_cpp')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["llama_cpp.llama_cpp", "numpy"]


def test_without_layers_on_a_gpu_no_device_but_the_cpu_is_used(settings: EngineSettings) -> None:
    params = Seen()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binding.llama, "llama_model_load_from_file", params.look)
        for layers in (0, 3):
            with pytest.raises(ModelError):
                Weights(replace(settings, gpu_layers=layers))
    assert params.seen == [(0, [None]), (3, None)]


def test_only_one_file_imports_llama_cpp() -> None:
    root = Path(__file__).parents[2]
    files = [
        p for room in ("native", "models", "edgemed", "tui") for p in (root / room).rglob("*.py")
    ]
    importing = re.compile(r"^\s*(import|from) llama_cpp", re.MULTILINE)
    found = [p.name for p in files if importing.search(p.read_text(encoding="utf-8"))]
    assert found == ["library.py"]
