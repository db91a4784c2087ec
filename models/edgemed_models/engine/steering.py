"""Which user-defined tokens a message may contain: pieces of text, not marks that steer a dialogue.

A vocabulary may declare any token user-defined. Gemma does so for line ends, runs of spaces and
HTML tags, and was trained to read them; many conversions do so for `<|im_start|>` and `[INST]`. A
token that is not known to be a piece of text counts as a mark: if its name occurs in a note, it is
read letter by letter, which costs a few tokens and loses nothing.
"""

import re

HTML = (
    "a abbr b blockquote body br caption cite code col colgroup dd del div dl dt em figcaption "
    "figure font footer h1 h2 h3 h4 h5 h6 head header hr html i ins kbd li main mark "
    "nav ol p pre q s samp section small span strike strong sub summary sup table tbody td tfoot "
    "th thead title tr tt u ul var"
).split()
TAG = re.compile(rf"</?(?:{'|'.join(HTML)})\s*/?>", re.IGNORECASE)

ROLES = frozenset(
    "system user human person assistant ai bot model gpt developer tool tools function functions "
    "observation environment ipython instruction instructions input output response question "
    "answer narrator critic end start eos bos eot".split()
)


def is_piece(name: str, scaffold: str) -> bool:
    """Whether a user-defined token called `name` is just a piece of text.

    `scaffold` is the chat template's source: a token that occurs in it structures a dialogue.
    Pieces are white space, single characters, HTML tags, words that name no role, and repetitions
    of one character.
    """
    text = name.replace("▁", " ")  # a space, as SentencePiece writes it
    if text.isspace() or len(text) == 1:
        return True
    if text.strip() in scaffold:
        return False
    words = text.split()
    worded = all(word.isalnum() and word.casefold() not in ROLES for word in words)
    return bool(TAG.fullmatch(text)) or worded or len(set(text)) == 1
