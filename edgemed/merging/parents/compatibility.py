"""Whether models can be merged, from headers alone: a table of checks, each with its remedy.

`edgemed check` prints every line of it; a merge refuses by the same lines. The first model is
compared with each of the others. A key that one file leaves out counts as llama.cpp's default for
it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from edgemed_native.codecs import CODECS, obstacle

from edgemed.amounts import amount
from edgemed.errors import Incompatible, InvalidFile
from edgemed.gguf import Model
from edgemed.gguf.description import type_shares
from edgemed.gguf.loadable.architecture import HEAD
from edgemed.gguf.loadable.obstacle import OF_EVERY_COPY, Obstacle
from edgemed.gguf.loadable.obstacles import obstacles
from edgemed.gguf.trained_rounding import REMEDY, warnings
from edgemed.merging.parents import chat, heads, shapes, vocabulary
from edgemed.merging.parents.chat import TEMPLATE, TokenizerChoice
from edgemed.merging.parents.vocabulary import Lexicon

Level = Literal["ok", "note", "refuse"]

USE_RESTRICTED = ("research", "non-commercial", "noncommercial", "-nc", "academic")
"""Words in a licence's name that limit what a merge may be used for."""


class CheckResult(NamedTuple):
    """One line of what was found."""

    check: str
    level: Level
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is to be merged, and what was decided: `any_blocks` for stacks of slices.

    `against`: files, and what prevents llama.cpp from loading them.
    """

    models: tuple[Model, ...]
    any_blocks: bool
    choice: TokenizerChoice
    lexicon: Lexicon | vocabulary.Unrelated
    against: tuple[tuple[Path, Obstacle], ...]

    @property
    def pairs(self) -> Iterator[tuple[Model, Model]]:
        """The first model with every other."""
        return ((self.models[0], other) for other in self.models[1:])


class Compatibility(NamedTuple):
    """All results, and the common vocabulary if there is one."""

    results: tuple[CheckResult, ...]
    lexicon: Lexicon | None


def compatibility(
    models: Sequence[Model], any_blocks: bool = False, choice: TokenizerChoice | None = None
) -> Compatibility:
    """Run all checks in the table's order; one that finds nothing wrong says what is alike."""
    choice = choice or TokenizerChoice()
    against = tuple((m.path, o) for m in dict.fromkeys(models) for o in obstacles(m))
    if any(obstacle.about == "keys" for _, obstacle in against):
        unread = Candidates(
            tuple(models), any_blocks, choice, vocabulary.Unrelated("", ""), against
        )
        return Compatibility(results_of(ABOUT_EACH, unread), None)
    try:
        chosen = chat.chosen_model(choice, models)
        lexicon: Lexicon | vocabulary.Unrelated = vocabulary.relate(
            models, chosen, choice.tokenizer == "union"
        )
    except vocabulary.Unrelated as reason:
        lexicon = reason
    candidates = Candidates(tuple(models), any_blocks, choice, lexicon, against)
    other = any(True for a, b in candidates.pairs for _ in shapes.architecture(a, b))
    checks = [name for name in CHECKS if not (other and name in WITHIN_ARCHITECTURE)]
    return Compatibility(
        results_of(checks, candidates), lexicon if isinstance(lexicon, Lexicon) else None
    )


def results_of(names: Iterable[str], candidates: Candidates) -> tuple[CheckResult, ...]:
    """The lines of these checks."""
    return tuple(CheckResult(name, *line) for name in names for line in CHECKS[name](candidates))


def check_all(
    models: Sequence[Model], any_blocks: bool = False, choice: TokenizerChoice | None = None
) -> Lexicon:
    """The common vocabulary; Incompatible (InvalidFile, where it is about one file) with the first
    reason if any check refuses."""
    results, lexicon = compatibility(models, any_blocks, choice)
    refusals = [f for f in results if f.level == "refuse"]
    if refusals:
        reason, count = refusals[0], len(refusals)
        if reason.check in ABOUT_EACH:
            raise InvalidFile(reason.what, reason.remedy)
        more = f" (and {amount(count - 1, 'more difference')})" if count > 1 else ""
        names = " and ".join(m.path.name for m in models)
        raise Incompatible(f"{names} do not match: {reason.what}{more}", reason.remedy)
    assert lexicon is not None
    return lexicon


