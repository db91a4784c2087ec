"""Tuning: the fastest of what was tried is taken if it is clearly faster, and remembered."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_models import machine
from edgemed_models.base import Done, Event, Failed, LanguageModel, Prefill, Request, Timings
from edgemed_models.fake import ScriptedModel
from edgemed_models.scale import path_of

from edgemed.amounts import amount
from edgemed.cli.main import main
from edgemed.errors import EdgemedError
from edgemed.local_models import tuning
from edgemed.local_models.loading import BATCH, Options, threads_and_batch
from edgemed.local_models.tuned import Speed, note_file, recall, remember


class Timed(ScriptedModel):
    """Says that it read and wrote at the speed it was made for."""

    read, written, broken = 100.0, 10.0, False

    def generate(self, request: Request) -> Iterator[Event]:
        total = self.count(request.messages)
        yield Prefill(total, total, total / self.read)
        if self.broken:
            yield Failed("the model process ended", "ask again")
            return
        yield Done("stop", Timings(total, total / self.read, 8, 8 / self.written))


def speeds(of: Callable[[Options], float], made: list[Timed]) -> Callable[[Options], LanguageModel]:
    def open_model(options: Options) -> LanguageModel:
        model = Timed()
        model.read = of(options)
        made.append(model)
        return model

    return open_model


def test_other_batches_are_tried_with_the_best_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "usable_cores", lambda: 4)
    monkeypatch.setattr(tuning, "logical_cores", lambda: 8)
    made: list[Timed] = []
    said: list[Speed] = []

    def rate(options: Options) -> float:
        return (300.0 if options.threads == 8 else 100.0) + (50.0 if options.batch == 512 else 0.0)

    best = tuning.search(speeds(rate, made), said.append)
    assert (best.threads, best.batch) == (8, 512)
    assert best.read == pytest.approx(350.0)
    assert best.written == pytest.approx(10.0)
    tried = [(trial.threads, trial.batch) for trial in said]
    assert tried == [*((4, BATCH), (2, BATCH), (8, BATCH), (8, 64), (8, 256), (8, 512)), (4, BATCH)]
    assert all(model.closed for model in made)


def test_what_is_not_clearly_faster_is_not_taken() -> None:
    best = tuning.search(speeds(lambda o: 100.0 + (o.batch or 0) / 100, []), lambda trial: None)
    assert tuning.is_usual(best)


def test_a_busy_machine_is_noticed_by_the_same_settings_tried_again() -> None:
    rates = iter([100.0] * 50)
    best = tuning.search(speeds(lambda o: next(rates), []), lambda trial: None)
    assert best.unsteady == 0 and tuning.busy(best) == ""
    slow: list[Timed] = []
    best = tuning.search(speeds(lambda o: 100.0 - 10 * len(slow), slow), lambda trial: None)
    assert best.unsteady is not None and best.unsteady > 0.2
    assert "the machine was busy" in tuning.busy(best)
    varied = iter([100.0, *[120.0] * 20])  # a fifth faster, as the default itself is later
    best = tuning.search(speeds(lambda o: next(varied), []), lambda trial: None)
    assert tuning.is_usual(best)


def test_a_second_draft_is_measured_in_tokens_that_are_read_again() -> None:
    best = tuning.search(speeds(lambda o: 100.0, []), lambda trial: None)
    assert best.reread is not None and f"reads {best.reread} token" in tuning.shown(best)


@pytest.mark.parametrize(("read", "shown"), [(7.6, "7.6"), (8.4, "8.4"), (240.4, "240")])
def test_slow_rates_are_told_apart(read: float, shown: str) -> None:
    assert f": reads {shown} and writes" in tuning.shown(Speed(2, 128, read, 2.0))


def test_what_an_earlier_version_measured_is_still_used(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"x")
    remember(file, Speed(3, 256, 100.0, 10.0))
    old = note_file().read_text("utf-8")
    note_file().write_text(re.sub(r',\s*"(reread|unsteady)": null', "", old), "utf-8")
    assert recall(file) == Speed(3, 256, 100.0, 10.0)


def test_an_engine_that_breaks_ends_the_tuning_and_is_closed() -> None:
    model = Timed()
    model.broken = True
    with pytest.raises(EdgemedError, match="process ended"):
        tuning.trial(lambda options: model, 1, 64)
    assert model.closed


def test_the_note_fits_a_short_context_and_is_never_read_twice_the_same() -> None:
    model = Timed(context=100)
    (message,) = tuning.note_of(model)
    assert 50 < model.count([message]) <= 100 - tuning.WRITTEN
    assert len(set(message.content.splitlines())) == len(message.content.splitlines())


def test_a_tuning_counts_for_that_file_on_that_machine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, speed = tmp_path / "m.gguf", Speed(3, 256, 100.0, 10.0)
    file.write_bytes(b"x")
    assert recall(file) is None
    remember(file, speed)
    assert recall(file) == speed
    assert threads_and_batch(file, Options()) == (3, 256)
    assert threads_and_batch(file, Options(threads=1, batch=32)) == (1, 32)
    with monkeypatch.context() as patch:
        patch.setattr("edgemed.local_models.tuned.cpu_name", lambda: "another")
        assert recall(file) is None
    file.write_bytes(b"xy")
    assert threads_and_batch(file, Options()) == (machine.usable_cores(), BATCH)
    note_file().write_text("[", "utf-8")
    assert recall(file) is None
    remember(file, replace(speed, threads=2))
    assert recall(file) == replace(speed, threads=2)


def test_a_real_model_is_tuned_through_its_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tuning, "BATCHES", (64, BATCH))
    monkeypatch.setattr(tuning, "threads_to_try", lambda: [1])
    assert main(["models", "tune", str(path_of("instruct"))]) == 0
    out, err = capsys.readouterr()
    found = recall(path_of("instruct"))
    assert found is not None
    assert found.read > found.written > 0
    assert found.reread is not None and 0 < found.reread < 40  # not the note again
    assert out.startswith(f"{amount(found.threads, 'thread')}, batch {found.batch}:")
    assert err.count("tokens per second") >= 2


def test_a_stopped_tuning_remembers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "load_model", lambda path, options, tokens: Timed())
    with pytest.raises(tuning.Stopped):
        tuning.tune(path_of("base"), lambda trial: None, lambda: True)
    assert recall(path_of("base")) is None
