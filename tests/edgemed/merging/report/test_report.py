"""The figures of a merge against numpy in float64, their words, and the page."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from edgemed.cli.main import main
from edgemed.merging.plan.plan import Target, decide, plan_merge
from edgemed.merging.recipe.recipe import between
from edgemed.merging.report.calibration import DIFFERENCES, estimate, kept_table
from edgemed.merging.report.report import as_html, summary
from edgemed.merging.report.survey import survey
from edgemed.merging.run.run import run_plan
from tests.edgemed.merge_pairs import read_tensors, weights, write_pair_member

NAME = "blk.1.ffn_down.weight"


def near_pair(folder: Path, kind: str, delta: float) -> tuple[Path, Path]:
    """Two models whose matrices differ by `delta` of their size."""
    a, rng = weights(1), np.random.default_rng(5)
    b = {
        k: (v + delta * v.std() * rng.standard_normal(v.shape)).astype(np.float32)
        for k, v in a.items()
    }
    ours = write_pair_member(folder / f"a-{kind}-{delta}.gguf", a, kind)
    return ours, write_pair_member(folder / f"b-{kind}-{delta}.gguf", b, kind)


def measured(pair: tuple[Path, Path], out: Path, method: str = "linear"):
    plan = decide(between(*pair, 0.25, method), Target(out, 2))
    return {m.name: m for m in survey(plan, finished=False)}


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@pytest.mark.parametrize("kind", ["Q4_K", "Q8_0"])
def test_figures_are_those_of_numpy_on_the_files(kind, tmp_path):
    pair = near_pair(tmp_path, kind, 0.2)
    run_plan(plan := plan_merge(between(*pair, 0.25), tmp_path / "out.gguf", 2, max_ram=60_000))
    found = {m.name: m for m in survey(plan, finished=True)}
    a, b, q = (read_tensors(p)[NAME].astype(np.float64) for p in (*pair, tmp_path / "out.gguf"))
    mix, m = 0.75 * a + 0.25 * b, found[NAME]
    norm = np.linalg.norm
    assert m.cosine == pytest.approx(cosine(a, b), rel=1e-6)
    assert m.delta == pytest.approx(norm(b - a) / norm(a), rel=1e-6)
    assert m.rounding == pytest.approx(norm(q - mix) / norm(mix), rel=1e-4)
    assert m.asked == pytest.approx(norm(mix - a) / norm(a), rel=1e-5)
    assert m.held == pytest.approx(cosine(mix - a, q - a), rel=1e-5)


def test_a_survey_without_output_finds_the_same_and_writes_nothing(tmp_path):
    pair = near_pair(tmp_path, "Q4_K", 0.2)
    before = sorted(tmp_path.iterdir())
    on_the_spot = survey(
        decide(between(*pair, 0.5), Target(tmp_path / "out.gguf", 2)), finished=False
    )
    assert sorted(tmp_path.iterdir()) == before
    run_plan(plan := plan_merge(between(*pair, 0.5), tmp_path / "out.gguf", 1))
    assert survey(plan, finished=True) == on_the_spot


def test_figures_do_not_depend_on_threads_or_chunks(tmp_path):
    pair, out = near_pair(tmp_path, "Q8_0", 0.2), tmp_path / "out.gguf"
    one = survey(decide(between(*pair, 0.5, "slerp"), Target(out, 1)), finished=False)
    many = survey(decide(between(*pair, 0.5, "slerp"), Target(out, 3)), finished=False)
    assert one == many


def test_slerp_is_as_far_from_linear_as_the_formula_says(tmp_path):
    pair = near_pair(tmp_path, "F32", 0.5)
    a, b = (read_tensors(p)[NAME].astype(np.float64) for p in pair)
    theta = np.arccos(cosine(a, b))
    arc = (np.sin(theta / 2) / np.sin(theta)) * (a + b)
    line = (a + b) / 2
    expected = np.linalg.norm(arc - line) / np.linalg.norm(line)
    assert measured(pair, tmp_path / "out.gguf")[NAME].arc == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("delta", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("kind", ["Q4_K", "Q8_0"])
def test_the_estimate_finds_the_change_that_rounding_hides(kind, delta, tmp_path):
    pair, exact = near_pair(tmp_path, kind, delta), near_pair(tmp_path, "F32", delta)
    plan = plan_merge(between(*pair, 0.5), tmp_path / "out.gguf", 2)
    run_plan(plan)
    m = next(m for m in survey(plan, finished=True) if m.name == NAME)
    a, b = (read_tensors(p)[NAME] for p in exact)
    held = read_tensors(tmp_path / "out.gguf")[NAME] - read_tensors(pair[0])[NAME]
    assert m.estimate is not None
    assert m.estimate.difference == pytest.approx(delta, rel=0.2)
    assert m.estimate.kept == pytest.approx(cosine(b - a, held), abs=0.05)


def test_what_q4_k_keeps_of_a_one_percent_change_is_about_an_eighth():
    table = kept_table(("Q4_K", "Q4_K"), "Q4_K")
    seen = np.interp(0.01, DIFFERENCES, table[:, 0])
    found = estimate(float(seen), ("Q4_K", "Q4_K"), "Q4_K")
    assert found is not None
    assert found.kept == pytest.approx(0.13, abs=0.03)


def words(pair: tuple[Path, Path], out: Path, method: str = "linear") -> str:
    return " ".join(summary(list(measured(pair, out, method).values())))


def test_too_coarse_parents_are_named_with_the_remedy(tmp_path):
    said = words(near_pair(tmp_path, "Q4_K", 0.01), tmp_path / "out.gguf")
    assert "types (Q4_K) are too coarse" in said
    assert "Q6_K or Q8_0" in said


def test_a_change_that_is_kept_is_said_to_be_kept(tmp_path):
    said = words(near_pair(tmp_path, "Q8_0", 0.3), tmp_path / "out.gguf")
    assert "The change is kept" in said


def test_when_slerp_and_linear_are_the_same_it_is_said(tmp_path):
    near = words(near_pair(tmp_path, "Q4_K", 0.01), tmp_path / "out.gguf")
    assert "cannot matter" in near
    far = near_pair(tmp_path, "Q8_0", 2.0)
    assert "may matter" in words(far, tmp_path / "out.gguf")


def test_copies_are_said_to_be_copies(tmp_path):
    pair = near_pair(tmp_path, "Q8_0", 0.1)
    measures = survey(decide(between(*pair, 0.0), Target(tmp_path / "out.gguf", 1)), finished=False)
    assert summary(measures) == ["The result is a copy of its parents: nothing was mixed."]


class Page(HTMLParser):
    """Collects tags and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_the_page_stands_alone_and_shows_every_tensor(tmp_path):
    measures = list(measured(near_pair(tmp_path, "Q4_K", 0.1), tmp_path / "out.gguf").values())
    text = as_html("<script>alert(1)</script>", measures)
    page = Page()
    page.feed(text)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not {"src", "href", "onload"} & set(page.attributes)
    assert not re.search(r"https?://|url\(", text)
    assert page.tags.count("svg") == 5
    inside = sum(m.block is not None for m in measures)
    assert page.tags.count("circle") >= 2 * inside
    assert all(m.name in text for m in measures)


