"""Decides which model's chat template and turn tokens the output gets, and never guesses.

If there is one template it is used. If two differ, the user chooses by `--tokenizer-from` or a
literal template. The template of a chosen model is never lost. Reads headers only.
"""

import string
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edgemed.errors import UsageError
from edgemed.gguf import Model

TEMPLATE = "tokenizer.chat_template"
TURNS = tuple(f"tokenizer.ggml.{name}_token_id" for name in ("bos", "eos", "eot", "eom"))
"""Numbers of the tokens that begin and end a text or a turn."""
ADDED = tuple(f"tokenizer.ggml.add_{name}_token" for name in ("bos", "eos"))
"""Whether a text begins or ends with such a token."""

DECIDE = "decide whose vocabulary and turn tokens the output has ({}), or give a chat template"


class TokenizerChoice(NamedTuple):
    """What the user decided: `tokenizer` is base, union, a path or a model's letter (A, B, ...)."""

    tokenizer: str | None = None
    template: str | None = None
    base: Path | None = None


class Undecided(Exception):
    """Several templates, and none was chosen: `what`, and the `remedy`."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


def chosen_model(choice: TokenizerChoice, models: Sequence[Model]) -> Model | None:
    """The model that `choice` names; UsageError if it names none of these."""
    if choice.tokenizer in (None, "union"):
        return None
    wanted = choice.base if choice.tokenizer == "base" else Path(str(choice.tokenizer))
    letters = dict(zip(string.ascii_uppercase, models, strict=False))
    named = (m for m in models if wanted == m.path or wanted in m.paths)
    found = next(named, letters.get(str(choice.tokenizer)))
    if found is None:
        names = ", ".join(str(m.path) for m in models)
        raise UsageError(
            f"the tokenizer cannot come from {choice.tokenizer!r}: it is not a model of this merge",
            f"use A for the first, B for the second, union, base (if there is one), or {names}",
        )
    return found


def donor_of(models: Sequence[Model], choice: TokenizerChoice) -> tuple[Model, str]:
    """Whose template and turn tokens the output has, and a line that says so, or Undecided."""
    chosen = chosen_model(choice, models)
    having = [m for m in models if m.metadata.text(TEMPLATE)]
    if choice.template is not None:
        donor = chosen or (having or models)[0]
        return donor, f"chat template as given, turn tokens from {donor.path.name}"
    if chosen is not None and (chosen in having or not having):
        return chosen, said(chosen, bool(having))
    different = {m.metadata[TEMPLATE] for m in having}
    if len(different) > 1:
        names = " and ".join(m.path.name for m in having)
        letters = [string.ascii_uppercase[i] for i, m in enumerate(models[:26]) if m in having]
        raise Undecided(
            f"{names} have different chat templates", DECIDE.format(" or ".join(letters))
        )
    return (having[0], said(having[0], True)) if having else (models[0], said(models[0], False))


def said(donor: Model, has_template: bool) -> str:
    """The line for the user."""
    if has_template:
        return f"chat template and turn tokens from {donor.path.name}"
    return (
        "no model has a chat template: give the output one, else chat and summarize will refuse it"
    )


def turn_ids(model: Model) -> dict[str, int]:
    """The turn tokens that a model names, by key."""
    return {key: model.metadata[key] for key in TURNS if key in model.metadata}
