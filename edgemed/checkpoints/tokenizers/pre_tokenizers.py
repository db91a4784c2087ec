"""How a byte-level BPE tokenizer splits a text before it merges, and llama.cpp's name for it.

llama.cpp knows a way to split by its name only. Its converter finds the name from the tokens of a
test text; here it follows from what tokenizer.json says: the steps of `normalizer` and
`pre_tokenizer`, and `ignore_merges` (a word that is a token is not split). Names that llama.cpp
treats alike have one row. What is in no row is refused, never guessed.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.checkpoints.tokenizers.files import (
    TOKENIZER,
    Folder,
    Tree,
    shown,
    table,
    tables,
    wrong,
)
from edgemed.errors import Refused
from edgemed.printable import printable

Steps = tuple[str, ...]

END = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
ENGLISH = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
WORDS = ENGLISH + r"|[^\r\n\p{L}\p{N}]?\p{L}+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
FIRST = r"[^\r\n\p{L}\p{N}]?"
CASED_END = END.replace(r"[\r\n]*", r"[\r\n/]*")


def cased(ending: str, digits: str) -> str:
    """The expression that keeps capitals before small letters."""
    return f"{FIRST}{UPPER}*{LOWER}+{ending}|{FIRST}{UPPER}+{LOWER}*{ending}|{digits}{CASED_END}"


BYTES, GPT2, DIGITS = "ByteLevel", "ByteLevel(GPT-2)", "Digits"
PUNCTUATION, NUMBERS = "Punctuation(Contiguous)", "Digits(together)"


def split(expression: str) -> str:
    return f"Split({expression})"


class Rule(NamedTuple):
    """What a tokenizer.json says, for one of llama.cpp's names."""

    name: str
    steps: Steps
    ignore_merges: bool = False
    normalizers: tuple[Steps, ...] = ((),)


RULES = (
    Rule("gpt-2", (GPT2,)),
    Rule("smollm", (DIGITS, GPT2)),
    # llama.cpp does not compose characters, for this name as for any other.
    Rule("qwen2", (split(WORDS + r"|\p{N}" + END), BYTES), normalizers=((), ("NFC",))),
    Rule("llama-bpe", (split(WORDS + r"|\p{N}{1,3}" + END), BYTES), ignore_merges=True),
    Rule("dbrx", (split(WORDS + r"|\p{N}{1,3}" + END), BYTES)),
    Rule("tekken", (split(cased("", r"\p{N}")), BYTES), ignore_merges=True),
    Rule("gpt-4o", (split(cased(ENGLISH + "?", r"\p{N}{1,3}")), BYTES)),
    Rule("deepseek-coder", (
        split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split("[一-龥ࠀ-一가-퟿]+"),
        DIGITS, BYTES,
    )),
    # Its last two steps see bytes written as characters, llama.cpp sees the text: with merges that
    # were learned by these steps, the tokens are the same.
    Rule("falcon", (PUNCTUATION, GPT2, NUMBERS, split("[0-9][0-9][0-9]"))),
)  # fmt: skip


def name_of(folder: Folder, model: Tree) -> str:
    """llama.cpp's name for the way that the folder's tokenizer.json splits; Refused without one."""
    path, tree = folder.file(TOKENIZER), folder.tokenizer or {}
    normalizer = steps_of(path, tree, "normalizer")
    steps = steps_of(path, tree, "pre_tokenizer")
    ignored = model.get("ignore_merges", False)
    if type(ignored) is not bool:
        wrong(path, "model.ignore_merges", ignored, "true or false")
    for rule in RULES:
        if (rule.steps, rule.ignore_merges) == (steps, ignored) and normalizer in rule.normalizers:
            return rule.name
    raise Refused(
        f"{shown(path)}: edgemed has no llama.cpp name for normalizer {brief(normalizer)} and "
        f"pre_tokenizer {brief(steps)} {'with' if ignored else 'without'} ignore_merges",
        f"the names it can tell are {', '.join(rule.name for rule in RULES)}; llama.cpp's own "
        "converter may know this tokenizer",
    )


def steps_of(path: Path, tree: Tree, key: str) -> Steps:
    """The steps of `normalizer` or `pre_tokenizer`, each in one spelling; empty without any."""
    found = table(path, tree, key)
    return tuple(flat(path, key, found)) if found else ()


def brief(steps: Steps) -> str:
    """Steps for an error's line."""
    said = " + ".join(steps) or "none"
    return printable(said if len(said) <= 300 else said[:300] + "...")


def flat(path: Path, key: str, step: Tree) -> list[str]:
    """A step, or those of a sequence, which may hold sequences."""
    if step.get("type") != "Sequence":
        return [spelled(step)]
    inner = tables(path, step, "pretokenizers" if key == "pre_tokenizer" else "normalizers")
    return [name for entry in inner for name in flat(path, key, entry)]


def spelled(step: Tree) -> str:
    """A step's name with what of it changes tokens; anything unknown is shown as it is."""
    kind = step.get("type")
    maker = SPELLED.get(kind) if type(kind) is str else None
    return (maker(step) if maker else None) or other(step)


def other(step: Tree) -> str:
    """A step that is in no rule."""
    values = [f"{name}={shown(value)}" for name, value in step.items() if name != "type"]
    kind = step.get("type")
    return f"{kind if type(kind) is str else '?'}({', '.join(values)})"


def byte_level(step: Tree) -> str | None:
    if step.get("add_prefix_space") is not False:
        return None
    regex = step.get("use_regex", True)
    return {True: GPT2, False: BYTES}[regex] if type(regex) is bool else None


def splitting(step: Tree) -> str | None:
    """Every match is a part of its own. To remove what does not match is the same where everything
    matches."""
    pattern: Any = step.get("pattern")
    how = (step.get("behavior"), step.get("invert"))
    if not isinstance(pattern, Mapping) or len(pattern) != 1:
        return None
    expression = pattern.get("Regex")
    if type(expression) is str and (
        how == ("Isolated", False) or (how == ("Removed", True) and expression.endswith(r"|\s+"))
    ):
        return split(expression)
    if how == ("MergedWithPrevious", False) and pattern.get("String") == " ":
        return 'Split(" ", MergedWithPrevious)'
    return None


def metaspace(step: Tree) -> str | None:
    """Before 2024 `add_prefix_space` said what `prepend_scheme` says, and `split` was not there."""
    scheme = step.get("prepend_scheme", "always" if step.get("add_prefix_space", True) else "never")
    if step.get("replacement") != "▁" or step.get("split") is not False:
        return None
    return f'Metaspace("▁", {scheme})'


def digits(step: Tree) -> str | None:
    found = step.get("individual_digits")
    return {True: DIGITS, False: NUMBERS}[found] if type(found) is bool else None


def punctuation(step: Tree) -> str | None:
    return PUNCTUATION if step.get("behavior") == "Contiguous" else None


def composed(step: Tree) -> str:
    return "NFC"


def prepended(step: Tree) -> str | None:
    return 'Prepend("▁")' if step.get("prepend") == "▁" else None


def replaced(step: Tree) -> str | None:
    how = (step.get("pattern"), step.get("content"))
    return 'Replace(" ", "▁")' if how == ({"String": " "}, "▁") else None


SPELLED: Mapping[str, Callable[[Tree], str | None]] = {
    "ByteLevel": byte_level,
    "Digits": digits,
    "Metaspace": metaspace,
    "NFC": composed,
    "Prepend": prepended,
    "Punctuation": punctuation,
    "Replace": replaced,
    "Split": splitting,
}
"""Kind of a step -> its one spelling; None if a setting makes it another step."""
