"""How alike texts are: the same as rouge-score says, the limit to the word, and every alphabet."""

import random
import sys

import pytest
from rouge_score import rouge_scorer

from edgemed.errors import EdgemedError, Refused
from edgemed.evals.metrics import WORD, common_length
from edgemed.instructions import likeness
from edgemed.instructions.likeness import Texts, character, is_over, too_like

WORDS = "explain the of fever in a child's dose 5 mg IV q6h pain, chest; x-ray [left] A)".split()


def text(drawn: random.Random) -> str:
    return " ".join(drawn.choices(WORDS, k=drawn.randint(0, 24)))


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_rouge_score(seed: int) -> None:
    drawn, scorer = random.Random(seed), rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    over = 0
    for _ in range(400):
        one, other = text(drawn), text(drawn)
        if drawn.random() < 0.5:  # texts that are nearly alike
            words = one.split()
            drawn.shuffle(cut := words[:3])
            other = " ".join(cut + words[3:])
        theirs = scorer.score(one, other)["rougeL"].fmeasure
        texts = Texts()
        texts.add(other)
        ours = texts.nearest(one)
        if abs(theirs - 0.7) > 1e-9:  # at the limit itself their floats may fall to either side
            assert (ours is not None) == (theirs > 0.7), (one, other)
        if ours is not None:
            over += 1
            assert ours[1] == pytest.approx(theirs, abs=1e-12)
    assert 20 < over < 390


def test_the_limit_itself_is_not_over() -> None:
    ten = "a b c d e f g h i j"
    assert not too_like(ten, "a b c d e f g x y z")  # 7 of 10 in common: F is 0.7
    assert too_like(ten, "a b c d e f g h y z")
    assert not is_over(7, 20) and is_over(8, 20)
    assert not is_over(7 * 10**15, 20 * 10**15) and is_over(7 * 10**15 + 1, 20 * 10**15)


def test_of_several_the_most_alike_is_named() -> None:
    texts = Texts()
    for kept in ("a b c d x", "nothing like it here", "a b c d e", "a b c d e f"):
        texts.add(kept)
    assert texts.nearest("A, b, C. d e!") == (2, 1.0)
    assert texts.nearest("quite another text") is None
    assert len(texts) == 4


@pytest.mark.parametrize("seed", range(4))
def test_no_text_is_missed(seed: int) -> None:
    """Against every pair compared in full, in Python."""
    drawn, texts = random.Random(seed), Texts()
    vocabulary = WORDS if seed % 2 else [f"w{n}" for n in range(40)]
    kept: list[list[str]] = []
    found = 0
    for number in range(300):
        words = drawn.choices(vocabulary, k=drawn.randint(0, 30))
        if kept and drawn.random() < 0.5:
            words = list(drawn.choice(kept))
            for _ in range(drawn.randint(0, 10)):
                words.insert(drawn.randint(0, len(words)), drawn.choice(vocabulary))
            words = words[drawn.randint(0, 4) :]
        said = WORD.findall(" ".join(words).lower())
        over = [
            (2 * common / (len(said) + len(other)), -at)
            for at, other in enumerate(kept)
            if is_over(common := common_length(said, other), len(said) + len(other))
        ]
        best = max(over, default=None)
        assert texts.nearest(" ".join(words)) == (best and (-best[1], best[0])), number
        found += best is not None
        texts.add(" ".join(words))
        kept.append(said)
    assert 30 < found < 290


def test_empty_texts_are_like_nothing() -> None:
    assert not too_like("", "") and not too_like("a", "") and not too_like("...", "!")


def test_words_of_every_alphabet_count() -> None:
    assert too_like("Fièvre élevée depuis hier", "fièvre élevée depuis hier soir")
    assert not too_like("лихорадка у ребёнка", "кашель без температуры")


def test_numbers_above_the_surrogates_stay_apart() -> None:
    shown = [character(n) for n in (0, 0xD7FF, 0xD800, likeness.MOST_WORDS - 1)]
    assert len(set(shown)) == 4 and all(c.encode() for c in shown)
    with pytest.raises(Refused, match="different words"):
        character(likeness.MOST_WORDS)


def test_without_rapidfuzz_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    with pytest.raises(EdgemedError) as refused:
        Texts()
    assert "edgemed[instructions]" in refused.value.hint