Line = tuple[Level, str] | tuple[Level, str, str]
Check = Callable[[Candidates], Iterator[Line]]


def refusing(
    reasons: Callable[[Model, Model, bool], Iterator[tuple[str, str]]],
    alike: Callable[[Model], str],
) -> Check:
    """A check of every pair: each reason refuses; without any, `alike` says what is the same."""

    def check(candidates: Candidates) -> Iterator[Line]:
        found = dict(
            reason for a, b in candidates.pairs for reason in reasons(a, b, candidates.any_blocks)
        )
        yield from (("refuse", what, remedy) for what, remedy in found.items())
        if not found:
            yield "ok", alike(candidates.models[0])

    return check


def files(candidates: Candidates) -> Iterator[Line]:
    """Every model once."""
    same = [*given_twice(candidates.models)]
    yield from same or [("ok", "each is given once")]


def given_twice(models: Sequence[Model]) -> Iterator[Line]:
    """Models that are given more than once, under any name: shards of one model count as that
    model, and mixing a model with itself changes nothing. With other adapters it is another
    model."""
    for i, model in enumerate(models):
        if any(is_same(model, other) for other in models[:i]):
            name = model.path.name
            if model.folder is None and len(model.paths) > 1:
                what = f"{name} and its other shards are one model, given twice"
                yield "refuse", what, "name one shard of each model"
            else:
                yield "note", f"{name} is given twice: a model mixed with itself does not change"


def is_same(model: Model, other: Model) -> bool:
    """Whether both are the same file with the same adapters."""
    return model.adapters == other.adapters and model.path.samefile(other.path)


def loading(candidates: Candidates) -> Iterator[Line]:
    """Whether llama.cpp would load each model, as far as headers tell."""
    for path, found in dict.fromkeys(candidates.against):
        level: Level = "refuse" if found.about in OF_EVERY_COPY else "note"
        yield level, f"{path.name}: {found.verdict}: {found.what}", found.remedy
    if not candidates.against:
        yield "ok", "llama.cpp will load each of them"


def copied_heads(candidates: Candidates) -> Iterator[Line]:
    """Heads that are left out; otherwise the kind of the first model's head."""
    found: list[Line] = [("note", what) for what in heads.notes(candidates.models)]
    own = HEAD in candidates.models[0].tensors
    yield from found or [("ok", "a matrix of its own" if own else "the embedding")]


def vocabularies(candidates: Candidates) -> Iterator[Line]:
    """Equal, or made equal, or refused."""
    lexicon = candidates.lexicon
    if isinstance(lexicon, vocabulary.Unrelated):
        yield "refuse", lexicon.what, lexicon.remedy
        return
    metadata = candidates.models[0].metadata
    if lexicon.kind != "equal":
        yield "note", lexicon.note
    elif vocabulary.TOKENS in metadata:
        count = metadata.length_of(vocabulary.TOKENS)
        yield "ok", f"the same {count:,} tokens, merges, scores and pre-tokenizer"
    else:
        yield "note", "no model has a vocabulary"
    for a, b in candidates.pairs:
        if lexicon.kind == "equal" and not vocabulary.same_value(a, b, vocabulary.TYPES):
            yield "note", f"types of tokens differ; those of {lexicon.host.name} are kept"


def chat_templates(candidates: Candidates) -> Iterator[Line]:
    """Whose template the output would have."""
    try:
        _, note = chat.donor_of(candidates.models, candidates.choice)
    except chat.Undecided as reason:
        yield "refuse", reason.what, reason.remedy
        return
    templates = [m.metadata.text(TEMPLATE) for m in candidates.models]
    same = bool(templates[0]) and len(set(templates)) == 1
    yield ("ok", "the same in all models") if same else ("note", note)


def special_tokens(candidates: Candidates) -> Iterator[Line]:
    """Numbers of the tokens that begin and end texts and turns."""
    every = [chat.turn_ids(m) for m in candidates.models]
    keys = {key: None for ids in every for key in ids}
    different = [key for key in keys if len({ids.get(key) for ids in every}) > 1]
    for key in different:
        numbers = ", ".join(str(ids.get(key, "none")) for ids in every)
        name = key.removeprefix("tokenizer.ggml.").removesuffix("_token_id")
        yield "note", f"{name} is token {numbers}: the model of the chat template decides"
    if not different:
        yield "ok", "the same begin, end and turn tokens"


