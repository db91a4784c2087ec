"""The SentencePiece vocabulary of the scale models, learned from the generators' own text."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import sentencepiece
from edgemed_models.scale import clinical_tasks, instructions
from edgemed_models.scale.items import ASSISTANT, END, USER

SIZE = 3072
UNKNOWN, BEGIN, STOP = 0, 1, 2
DOCUMENTS = 30_000


def corpus(seed: int) -> Iterator[str]:
    """Lines of training-split text, clinical and everyday in turn."""
    rng = Random(seed)
    kinds = clinical_tasks.CLINICAL_KINDS
    for n in range(DOCUMENTS):
        clinical = clinical_tasks.clinical_item(rng, kinds[n % len(kinds)], "train")
        everyday = instructions.draw_instruction(rng, "train").item
        for text in (clinical.prompt, clinical.answer, everyday.prompt, everyday.answer):
            yield from text.split("\n")


def learn(target: Path, seed: int) -> None:
    """Write `target`.model: BPE, digits split, every byte spelled, control tokens for turns."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=corpus(seed),
        model_prefix=str(target),
        model_type="bpe",
        vocab_size=SIZE,
        byte_fallback=True,
        split_digits=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        control_symbols=[USER, ASSISTANT, END],
        num_threads=2,
        minloglevel=2,
    )


class Pieces:
    """Text to token ids; turns are control tokens, which no text can spell."""

    def __init__(self, path: Path) -> None:
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.user, self.assistant, self.end = (
            self.model.piece_to_id(x) for x in (USER, ASSISTANT, END)
        )
        self.newline = self.model.piece_to_id("<0x0A>")
        self.words = [i for i in range(self.model.vocab_size()) if self.is_word(i)]
        spelled = (self.model.id_to_piece(i) for i in self.words)
        self.plain = [x[1:] for x in spelled if x[0] == "\u2581" and x[1:].isalpha()]

    def is_word(self, token: int) -> bool:
        plain = not (self.model.is_control(token) or self.model.is_byte(token))
        return plain and token != UNKNOWN

    def ids(self, text: str) -> list[int]:
        return list(self.model.encode(text))

    def asked(self, prompt: str) -> list[int]:
        """The ids of a user's turn, up to where the answer begins."""
        return [BEGIN, self.user, *self.ids(prompt), self.end, self.assistant]