def test_merge_writes_a_report_beside_the_output(tmp_path, capsys):
    pair = near_pair(tmp_path, "Q4_K", 0.1)
    out = ["merge", *map(str, pair), "--t", "0.5", "-o", str(tmp_path / "out.gguf")]
    assert main([*out, "--report", str(tmp_path / "report.json")]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["tensors"]) == 20
    assert report["summary"][0] in capsys.readouterr().err


def test_a_report_of_another_kind_is_refused_before_the_merge(tmp_path):
    pair = near_pair(tmp_path, "Q4_K", 0.1)
    out = ["merge", *map(str, pair), "--t", "0.5", "-o", str(tmp_path / "out.gguf")]
    assert main([*out, "--report", str(tmp_path / "report.pdf")]) == 2
    assert not (tmp_path / "out.gguf").exists()


def test_diff_prints_a_table_words_and_metadata(tmp_path, capsys):
    pair = near_pair(tmp_path, "Q8_0", 0.1)
    page = tmp_path / "diff.html"
    assert main(["diff", *map(str, pair), "--report", str(page)]) == 0
    said = capsys.readouterr().out
    assert NAME in said
    assert "The files differ by 10." in said
    assert page.read_text().startswith("<!doctype html>")
    assert main(["diff", *map(str, pair), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["tensors"]) == 20


def test_diff_of_a_type_that_cannot_be_written_measures_without_rounding(tmp_path, monkeypatch):
    from edgemed.cli.merging import diff
    from edgemed.gguf import open_model

    pair = near_pair(tmp_path, "Q8_0", 0.1)
    readable = diff.CODECS | {"Q8_0": diff.CODECS["Q8_K"]}
    monkeypatch.setattr(diff, "CODECS", readable)
    assert diff.writable("like-a", open_model(pair[0])) == "F32"
    assert diff.writable("Q6_K", open_model(pair[0])) == "Q6_K"


def test_names_on_the_page_are_no_markup_and_turn_nothing_around():
    page = as_html("<b>\u202e\x1b[2J", [])
    assert "&lt;b&gt;\\u202e\\x1b[2J" in page and "\u202e" not in page