def quantizations(candidates: Candidates) -> Iterator[Line]:
    """Which types the weights have, and whether they can be read and written."""
    every = [type_shares(m.tensors.values()) for m in candidates.models]
    for model, shares in zip(candidates.models, every, strict=True):
        lost = [name for name in shares if CODECS[name].decoder is None]
        if lost:
            what = f"{model.path.name} has tensors of type {', '.join(lost)}"
            yield "note", f"{what}: such tensors can only be copied from one model"
    for problem in (p for name in every[0] if CODECS[name].decoder and (p := obstacle(name))):
        yield "note", f"{problem}; or choose another output type"
    main = [next(iter(shares), "none") for shares in every]
    word: Level = "ok" if len(set(main)) == 1 else "note"
    yield word, f"mostly {' and '.join(dict.fromkeys(main))}"


def roundings(candidates: Candidates) -> Iterator[Line]:
    """Warn of weights that lose more than others when mixed: those from quantization-aware
    training."""
    found = list(warnings(candidates.models))
    yield from (("note", what, REMEDY) for what in found)
    if not found:
        yield "ok", "no file says that it was trained for a quantized type"


def context_lengths(candidates: Candidates) -> Iterator[Line]:
    """The context lengths of training; the output keeps the first model's."""
    arch = candidates.models[0].metadata.get("general.architecture")
    lengths = [m.metadata.get(f"{arch}.context_length") for m in candidates.models]
    if len(set(lengths)) > 1:
        shown = " and ".join("unknown" if n is None else f"{n:,}" for n in lengths)
        yield "note", f"{shown} tokens; the first model's number is kept"
    else:
        yield "ok", f"{lengths[0]:,} tokens" if lengths[0] else "not stated"


def licences(candidates: Candidates) -> Iterator[Line]:
    """The output is under the licences of all its parents."""
    stated = {m.path: m.metadata.text("general.license") for m in candidates.models}
    for path, licence in stated.items():
        name = licence_name(candidates.models, path)
        if not licence:
            yield "note", f"{path.name} states no licence: read its publisher's page"
        elif any(word in name.lower() for word in USE_RESTRICTED):
            yield "note", f"{path.name} is under {name}, which restricts use"
    words = list(dict.fromkeys(licence for licence in stated.values() if licence))
    if len(words) > 1:
        yield "note", f"the output is under all of these: {', '.join(words)}"
    elif len(words) == 1 and all(stated.values()):
        yield "ok", words[0]


def licence_name(models: Sequence[Model], path: Path) -> str:
    """The licence's id and name, as far as the file says."""
    metadata = next(m.metadata for m in models if m.path == path)
    words = (metadata.text("general.license"), metadata.text("general.license.name"))
    return " ".join(str(word) for word in words if word)


def shown_architecture(model: Model) -> str:
    return str(model.metadata.get("general.architecture"))


CHECKS: dict[str, Check] = {
    "files": files,
    "loading": loading,
    "architecture": refusing(shapes.architecture, shown_architecture),
    **{
        name: refusing(reasons, lambda model, name=name: shapes.shown(model, name))  # type: ignore[misc]
        for name, reasons in shapes.KEY_CHECKS.items()
    },
    "rope tables": refusing(shapes.rope_tables, lambda model: "the same, or none"),
    "tensors": refusing(shapes.tensors, lambda model: f"the same {len(model.tensors):,} tensors"),
    "head": copied_heads,
    "vocabulary": vocabularies,
    "special tokens": special_tokens,
    "chat template": chat_templates,
    "types": quantizations,
    "rounding": roundings,
    "context": context_lengths,
    "licences": licences,
}
"""Every check by its name, in the order in which its lines are printed."""

ABOUT_EACH = ("files", "loading")
"""Checks that can be made where the vocabulary of a model cannot be read."""

WITHIN_ARCHITECTURE = (*shapes.KEY_CHECKS, "rope tables", "tensors")
"""Checks that make no sense between two architectures."""
