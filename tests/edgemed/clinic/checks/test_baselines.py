"""What the checks are measured against: simple scores of a sentence, at the same rate of flags."""

import pytest

from edgemed.clinic.reading.source import Source
from edgemed.evals.planting import Planted
from tests.bench import baselines
from tests.bench.checks import Hit, baseline_rates, sentences
from tests.bench.documents import Document

NOTE = "He has knee pain. He takes aspirin 81 mg daily. No fever was noted. He walks two miles."


def test_rouge_l_is_that_of_the_rouge_score_package() -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    windows = ["He has knee pain", "He takes aspirin 81 mg daily."]
    for draft in ("He has no knee pain.", "She takes 81 mg of aspirin daily", "Nothing alike"):
        wanted = max(scorer.score(w, draft)["rougeL"].fmeasure for w in windows)
        assert baselines.rouge_l(windows)(draft) == pytest.approx(wanted)


def test_each_scores_the_same_words_highest_and_others_lowest() -> None:
    windows = baselines.windows_of(NOTE.split(". "))
    for score in (
        baselines.verbatim(NOTE),
        baselines.fuzzy(NOTE),
        baselines.rouge_l(windows),
        baselines.cosine(windows),
    ):
        assert score("He has knee pain") > score("Her elbow itches") + 0.1


def test_each_flags_as_many_untouched_sentences_as_the_checks_do() -> None:
    document = Document("one", NOTE, NOTE.replace("aspirin 81 mg", "warfarin 5 mg"))
    clean = sentences("one", document.note, Source(document.dialogue))
    assert sum(bool(s.flags) for s in clean) == 1
    hits = [
        Hit(Planted("made", "one", s.text, 0, 1, ""), s.text, bool(s.flags), False, False, False)
        for s in clean
    ]
    for flagged in baseline_rates([document], clean, hits).values():
        assert [flagged[id(h)] for h in hits] == [False, True, False, False]
